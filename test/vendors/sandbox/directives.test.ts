import { describe, expect, it } from "vitest";
import { directed } from "../../../src/vendors/sandbox/directives.ts";

describe("directives", () => {
  it("leaves a plain prompt alone", () => {
    expect(directed("a cat [sleeping]")).toEqual({
      prompt: "a cat [sleeping]",
      slowMs: 0,
      outcome: "draw",
      broken: false,
    });
  });

  it("takes directives out of the prompt, in any case", () => {
    expect(directed("a [SANDBOX:Slow:2000] cat [sandbox:broken]")).toEqual({
      prompt: "a cat",
      slowMs: 2000,
      outcome: "draw",
      broken: true,
    });
  });

  it("knows every outcome, and lets the first win", () => {
    expect(directed("[sandbox:refuse]").outcome).toBe("refuse");
    expect(directed("[sandbox:empty]").outcome).toBe("empty");
    expect(directed("[sandbox:text] [sandbox:empty]").outcome).toBe("text");
    expect(directed("[sandbox:fail]").outcome).toEqual({ fail: 500 });
    expect(directed("[sandbox:fail:429]").outcome).toEqual({ fail: 429 });
  });

  it("is never slower than a minute", () => {
    expect(directed("[sandbox:slow:999999]").slowMs).toBe(60_000);
  });

  it.each([
    "[sandbox:explode]",
    "[sandbox:fail:418]",
    "[sandbox:slow]",
    "[sandbox:slow:fast]",
    "[sandbox:empty:1]",
    "[sandbox:fail:500:1]",
    "[sandbox:]",
  ])("names the known ones where it does not know %s", (prompt) => {
    expect(() => directed(prompt)).toThrow(expect.objectContaining({ code: "invalid_request", field: "prompt" }));
    expect(() => directed(prompt)).toThrow(/\[sandbox:refuse\].*\[sandbox:fail:STATUS\].*\[sandbox:broken\]/);
  });
});
