import { describe, expect, it } from "vitest";
import { closingQuote, cutEscape, unescapeJson } from "../../src/stream/json-text.ts";
import { Random } from "./random.ts";

describe("closingQuote and cutEscape", () => {
  it("closingQuote and cutEscape agree with a reader that scans each character", () => {
    const random = new Random(5);
    const pieces = ["a", "\\\\", '\\"', "\\n", "\\u00e9", "\\u005c", "é", "u", "00", '"', "\\/"];
    for (let n = 0; n < 3_000; n++) {
      const text = Array.from({ length: random.int(0, 9) }, () => random.pick(pieces)).join("");
      let quote = -1;
      let index = 0;
      while (index < text.length && quote < 0) {
        if (text[index] === '"') quote = index;
        else index += text[index] === "\\" ? (text[index + 1] === "u" ? 6 : 2) : 1;
      }
      const quoted = closingQuote(`"${text}`, 1);
      expect([text, closingQuote(text, 0), quoted]).toEqual([text, quote, quote < 0 ? -1 : quote + 1]);

      // Every cut is after a complete escape, or cutEscape returns the start of the split one.
      const inside = quote < 0 ? text : text.slice(0, quote);
      for (let start = 0; start < inside.length;) {
        const length = inside[start] === "\\" ? (inside[start + 1] === "u" ? 6 : 2) : 1;
        for (let cut = 1; cut <= length; cut++) {
          const part = inside.slice(0, start + cut);
          expect([part, cutEscape(part)]).toEqual([part, cut < length ? start : part.length]);
        }
        start += length;
      }
    }
  });
});

describe("unescapeJson", () => {
  it("unescapeJson accepts what JSON allows and nothing else", () => {
    expect(unescapeJson("plain é")).toBe("plain é");
    expect(unescapeJson("\\/\\u002f\\u003D\\n")).toBe("//=\n");
    for (const invalid of ["\\x", "\\", "\\u00", "\\u00g0", '\\"a"b', "\\n\n"])
      expect(unescapeJson(invalid)).toBeUndefined();
  });
});
