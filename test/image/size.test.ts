import { describe, expect, it } from "vitest";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import { PIXELS } from "../../src/image/pixel-tables.ts";
import { canonicalTier, nearest, parsePixels, parseRatio, pixelsOf, type Shape } from "../../src/image/size.ts";
import { models as linkai } from "../../src/vendors/linkai/models.ts";
import { models as listenhub } from "../../src/vendors/listenhub/models.ts";

describe("parsers", () => {
  it.each<[string, Shape | undefined]>([
    ["16:9", { width: 16, height: 9 }],
    ["1.91:1", { width: 1.91, height: 1 }],
    ...["", "16", "16:", "0:9", "16:0", "-16:9", "16:9:4", " 16:9", "16x9", "auto", "1e3:1", "999999:1"].map(
      (bad): [string, undefined] => [bad, undefined],
    ),
  ])("parseRatio parses %j", (text, expected) => expect(parseRatio(text)).toEqual(expected));

  it.each<[string, Shape | undefined]>([
    ["1024x768", { width: 1024, height: 768 }],
    ...["", "1024", "1024*768", "0x0", "1024x0", "-1x5", "1.5x2", "1024x768x3", "2K", "1000000x1"].map(
      (bad): [string, undefined] => [bad, undefined],
    ),
  ])("parsePixels parses %j", (text, expected) => expect(parsePixels(text)).toEqual(expected));

  it.each<[string, string | undefined]>([
    ["1k", "1K"],
    ["4K", "4K"],
    ["3k", "3K"],
    ["512", "512"],
    ["512px", "512"],
    ["0.5k", "512"],
    ...["", "8K", "1024", "1024x1024", "auto", "K", "1 K"].map((bad): [string, undefined] => [bad, undefined]),
  ])("canonicalTier parses %j", (text, expected) => expect(canonicalTier(text)).toBe(expected));
});

describe("published pixels", () => {
  const entries = Object.entries({ ...PIXELS, "gpt-image-2": linkai["gpt-image-2"]?.pixels ?? {} }).flatMap(
    ([table, tiers]) =>
      Object.entries<Record<string, string>>(tiers).flatMap(([tier, row]) =>
        Object.entries(row).map(([ratio, pixels]) => ({ table, tier, ratio, pixels })),
      ),
  );

  it("the tables have as many entries as their sources", () => expect(entries).toHaveLength(10 + 30 + 56 + 8 + 24));

  it.each([
    ["gemini-2.5", "1K", "16:9", "1344x768"],
    ["gemini-3-pro", "2K", "4:5", "1856x2304"],
    ["gemini-3.1-flash", "4K", "1:8", "1536x12288"],
    ["gpt-image-2", "2K", "16:9", "2048x1152"],
    ["seedream-4.x", "4K", "21:9", "6240x2656"],
  ])("the published pixels of %s at %s %s are %s", (table, tier, ratio, pixels) =>
    expect(entries).toContainEqual({ table, tier, ratio, pixels }),
  );

  it("published pixels match their ratio, except the one entry that is printed otherwise", () => {
    const odd = entries.filter(({ ratio, pixels }) => {
      const [expected, actual] = [parseRatio(ratio), parsePixels(pixels)];
      if (!expected || !actual) return true;
      return Math.abs(Math.log((actual.width / actual.height) * (expected.height / expected.width))) > 0.04;
    });
    expect(odd).toEqual([{ table: "gemini-3.1-flash", tier: "512", ratio: "21:9", pixels: "792x168" }]);
  });
});

describe("pixelsOf", () => {
  it.each([
    ["the table's entry", PIXELS["gemini-3-pro"], "1K", "16:9", 1376, 768],
    ["computed pixels if the table lacks the tier", PIXELS["gemini-2.5"], "2K", "16:9", 2728, 1536],
    ["computed pixels if the table lacks the ratio", PIXELS["seedream-4.x"], "2K", "4:5", 1832, 2288],
    ["computed pixels without a table", undefined, "3K", "1:1", 3072, 3072],
    ["the pixels of the tier 512", undefined, "512", "3:2", 624, 416],
    ["at least one step per side", undefined, "512", "1:99999", 8, 161904],
  ] as const)("pixelsOf returns %s", (_, table, tier, ratio, width, height) => {
    expect(pixelsOf(table, tier, ratio)).toEqual({ width, height });
  });

  it.each(["constructor", "__proto__", "auto", "0:1", ""])("pixelsOf rejects %j and names the field", (ratio) => {
    expect(() => pixelsOf(PIXELS["gemini-2.5"], "1K", ratio)).toThrowError(
      expect.objectContaining({ code: "invalid_request", field: "aspectRatio" }),
    );
  });
});

describe("nearest", () => {
  const spec = (of: Record<string, ModelSpec>, name: string) => of[name] as ModelSpec;
  const pro = spec(listenhub, "gemini-3-pro-image-preview");
  const gpt = spec(linkai, "gpt-image-2");
  const gemini25 = spec(linkai, "gemini-2.5-flash-image");

  it.each([
    ["an exact entry", pro, 5504, 3072, { size: "4K", aspectRatio: "16:9", exact: true }],
    ["an exact entry of an odd shape", pro, 1584, 672, { size: "1K", aspectRatio: "21:9", exact: true }],
    ["OpenAI's landscape", gpt, 1536, 1024, { size: "1K", aspectRatio: "3:2", exact: true }],
    ["the nearest ratio, then the nearest area", gpt, 1792, 1024, { size: "2K", aspectRatio: "16:9", exact: false }],
    ["a tier the table lacks", gpt, 4096, 4096, { size: "4K", aspectRatio: "1:1", exact: false, published: false }],
    ["a small square", pro, 64, 64, { size: "1K", aspectRatio: "1:1", exact: false, width: 1024 }],
    ["a huge square", pro, 90000, 90000, { size: "4K", aspectRatio: "1:1", exact: false, width: 4096 }],
    ["an exact entry of a vendor without a size field", gemini25, 1344, 768, { aspectRatio: "16:9", exact: true }],
    [
      "the only pixels of a vendor without a size field",
      gemini25,
      2048,
      2048,
      { aspectRatio: "1:1", exact: false, width: 1024 },
    ],
  ])("nearest finds %s", (_, of, width, height, expected) => {
    expect(nearest(width, height, of)).toMatchObject(expected);
  });

  it("nearest prefers an exact published entry to a nearer ratio", () => {
    const flash: ModelSpec = { ...spec(listenhub, "gemini-3.1-flash-image-preview"), sizes: ["512", "1K"] };
    expect(nearest(792, 168, flash)).toMatchObject({ size: "512", aspectRatio: "21:9", exact: true });
    expect(nearest(800, 168, flash)).toMatchObject({ aspectRatio: "4:1", exact: false });
  });

  it("nearest returns no size if the vendor has no size field", () =>
    expect(nearest(1024, 1024, gemini25)).not.toHaveProperty("size"));

  it("nearest knows squares without a table, and no other shape", () => {
    const { pixels: _, ...bare } = pro;
    expect(nearest(2048, 2048, bare)).toMatchObject({ size: "2K", exact: true });
    expect(nearest(1360, 768, bare)).toMatchObject({ size: "1K", aspectRatio: "16:9", exact: false, published: false });
  });

  it("nearest returns no ratio or tier that the spec lacks", () => {
    const seedream = spec(linkai, "doubao-seedream-4.5");
    expect(nearest(1024, 1024, seedream)).toMatchObject({ size: "2K", exact: false });
    expect(nearest(512, 2048, pro)).toMatchObject({ aspectRatio: "9:16", exact: false });
  });
});
