import { describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest, Reference, Turn } from "../../src/image/request.ts";
import { models as linkai } from "../../src/vendors/linkai/models.ts";
import { models as listenhub } from "../../src/vendors/listenhub/models.ts";
import { asked } from "./asked.ts";

const pro = listenhub["gemini-3-pro-image-preview"] as ModelSpec;
const gpt = linkai["gpt-image-2"] as ModelSpec;
const old = linkai["gemini-2.5-flash-image"] as ModelSpec;
/** A model that takes pixels, as Flux does: a ratio list without 4:3, no tiers. */
const flux: ModelSpec = {
  wireName: "flux",
  ratios: ["1:1", "3:4", "16:9"],
  sizes: [],
  defaultRatio: "1:1",
  dimensions: { multipleOf: 16, min: 256, max: 2048 },
  references: 8,
  referenceSchemes: ["https"],
  qualities: [],
  formats: ["jpeg", "png"],
  seed: true,
  n: 1,
  output: "url",
};
/** A vendor whose API takes a prompt and nothing else. */
const plain: ModelSpec = { ...flux, ratios: [], formats: [], seed: false };
delete plain.dimensions;

const urls = (...list: string[]) => list.map((url) => ({ url }));

function fitted(fields: Partial<ImageRequest>, spec: ModelSpec) {
  const { request, warnings } = fit(asked(fields), spec);
  return { request, warnings };
}

function refusal(fields: Partial<ImageRequest>, spec: ModelSpec): GatewayError {
  try {
    fit(asked(fields), spec);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error("was not refused");
}

describe("keeps without a word", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>]>([
    ["nothing asked", pro, {}],
    ["a tier and ratio of the lists", pro, { size: "4K", aspectRatio: "21:9" }],
    ["a quality of the list", gpt, { quality: "high" }],
    ["pixels of a model that takes them", flux, { width: 1024, height: 768 }],
    ["a ratio that such a model lists", flux, { aspectRatio: "16:9" }],
    ["a seed where there is one", flux, { seed: 0 }],
    ["a format of the list", flux, { outputFormat: "png" }],
    ["as many references as allowed", gpt, { references: urls(...Array<string>(15).fill("https://a.example/b.png")) }],
    ["a gs reference where it works", pro, { references: urls("gs://bucket/cat.png") }],
    ["more pictures than one call draws", pro, { n: 4 }],
  ])("%s", (_, spec, fields) => {
    expect(fitted(fields, spec)).toStrictEqual({ request: asked(fields), warnings: [] });
  });
});

describe("rewrites without a word", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>, Partial<ImageRequest>]>([
    ["published pixels", pro, { width: 1376, height: 768 }, { size: "1K", aspectRatio: "16:9" }],
    ["published pixels of a vendor without sizes", old, { width: 1344, height: 768 }, { aspectRatio: "16:9" }],
    [
      "published pixels with their own ratio",
      gpt,
      { width: 1536, height: 1024, aspectRatio: "3:2" },
      { size: "1K", aspectRatio: "3:2" },
    ],
    [
      "published pixels with their own tier",
      gpt,
      { width: 1536, height: 1024, size: "1K" },
      { size: "1K", aspectRatio: "3:2" },
    ],
    ["a tier for a model that takes pixels", flux, { size: "1K" }, { width: 1024, height: 1024 }],
    ["a tier and ratio for such a model", flux, { size: "1K", aspectRatio: "16:9" }, { width: 1360, height: 768 }],
    ["a ratio such a model does not list", flux, { aspectRatio: "4:3" }, { width: 1184, height: 880 }],
    ["a quality of nothing in particular", gpt, { quality: "auto" }, {}],
  ])("%s", (_, spec, fields, expected) => {
    expect(fitted(fields, spec)).toStrictEqual({ request: asked(expected), warnings: [] });
  });
});

describe("rewrites with a warning", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>, Partial<ImageRequest>, string]>([
    [
      "pixels near a square",
      pro,
      { width: 1000, height: 1000 },
      { size: "1K", aspectRatio: "1:1" },
      "1000x1000 is drawn as 1K 1:1 (1024x1024)",
    ],
    [
      "pixels near a ratio",
      gpt,
      { width: 1792, height: 1024 },
      { size: "2K", aspectRatio: "16:9" },
      "1792x1024 is drawn as 2K 16:9 (2048x1152)",
    ],
    [
      "pixels nobody publishes",
      gpt,
      { width: 1280, height: 720 },
      { size: "1K", aspectRatio: "16:9" },
      "1280x720 is drawn as 1K 16:9 (about 1368x768)",
    ],
    [
      "pixels for a vendor without sizes",
      old,
      { width: 2048, height: 2048 },
      { aspectRatio: "1:1" },
      "2048x2048 is drawn as 1:1 (1024x1024)",
    ],
    [
      "pixels beside another ratio",
      pro,
      { width: 1024, height: 1024, aspectRatio: "16:9" },
      { size: "1K", aspectRatio: "1:1" },
      "aspectRatio 16:9 was left out: width and height decide",
    ],
    [
      "pixels beside another tier",
      pro,
      { width: 1024, height: 1024, size: "4K" },
      { size: "1K", aspectRatio: "1:1" },
      "size 4K was left out: width and height decide",
    ],
    [
      "pixels beside a ratio, where pixels are taken",
      flux,
      { width: 512, height: 512, aspectRatio: "16:9" },
      { width: 512, height: 512 },
      "aspectRatio 16:9 was left out: width and height decide",
    ],
    [
      "pixels for a vendor without any field",
      plain,
      { width: 512, height: 512 },
      {},
      "width and height were left out: some-model does not take them here",
    ],
    [
      "a tier for a vendor without sizes",
      old,
      { size: "2K" },
      {},
      "size 2K was left out: some-model does not take it here",
    ],
    [
      "a ratio for a vendor without ratios",
      plain,
      { aspectRatio: "3:2" },
      {},
      "aspectRatio 3:2 was left out: some-model does not take it here",
    ],
    ["a quality of another vendor", gpt, { quality: "hd" }, { quality: "high" }, "quality hd is drawn as high"],
    [
      "another quality of another vendor",
      gpt,
      { quality: "standard" },
      { quality: "medium" },
      "quality standard is drawn as medium",
    ],
    [
      "a quality the other way round",
      { ...gpt, qualities: ["standard", "hd"] },
      { quality: "high" },
      { quality: "hd" },
      "quality high is drawn as hd",
    ],
    [
      "a quality where there is none",
      pro,
      { quality: "high" },
      {},
      "quality high was left out: some-model does not take it here",
    ],
    [
      "a quality that is no header text",
      pro,
      { quality: "高\r\nset-cookie: a" },
      {},
      "quality ???set-cookie: a was left out: some-model does not take it here",
    ],
    ["a seed where there is none", pro, { seed: 0 }, {}, "seed was left out: some-model does not take it here"],
    [
      "a format not listed",
      flux,
      { outputFormat: "webp" },
      {},
      "outputFormat webp was left out: some-model does not take it here; allowed: jpeg, png",
    ],
    [
      "a format not selectable",
      pro,
      { outputFormat: "png" },
      {},
      "outputFormat png was left out: some-model does not take it here; the format is not selectable",
    ],
  ])("%s", (_, spec, fields, expected, warning) => {
    expect(fitted(fields, spec)).toStrictEqual({ request: asked(expected), warnings: [warning] });
  });
});

describe("refuses, naming the field and what works", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>, string, string]>([
    [
      "a ratio not listed",
      pro,
      { aspectRatio: "4:5" },
      "aspectRatio",
      "aspectRatio 4:5 is not drawn by some-model here; allowed: 1:1, 2:3, 3:2, 3:4, 4:3, 9:16, 16:9, 21:9; nearest: 3:4",
    ],
    [
      "no ratio at all",
      gpt,
      { aspectRatio: "wide" },
      "aspectRatio",
      "aspectRatio wide is not W:H; allowed: 1:1, 3:2, 2:3, 16:9, 9:16",
    ],
    [
      "no ratio, where pixels are taken",
      flux,
      { aspectRatio: "0:1" },
      "aspectRatio",
      "aspectRatio 0:1 is not W:H; allowed: 1:1, 3:4, 16:9",
    ],
    [
      "a tier not listed",
      pro,
      { size: "512" },
      "size",
      "size 512 is not drawn by some-model here; allowed: 1K, 2K, 4K",
    ],
    [
      "a quality not listed",
      gpt,
      { quality: "ultra" },
      "quality",
      "quality ultra is not offered by some-model here; allowed: low, medium, high",
    ],
    [
      "pixels of no supported shape",
      pro,
      { width: 2000, height: 200 },
      "width",
      "2000x200 has a ratio that is not drawn by some-model here; allowed: 1:1, 2:3, 3:2, 3:4, 4:3, 9:16, 16:9, 21:9; nearest: 1K 21:9 (1584x672)",
    ],
    ["width alone", pro, { width: 1024 }, "height", "height is needed beside width"],
    ["height alone", flux, { height: 1024 }, "width", "width is needed beside height"],
    ["half a pixel", pro, { width: 1024.5, height: 1024 }, "width", "width is not a whole number of pixels above 0"],
    ["no pixels", flux, { width: 512, height: 0 }, "height", "height is not a whole number of pixels above 0"],
    ["no number", pro, { width: Number.NaN, height: 5 }, "width", "width is not a whole number of pixels above 0"],
    [
      "a side off the step",
      flux,
      { width: 1024, height: 1000 },
      "height",
      "height 1000 is not drawn by some-model here; allowed: multiples of 16 from 256 to 2048; nearest: 1008",
    ],
    [
      "a side too long",
      flux,
      { width: 4096, height: 1024 },
      "width",
      "width 4096 is not drawn by some-model here; allowed: multiples of 16 from 256 to 2048; nearest: 2048",
    ],
    [
      "a side too short",
      flux,
      { width: 16, height: 1024 },
      "width",
      "width 16 is not drawn by some-model here; allowed: multiples of 16 from 256 to 2048; nearest: 256",
    ],
    [
      "a tier too large in pixels",
      flux,
      { size: "4K", aspectRatio: "16:9" },
      "size",
      "size 4K at aspectRatio 16:9 is not drawn by some-model here; sides are 256 to 2048 pixels; sizes allowed at that ratio: 512, 1K",
    ],
    [
      "a ratio too long in pixels",
      flux,
      { aspectRatio: "100:1" },
      "aspectRatio",
      "aspectRatio 100:1 is not drawn by some-model here; sides are 256 to 2048 pixels; sizes allowed at that ratio: none",
    ],
    [
      "too many references",
      linkai["gemini-3-pro-image-preview"] as ModelSpec,
      { references: urls("https://a/1", "https://a/2", "https://a/3", "https://a/4") },
      "references",
      "references has 4 pictures; some-model takes at most 3 here",
    ],
    [
      "a scheme not taken",
      gpt,
      { references: urls("https://a/1", "gs://bucket/secret?sig=1") },
      "references[1]",
      "references[1] has a URL of scheme gs; allowed: https, http",
    ],
    [
      "a scheme in capitals is the same scheme",
      flux,
      { references: urls("FTP://a/1") },
      "references[0]",
      "references[0] has a URL of scheme ftp; allowed: https, http",
    ],
    [
      "no scheme",
      gpt,
      { references: urls("/etc/passwd") },
      "references[0]",
      "references[0] has a URL without a scheme; allowed: https, http",
    ],
  ])("%s", (_, spec, fields, field, message) => {
    expect(refusal(fields, spec)).toMatchObject({ code: "invalid_request", field, message });
  });

  it("repeats neither a long word nor a URL", () => {
    expect(refusal({ aspectRatio: "9".repeat(5000) }, pro).message.length).toBeLessThan(200);
    expect(refusal({ references: urls("ftp://host/?token=hunter2") }, pro).message).not.toContain("hunter2");
  });
});

describe("a shape in pixels", () => {
  it("is taken up to 4 % from a ratio", () => {
    expect(fit(asked({ width: 1040, height: 1000 }), pro).request).toMatchObject({ aspectRatio: "1:1" });
    expect(fit(asked({ width: 1000, height: 1040 }), pro).request).toMatchObject({ aspectRatio: "1:1" });
  });

  it.each([
    [1041, 1000],
    [1000, 1041],
    [1280, 1024],
  ])("is refused beyond: %ix%i", (width, height) => {
    expect(refusal({ width, height }, pro)).toMatchObject({ field: "width" });
  });
});

describe("turns", () => {
  const [first, second, last] = urls("https://a/1", "https://a/2", "https://a/3");
  const turns: Turn[] = [
    { role: "user", text: "a tower", references: [first!] },
    { role: "model", references: [second!] },
    { role: "model", text: "There it is.", references: [] },
  ];

  it("go as they are to a model that takes them", () => {
    expect(fitted({ turns, references: [last!] }, { ...pro, turns: true })).toEqual({
      request: asked({ turns, references: [last!] }),
      warnings: [],
    });
    expect(fit(asked({ turns: [] }), { ...pro, turns: true }).request.turns).toBeUndefined();
  });

  it("become one prompt and one list of references elsewhere", () => {
    expect(fitted({ turns, prompt: "by night", references: [last!] }, pro)).toStrictEqual({
      request: asked({
        prompt: "User: a tower\n\nAssistant: There it is.\n\nUser: by night",
        references: [first!, second!, last!],
      }),
      warnings: ["turns were joined into one prompt: some-model does not take them here"],
    });
    const shown: Turn[] = [{ role: "model", references: [first!] }];
    expect(fit(asked({ turns: shown, prompt: "by night" }), pro).request.prompt).toBe("by night");
  });

  it("count as references", () => {
    const many: Turn[] = [
      { role: "user", text: "cats", references: urls("https://a/1", "https://a/2") },
      { role: "model", references: urls("https://a/3", "https://a/4") },
    ];
    const told = "turns lost their 2 oldest pictures: some-model takes 3 here";
    const {
      request,
      warnings,
      droppedCount: lost,
    } = fit(asked({ turns: many, references: [last!] }), { ...old, turns: true });
    expect(request.turns?.map((turn) => turn.references)).toEqual([[], many[1]?.references]);
    expect([request.references, warnings, lost]).toEqual([[last], [told], 1]);
    expect(fit(asked({ turns: many, references: [last!] }), old).request.references).toEqual([
      ...(many[1]?.references ?? []),
      last,
    ]);
    // Those of the last turn are what is asked for.
    expect(refusal({ turns: many, references: Array(4).fill(last) as Reference[] }, old)).toMatchObject({
      message: "references has 4 pictures; some-model takes at most 3 here",
    });
    const gs: Turn[] = [{ role: "user", references: urls("gs://bucket/cat.png") }];
    // Joined or not, a picture is called as the caller calls it.
    for (const spec of [{ ...gpt, turns: true } as const, gpt])
      expect(refusal({ turns: gs, references: urls("https://a/1") }, spec)).toMatchObject({
        field: "turns[0].references[0]",
      });
  });
});

describe("pictures", () => {
  const picture = { key: "k", type: "image/png", width: 1, height: 1, bytes: 9 };

  it("a mask is refused where there is none, and taken where there is one", () => {
    expect(refusal({ mask: { picture } }, pro)).toMatchObject({ field: "mask", code: "invalid_request" });
    expect(fit(asked({ mask: { picture } }), { ...pro, mask: true }).request.mask).toEqual({ picture });
  });

  it("larger than the vendor takes are refused", () => {
    const told = "references[1] has 9 bytes; allowed: 8 bytes";
    const references = [...urls("https://a/1"), { picture }];
    expect(refusal({ references }, { ...pro, referenceBytes: 8 })).toMatchObject({ message: told });
    expect(refusal({ mask: { picture } }, { ...pro, mask: true, referenceBytes: 8 })).toMatchObject({ field: "mask" });
    expect(fit(asked({ references }), { ...pro, referenceBytes: 9 }).droppedCount).toBe(0);
  });

  it("behind a URL that is fetched for the vendor are let through", () => {
    expect(fit(asked({ references: urls("https://a/1") }), { ...pro, referenceSchemes: [] }).warnings).toEqual([]);
  });
});

describe("pixels in all", () => {
  const four: ModelSpec = { ...flux, dimensions: { multipleOf: 16, min: 64, max: 4096, maxPixels: 2048 * 2048 } };

  it("are not more than the model draws", () => {
    expect(refusal({ width: 4096, height: 2048 }, four)).toMatchObject({
      field: "width",
      message: "4096x2048 is not drawn by some-model here; allowed: 4194304 pixels in all",
    });
    expect(refusal({ size: "4K" }, four)).toMatchObject({ field: "size" });
  });

  it("give way a little for a tier", () => {
    const { width = 0, height = 0 } = fit(asked({ size: "2K", aspectRatio: "16:9" }), four).request;
    expect([width, height]).toEqual([2720, 1536]);
  });
});

describe("what nobody asked for", () => {
  it("is dropped without a word where it cannot be met", () => {
    const assumed = { defaulted: ["size", "aspectRatio"] as const };
    const { request, warnings, droppedCount: lost } = fit(asked({ size: "2K", aspectRatio: "1:1" }), plain, assumed);
    expect([request.size, request.aspectRatio, warnings, lost]).toEqual([undefined, undefined, [], 0]);
    expect(fit(asked({ size: "4K" }), { ...pro, sizes: ["1K"] }, assumed).request.size).toBeUndefined();
    expect(fit(asked({ size: "2K", aspectRatio: "1:1" }), pro, assumed).request).toMatchObject({
      size: "2K",
      aspectRatio: "1:1",
    });
  });
});

describe("what is lost", () => {
  it.each<[number, Partial<ImageRequest>, ModelSpec]>([
    [0, { size: "1K", aspectRatio: "1:1" }, pro],
    [2, { size: "1K", aspectRatio: "16:9" }, plain],
    [1, { width: 1024, height: 1024 }, plain],
    [1, { seed: 1 }, pro],
    [1, { quality: "high" }, pro],
    [1, { outputFormat: "webp" }, pro],
    // A word for the same thing, or one that asks for nothing, is not lost.
    [0, { quality: "hd" }, gpt],
    [0, { width: 1000, height: 1000 }, pro],
  ])("%i of %j", (count, fields, spec) => {
    expect(fit(asked(fields), spec).droppedCount).toBe(count);
  });

  it("no format, where the caller makes any of them", () => {
    const { request, warnings, droppedCount: lost } = fit(asked({ outputFormat: "webp" }), pro, { converts: true });
    expect([request.outputFormat, warnings, lost]).toEqual([undefined, [], 0]);
  });
});

describe("is pure", () => {
  it("leaves the request it was given alone", () => {
    const request = Object.freeze(asked({ width: 1000, height: 1000, quality: "hd", seed: 7, outputFormat: "webp" }));
    expect(fit(request, gpt).warnings).toHaveLength(4);
    expect(request.width).toBe(1000);
  });

  it("changes nothing the second time", () => {
    for (const spec of [pro, gpt, old, flux]) {
      const once = fit(asked({ width: 1024, height: 1024, quality: "standard", seed: 7, n: 3 }), spec).request;
      expect(fit(once, spec)).toStrictEqual({ droppedCount: 0, request: once, warnings: [] });
    }
  });

  it("lets stored references pass whatever the schemes", () => {
    const picture = { key: "k", type: "image/png", width: 1, height: 1, bytes: 9 };
    expect(fit(asked({ references: [{ picture }] }), { ...flux, referenceSchemes: [] }).warnings).toEqual([]);
  });
});
