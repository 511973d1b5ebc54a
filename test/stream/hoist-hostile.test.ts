import { describe, expect, it } from "vitest";
import { BodyError } from "../../src/stream/body-error.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";
import type { HoistOptions } from "../../src/stream/hoist.ts";
import { picture } from "./document.ts";
import { chunks, Random } from "./random.ts";
import { hoist } from "./sinks.ts";
import { countWork } from "./work.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const png = (length: number) => {
  const { bytes } = picture(new Random(7), length);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  return Buffer.from(bytes).toString("base64");
};
const read = (text: string, size: number, options: Partial<HoistOptions> = {}) =>
  parseDocuments(hoist(chunks(utf8(text), size), options).skeleton);

/** Throws BadBody however it is cut. */
function expectRefused(text: string, message?: RegExp, options: Partial<HoistOptions> = {}): void {
  for (const size of [1, 4, 7, Infinity]) {
    let thrown: unknown;
    try {
      read(text, size, options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BodyError);
    if (message !== undefined) expect((thrown as BodyError).message).toMatch(message);
  }
}

describe("Hoist, given what is broken", () => {
  it("refuses every proper prefix of a document", () => {
    const whole = `{"a":"${png(61)}","t":"a \\"q\\" \\u00e9 é🐈 \\\\","u":"![](data:image/png;base64,${png(62)})","n":[1,{"b":null}]}`;
    const bytes = utf8(whole);
    expect(read(whole, Infinity)).toMatchObject({ a: "hoisted:0", u: "![](data:image/png;base64,hoisted:1)" });
    for (let cut = 0; cut < bytes.length; cut++) {
      for (const size of [1, Infinity]) {
        const prefix = chunks(bytes.subarray(0, cut), size);
        expect(() => parseDocuments(hoist(prefix).skeleton)).toThrow(BodyError);
      }
    }
  });

  it("refuses base64 that is none, wherever it goes wrong", () => {
    const base64 = png(3000);
    const put = (at: number, wrong: string) => `{"a":"${base64.slice(0, at)}${wrong}${base64.slice(at)}"}`;
    for (const at of [16, 17, 18, 19, 400, base64.length - 1]) {
      for (const wrong of ["\\u0000", "\u0000", "!", "é", "🐈", '\\"', "\\\\", "\\x", "\\u00", "\\u12g4", "="]) {
        expectRefused(put(at, wrong));
      }
    }
    expectRefused(`{"a":"${base64.slice(0, -3)}"}`, /cut short or not valid/);
    expectRefused(`{"a":"${base64}A"}`, /cut short or not valid/);
    // Bits left over in a last quad would be lost, but every other reader takes them.
    expect(read(`{"a":"${png(61).slice(0, -3)}x=="}`, 5)).toEqual({ a: "hoisted:0" });
  });

  it("says at once that base64 is none, not when the body has ended", () => {
    for (const wrong of ["!", "\\u0000", "é", "A=AA"]) {
      const body = function* body() {
        yield utf8(`{"a":"${png(300)}${wrong}AAA`);
        throw new Error("read on");
      };
      expect(() => hoist(body())).toThrow(BodyError);
    }
  });

  it("says that a string was left open, whatever comes of the JSON", () => {
    for (const text of ['"', '"a', `"${png(90)}`, '"\\', ': a "note']) {
      expect(() => hoist([utf8(text)])).toThrow("broke off inside a string");
    }
  });

  it("refuses base64 that goes on after its padding, however it comes", () => {
    for (const length of [61, 62]) {
      for (const more of ["AAAA", "A", "AA", "AAA", " AAAA", "=", "\\nAAAA"])
        expectRefused(`{"a":"${png(length)}${more}"}`);
      expectRefused(`{"a":"data:image/png;base64,${png(length)}AAAA"}`);
      for (const space of ["", " ", "\\r\\n", "   \\t"]) {
        for (const size of [1, 4, Infinity])
          expect(read(`{"a":"${png(length)}${space}"}`, size)).toEqual({ a: "hoisted:0" });
      }
    }
  });

  it("refuses nesting beyond its bound, and nothing less", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(() => read(nested(64), 13)).not.toThrow();
    expectRefused(nested(65), /deeper than 64/);
    expectRefused("[".repeat(200_000), /deeper than 64/);
    expectRefused('{"a":'.repeat(200_000), /deeper than 64/);
    expect(read(`{"a":"${"[{".repeat(200)}"}`, 13)).toEqual({ a: "[{".repeat(200) });
  });

  it("refuses more JSON than its bound, white space and numbers too", () => {
    const options = { skeletonBytes: 1000 };
    for (const text of [
      `{"a":"${"x".repeat(996)}"}`,
      `{}${" ".repeat(1000)}`,
      `[${"1,".repeat(500)}1]`,
      `["${"é".repeat(499)}"]`,
    ]) {
      expectRefused(text, /over 1000 bytes/, options);
      expect(() => hoist([utf8(text)], options)).toThrow(expect.objectContaining({ tooLarge: true }));
    }
    expect(read(`{"a":"${"x".repeat(992)}"}`, 13, options)).toEqual({ a: "x".repeat(992) });
    expect(read(`{"a":"${png(30_000)}"}`, 13, options)).toEqual({ a: "hoisted:0" });
  });

  it("lets what open throws through", () => {
    const open = () => {
      throw new RangeError("too many");
    };
    expect(() => hoist([utf8(`["${png(90)}"]`)], { open })).toThrow(RangeError);
  });
});

describe("Hoist, given texts that are too long", () => {
  const options = { textBytes: 100 };

  it("leaves them empty and the JSON whole", () => {
    for (const filling of ["x", "é", "🐈", "漢", '\\"', "\\\\", "\\u00e9", "\\ud83d\\udc08", "a\\n"]) {
      const text = `{"before":1,"long":"${filling.repeat(200)}","after":"${"y".repeat(100)}"}`;
      for (const size of [1, 2, 3, 7, 97, 100, 101, Infinity]) {
        expect(read(text, size, options)).toEqual({
          before: 1,
          long: "",
          after: "y".repeat(100),
        });
      }
    }
  });

  it("keeps one that is just short enough, to the byte", () => {
    for (const size of [1, 7, Infinity]) {
      expect(read(`{"a":"${"é".repeat(50)}"}`, size, options)).toEqual({ a: "é".repeat(50) });
      expect(read(`{"a":"${"é".repeat(50)}x"}`, size, options)).toEqual({ a: "" });
    }
  });

  it("counts them towards no bound, and leaves no picture of theirs behind", () => {
    const long = "signature".repeat(20_000);
    const text = `{"a":"${long}","b":"${long}![](data:image/png;base64,${png(90)})","c":"${long}data:image/png;base64,${png(90)}","d":"${png(90)}"}`;
    for (const size of [1000, Infinity]) {
      expect(read(text, size, { textBytes: 100, skeletonBytes: 300 })).toEqual({ a: "", b: "", c: "", d: "hoisted:2" });
    }
  });
});

describe("Hoist, given what makes a careless scan slow", () => {
  const HOSTILE: Record<string, (length: number) => string> = {
    backslashes: (n) => `["${"\\".repeat(n)}"]`,
    "escaped quotes": (n) => `["${'\\"'.repeat(n / 2)}"]`,
    "short strings": (n) => `[${'"a",'.repeat(n / 4)}"\\n;base64,"]`,
    "empty strings": (n) => `[${'"",'.repeat(n / 3)}""]`,
    "strings that begin like pictures": (n) => `[${'"iVBOR","\\u0069",'.repeat(n / 17)}1]`,
    "starts of data URIs": (n) => `["${";base64,".repeat(n / 8)}"]`,
    "starts of pictures in a text": (n) => `["${";base64,i\\u0020\\n".repeat(n / 17)}"]`,
    semicolons: (n) => `["${";".repeat(n)}"]`,
    "base64 that is no picture": (n) => `["${"AAAA".repeat(n / 4)}"]`,
    "white space where a picture may begin": (n) => `["${" ".repeat(n)}","${";base64,".padEnd(n)}"]`,
    "escaped white space where a picture may begin": (n) => `["${"\\n".repeat(n / 2)}"]`,
    "white space in a picture": (n) => `["${png(60)}${" ".repeat(n)}${png(60)}"]`,
    "white space between characters": (n) => `["${png(n).replace(/(.)/g, "$1 ")}"]`,
    "escaped white space in a picture": (n) => `["${png(60)}${"\\n".repeat(n / 2)}${png(60)}"]`,
    "escapes in a picture": (n) => `["${png(n).replace(/\//g, "\\/")}"]`,
    "short lines in a picture": (n) => `["data:image/png;base64,${png(n).replace(/(.{76})/g, "$1\\n")}"]`,
    "tiny pictures": (n) => `[${`"${png(12)}",`.repeat(n / 20)}1]`,
    "tiny pictures in a text": (n) => `["${`;base64,${png(15)})`.repeat(n / 30)}"]`,
    "tiny pictures in lines": (n) => `["${`;base64,${png(57)}\\n \\n)`.repeat(n / 90)}"]`,
    "unclosed quotes": (n) => `["${'","'.repeat(n / 3)}`,
  };

  it.each(Object.keys(HOSTILE))("looks at %s a bounded number of times", (name) => {
    const make = HOSTILE[name] as (length: number) => string;
    const cost = (length: number, size: number) => {
      const bytes = utf8(make(length));
      const parts = chunks(bytes, size);
      const work = countWork(() => {
        try {
          hoist(parts, { skeletonBytes: 1 << 24 });
        } catch (error) {
          if (!(error instanceof BodyError)) throw error;
        }
      });
      return work / bytes.length;
    };
    for (const size of [1000, Infinity]) {
      const small = cost(8_192, size);
      const large = cost(262_144, size);
      expect(large).toBeLessThan(40);
      expect(large).toBeLessThan(1.5 * small + 1);
    }
    // One byte at a time, some characters are looked at again with each that follows.
    expect(cost(8_192, 1)).toBeLessThan(300);
  });
});
