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
const readSkeleton = (text: string, size: number, options: Partial<HoistOptions> = {}) =>
  parseDocuments(hoist(chunks(utf8(text), size), options).skeleton);

/** Expect a BodyError for the text in chunks of any size. */
function expectRejected(text: string, message?: RegExp, options: Partial<HoistOptions> = {}): void {
  for (const size of [1, 4, 7, Infinity]) {
    let thrown: unknown;
    try {
      readSkeleton(text, size, options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BodyError);
    if (message !== undefined) expect((thrown as BodyError).message).toMatch(message);
  }
}

describe("Hoist, given broken documents", () => {
  it("every proper prefix of a document is rejected", () => {
    const text = `{"a":"${png(61)}","t":"a \\"q\\" \\u00e9 é🐈 \\\\","u":"![](data:image/png;base64,${png(62)})","n":[1,{"b":null}]}`;
    const bytes = utf8(text);
    expect(readSkeleton(text, Infinity)).toMatchObject({ a: "hoisted:0", u: "![](data:image/png;base64,hoisted:1)" });
    for (let length = 0; length < bytes.length; length++) {
      for (const size of [1, Infinity]) {
        const prefix = chunks(bytes.subarray(0, length), size);
        expect(() => parseDocuments(hoist(prefix).skeleton)).toThrow(BodyError);
      }
    }
  });

  it("invalid base64 is rejected wherever the error is", () => {
    const base64 = png(3000);
    const insertAt = (index: number, invalid: string) =>
      `{"a":"${base64.slice(0, index)}${invalid}${base64.slice(index)}"}`;
    for (const index of [16, 17, 18, 19, 400, base64.length - 1]) {
      for (const invalid of ["\\u0000", "\u0000", "!", "é", "🐈", '\\"', "\\\\", "\\x", "\\u00", "\\u12g4", "="]) {
        expectRejected(insertAt(index, invalid));
      }
    }
    expectRejected(`{"a":"${base64.slice(0, -3)}"}`, /cut short or not valid/);
    expectRejected(`{"a":"${base64}A"}`, /cut short or not valid/);
    // The last quad has surplus bits, which are lost; every other decoder accepts them.
    expect(readSkeleton(`{"a":"${png(61).slice(0, -3)}x=="}`, 5)).toEqual({ a: "hoisted:0" });
  });

  it("invalid base64 is rejected at once, not at the end of the body", () => {
    for (const invalid of ["!", "\\u0000", "é", "A=AA"]) {
      const body = function* body() {
        yield utf8(`{"a":"${png(300)}${invalid}AAA`);
        throw new Error("read on");
      };
      expect(() => hoist(body())).toThrow(BodyError);
    }
  });

  it("an unterminated string is reported, whether or not the JSON is valid", () => {
    for (const text of ['"', '"a', `"${png(90)}`, '"\\', ': a "note']) {
      expect(() => hoist([utf8(text)])).toThrow("broke off inside a string");
    }
  });

  it("base64 that continues after its padding is rejected in chunks of any size", () => {
    for (const length of [61, 62]) {
      for (const more of ["AAAA", "A", "AA", "AAA", " AAAA", "=", "\\nAAAA"])
        expectRejected(`{"a":"${png(length)}${more}"}`);
      expectRejected(`{"a":"data:image/png;base64,${png(length)}AAAA"}`);
      for (const space of ["", " ", "\\r\\n", "   \\t"]) {
        for (const size of [1, 4, Infinity])
          expect(readSkeleton(`{"a":"${png(length)}${space}"}`, size)).toEqual({ a: "hoisted:0" });
      }
    }
  });

  it("nesting deeper than the limit is rejected, and nothing less", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(() => readSkeleton(nested(64), 13)).not.toThrow();
    expectRejected(nested(65), /deeper than 64/);
    expectRejected("[".repeat(200_000), /deeper than 64/);
    expectRejected('{"a":'.repeat(200_000), /deeper than 64/);
    expect(readSkeleton(`{"a":"${"[{".repeat(200)}"}`, 13)).toEqual({ a: "[{".repeat(200) });
  });

  it("a skeleton over the limit is rejected, white space and numbers included", () => {
    const options = { skeletonBytes: 1000 };
    for (const text of [
      `{"a":"${"x".repeat(996)}"}`,
      `{}${" ".repeat(1000)}`,
      `[${"1,".repeat(500)}1]`,
      `["${"é".repeat(499)}"]`,
    ]) {
      expectRejected(text, /over 1000 bytes/, options);
      expect(() => hoist([utf8(text)], options)).toThrow(expect.objectContaining({ tooLarge: true }));
    }
    expect(readSkeleton(`{"a":"${"x".repeat(992)}"}`, 13, options)).toEqual({ a: "x".repeat(992) });
    expect(readSkeleton(`{"a":"${png(30_000)}"}`, 13, options)).toEqual({ a: "hoisted:0" });
  });

  it("an error thrown by open passes through", () => {
    const open = () => {
      throw new RangeError("too many");
    };
    expect(() => hoist([utf8(`["${png(90)}"]`)], { open })).toThrow(RangeError);
  });
});

describe("Hoist, given texts that are too long", () => {
  const options = { textBytes: 100 };

  it("texts over the limit are emptied and the JSON stays valid", () => {
    for (const filling of ["x", "é", "🐈", "漢", '\\"', "\\\\", "\\u00e9", "\\ud83d\\udc08", "a\\n"]) {
      const text = `{"before":1,"long":"${filling.repeat(200)}","after":"${"y".repeat(100)}"}`;
      for (const size of [1, 2, 3, 7, 97, 100, 101, Infinity]) {
        expect(readSkeleton(text, size, options)).toEqual({
          before: 1,
          long: "",
          after: "y".repeat(100),
        });
      }
    }
  });

  it("a text of exactly the limit is kept", () => {
    for (const size of [1, 7, Infinity]) {
      expect(readSkeleton(`{"a":"${"é".repeat(50)}"}`, size, options)).toEqual({ a: "é".repeat(50) });
      expect(readSkeleton(`{"a":"${"é".repeat(50)}x"}`, size, options)).toEqual({ a: "" });
    }
  });

  it("dropped texts count towards no limit, and pictures in them leave no placeholder", () => {
    const long = "signature".repeat(20_000);
    const text = `{"a":"${long}","b":"${long}![](data:image/png;base64,${png(90)})","c":"${long}data:image/png;base64,${png(90)}","d":"${png(90)}"}`;
    for (const size of [1000, Infinity]) {
      expect(readSkeleton(text, size, { textBytes: 100, skeletonBytes: 300 })).toEqual({
        a: "",
        b: "",
        c: "",
        d: "hoisted:2",
      });
    }
  });
});

describe("Hoist, given input that makes a careless scan slow", () => {
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

  it.each(Object.keys(HOSTILE))("the scan of %s takes linear time", (name) => {
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
    // In chunks of one byte, some characters are scanned again with each later chunk.
    expect(cost(8_192, 1)).toBeLessThan(300);
  });
});
