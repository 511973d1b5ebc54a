import { describe, expect, it } from "vitest";
import { base64Length, decodeBase64, stripWhitespace, standardAlphabet } from "../../src/stream/base64.ts";
import { Random } from "./random.ts";

describe("base64", () => {
  it("base64Length returns the length of the base64 with padding", () => {
    const random = new Random(1);
    for (let length = 0; length < 100; length++) {
      expect(base64Length(length)).toBe(Buffer.from(random.bytes(length)).toString("base64").length);
    }
  });

  it("decodeBase64 fills its target and returns how much it read and wrote", () => {
    const target = new Uint8Array(6);
    expect(decodeBase64("AQIDBAUGBwgJ", target)).toEqual({ read: 8, written: 6 });
    expect([...target]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(decodeBase64("AQID BAU", target)).toMatchObject({ written: 3 });
    expect(decodeBase64("AQI", target)).toEqual({ read: 0, written: 0 });
    expect(decodeBase64("AQI", target, true)).toEqual({ read: 3, written: 2 });
    for (const wrong of ["AQ!D", "AQ\u0000D", "A===", "AQ-D", "AQIDA", "=AQI"]) {
      expect([wrong, decodeBase64(wrong, target, true)]).toEqual([wrong, undefined]);
    }
  });

  it("standardAlphabet and stripWhitespace normalize both alphabets and white space", () => {
    expect(standardAlphabet("-_+/Az0=")).toBe("+/+/Az0=");
    expect(stripWhitespace(" A\r\nQ\tI D ")).toBe("AQID");
  });
});
