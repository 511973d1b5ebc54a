import { describe, expect, it } from "vitest";
import { parseDirectives } from "../../../src/vendors/sandbox/directives.ts";

describe("directives", () => {
  it("a prompt without directives is unchanged", () => {
    expect(parseDirectives("a cat [sleeping]")).toEqual({
      prompt: "a cat [sleeping]",
      slowMs: 0,
      outcome: "draw",
      broken: false,
    });
  });

  it("directives are removed from the prompt, in upper and lower case", () => {
    expect(parseDirectives("a [SANDBOX:Slow:2000] cat [sandbox:broken]")).toEqual({
      prompt: "a cat",
      slowMs: 2000,
      outcome: "draw",
      broken: true,
    });
  });

  it("every outcome is known, and the first one counts", () => {
    expect(parseDirectives("[sandbox:refuse]").outcome).toBe("refuse");
    expect(parseDirectives("[sandbox:empty]").outcome).toBe("empty");
    expect(parseDirectives("[sandbox:text] [sandbox:empty]").outcome).toBe("text");
    expect(parseDirectives("[sandbox:fail]").outcome).toEqual({ fail: 500 });
    expect(parseDirectives("[sandbox:fail:429]").outcome).toEqual({ fail: 429 });
  });

  it("a directive delays by at most one minute", () => {
    expect(parseDirectives("[sandbox:slow:999999]").slowMs).toBe(60_000);
  });

  it.each([
    "[sandbox:explode]",
    "[sandbox:fail:418]",
    "[sandbox:slow]",
    "[sandbox:slow:fast]",
    "[sandbox:empty:1]",
    "[sandbox:fail:500:1]",
    "[sandbox:]",
  ])("the error for %s names the known directives", (prompt) => {
    expect(() => parseDirectives(prompt)).toThrow(
      expect.objectContaining({ code: "invalid_request", field: "prompt" }),
    );
    expect(() => parseDirectives(prompt)).toThrow(/\[sandbox:refuse\].*\[sandbox:fail:STATUS\].*\[sandbox:broken\]/);
  });
});
