import { describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest, Reference, Turn } from "../../src/image/request.ts";
import { models as linkai } from "../../src/vendors/linkai/models.ts";
import { models as listenhub } from "../../src/vendors/listenhub/models.ts";
import { imageRequest } from "./image-request.ts";

const pro = listenhub["gemini-3-pro-image-preview"] as ModelSpec;
const gpt = linkai["gpt-image-2"] as ModelSpec;
const flash = linkai["gemini-2.5-flash-image"] as ModelSpec;
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

function fitResult(fields: Partial<ImageRequest>, spec: ModelSpec) {
  const { request, warnings } = fit(imageRequest(fields), spec);
  return { request, warnings };
}

function fitError(fields: Partial<ImageRequest>, spec: ModelSpec): GatewayError {
  try {
    fit(imageRequest(fields), spec);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error("was not refused");
}

describe("values that a model takes", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>]>([
    ["a request without options", pro, {}],
    ["a tier and ratio of the lists", pro, { size: "4K", aspectRatio: "21:9" }],
    ["a quality of the list", gpt, { quality: "high" }],
    ["pixels of a model that takes them", flux, { width: 1024, height: 768 }],
    ["a ratio that such a model lists", flux, { aspectRatio: "16:9" }],
    ["a seed where there is one", flux, { seed: 0 }],
    ["a format of the list", flux, { outputFormat: "png" }],
    ["as many references as allowed", gpt, { references: urls(...Array<string>(15).fill("https://a.example/b.png")) }],
    ["a gs reference where it works", pro, { references: urls("gs://bucket/cat.png") }],
    ["more pictures than one call generates", pro, { n: 4 }],
  ])("fit keeps %s, without a warning", (_, spec, fields) => {
    expect(fitResult(fields, spec)).toStrictEqual({ request: imageRequest(fields), warnings: [] });
  });
});

describe("values that are rewritten without a warning", () => {
  it.each<[string, ModelSpec, Partial<ImageRequest>, Partial<ImageRequest>]>([
    ["published pixels", pro, { width: 1376, height: 768 }, { size: "1K", aspectRatio: "16:9" }],
    ["published pixels of a vendor without sizes", flash, { width: 1344, height: 768 }, { aspectRatio: "16:9" }],
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
  ])("fit rewrites %s, without a warning", (_, spec, fields, expected) => {
    expect(fitResult(fields, spec)).toStrictEqual({ request: imageRequest(expected), warnings: [] });
  });
});

describe("values that are rewritten with a warning", () => {
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
      "pixels that are not published",
      gpt,
      { width: 1280, height: 720 },
      { size: "1K", aspectRatio: "16:9" },
      "1280x720 is drawn as 1K 16:9 (about 1368x768)",
    ],
    [
      "pixels for a vendor without sizes",
      flash,
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
      flash,
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
  ])("fit warns of %s", (_, spec, fields, expected, warning) => {
    expect(fitResult(fields, spec)).toStrictEqual({ request: imageRequest(expected), warnings: [warning] });
  });
});

describe("rejected values", () => {
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
  ])("fit rejects %s, and names the field and what is allowed", (_, spec, fields, field, message) => {
    expect(fitError(fields, spec)).toMatchObject({ code: "invalid_request", field, message });
  });

  it("an error repeats neither a long text nor a URL", () => {
    expect(fitError({ aspectRatio: "9".repeat(5000) }, pro).message.length).toBeLessThan(200);
    expect(fitError({ references: urls("ftp://host/?token=hunter2") }, pro).message).not.toContain("hunter2");
  });
});

describe("the ratio of requested pixels", () => {
  it("pixels within 4 % of a supported ratio are accepted", () => {
    expect(fit(imageRequest({ width: 1040, height: 1000 }), pro).request).toMatchObject({ aspectRatio: "1:1" });
    expect(fit(imageRequest({ width: 1000, height: 1040 }), pro).request).toMatchObject({ aspectRatio: "1:1" });
  });

  it.each([
    [1041, 1000],
    [1000, 1041],
    [1280, 1024],
  ])("pixels further than 4 % from every supported ratio are rejected: %ix%i", (width, height) => {
    expect(fitError({ width, height }, pro)).toMatchObject({ field: "width" });
  });
});

describe("turns", () => {
  const [first, second, last] = urls("https://a/1", "https://a/2", "https://a/3");
  const turns: Turn[] = [
    { role: "user", text: "a tower", references: [first!] },
    { role: "model", references: [second!] },
    { role: "model", text: "There it is.", references: [] },
  ];

  it("turns reach a model that takes them unchanged", () => {
    expect(fitResult({ turns, references: [last!] }, { ...pro, turns: true })).toEqual({
      request: imageRequest({ turns, references: [last!] }),
      warnings: [],
    });
    expect(fit(imageRequest({ turns: [] }), { ...pro, turns: true }).request.turns).toBeUndefined();
  });

  it("turns become one prompt and one list of references for other models", () => {
    expect(fitResult({ turns, prompt: "by night", references: [last!] }, pro)).toStrictEqual({
      request: imageRequest({
        prompt: "User: a tower\n\nAssistant: There it is.\n\nUser: by night",
        references: [first!, second!, last!],
      }),
      warnings: ["turns were joined into one prompt: some-model does not take them here"],
    });
    const pictureTurn: Turn[] = [{ role: "model", references: [first!] }];
    expect(fit(imageRequest({ turns: pictureTurn, prompt: "by night" }), pro).request.prompt).toBe("by night");
  });

  it("pictures of turns count as references", () => {
    const turnsWithPictures: Turn[] = [
      { role: "user", text: "cats", references: urls("https://a/1", "https://a/2") },
      { role: "model", references: urls("https://a/3", "https://a/4") },
    ];
    const message = "turns lost their 2 oldest pictures: some-model takes 3 here";
    const {
      request,
      warnings,
      droppedCount: dropped,
    } = fit(imageRequest({ turns: turnsWithPictures, references: [last!] }), { ...flash, turns: true });
    expect(request.turns?.map((turn) => turn.references)).toEqual([[], turnsWithPictures[1]?.references]);
    expect([request.references, warnings, dropped]).toEqual([[last], [message], 1]);
    expect(fit(imageRequest({ turns: turnsWithPictures, references: [last!] }), flash).request.references).toEqual([
      ...(turnsWithPictures[1]?.references ?? []),
      last,
    ]);
    // The references of the current turn are never dropped.
    expect(fitError({ turns: turnsWithPictures, references: Array(4).fill(last) as Reference[] }, flash)).toMatchObject(
      {
        message: "references has 4 pictures; some-model takes at most 3 here",
      },
    );
    const gs: Turn[] = [{ role: "user", references: urls("gs://bucket/cat.png") }];
    // Joined or not, an error names the picture by its path in the client's request.
    for (const spec of [{ ...gpt, turns: true } as const, gpt])
      expect(fitError({ turns: gs, references: urls("https://a/1") }, spec)).toMatchObject({
        field: "turns[0].references[0]",
      });
  });
});

describe("reference pictures and masks", () => {
  const picture = { key: "k", type: "image/png", width: 1, height: 1, bytes: 9 };

  it("a mask is rejected by a model without masks and kept by a model with them", () => {
    expect(fitError({ mask: { picture } }, pro)).toMatchObject({ field: "mask", code: "invalid_request" });
    expect(fit(imageRequest({ mask: { picture } }), { ...pro, mask: true }).request.mask).toEqual({ picture });
  });

  it("reference pictures that are larger than the vendor takes are rejected", () => {
    const message = "references[1] has 9 bytes; allowed: 8 bytes";
    const references = [...urls("https://a/1"), { picture }];
    expect(fitError({ references }, { ...pro, referenceBytes: 8 })).toMatchObject({ message });
    expect(fitError({ mask: { picture } }, { ...pro, mask: true, referenceBytes: 8 })).toMatchObject({ field: "mask" });
    expect(fit(imageRequest({ references }), { ...pro, referenceBytes: 9 }).droppedCount).toBe(0);
  });

  it("a reference URL that the gateway can fetch for the vendor is accepted", () => {
    expect(fit(imageRequest({ references: urls("https://a/1") }), { ...pro, referenceSchemes: [] }).warnings).toEqual(
      [],
    );
  });
});

describe("the maximum of pixels in all", () => {
  const four: ModelSpec = { ...flux, dimensions: { multipleOf: 16, min: 64, max: 4096, maxPixels: 2048 * 2048 } };

  it("more pixels than the model generates are rejected", () => {
    expect(fitError({ width: 4096, height: 2048 }, four)).toMatchObject({
      field: "width",
      message: "4096x2048 is not drawn by some-model here; allowed: 4194304 pixels in all",
    });
    expect(fitError({ size: "4K" }, four)).toMatchObject({ field: "size" });
  });

  it("a tier slightly over the maximum of pixels is shortened", () => {
    const { width = 0, height = 0 } = fit(imageRequest({ size: "2K", aspectRatio: "16:9" }), four).request;
    expect([width, height]).toEqual([2720, 1536]);
  });
});

describe("defaults of the dialect", () => {
  it("a default that the model cannot honour is dropped without a warning", () => {
    const options = { defaulted: ["size", "aspectRatio"] as const };
    const {
      request,
      warnings,
      droppedCount: dropped,
    } = fit(imageRequest({ size: "2K", aspectRatio: "1:1" }), plain, options);
    expect([request.size, request.aspectRatio, warnings, dropped]).toEqual([undefined, undefined, [], 0]);
    expect(fit(imageRequest({ size: "4K" }), { ...pro, sizes: ["1K"] }, options).request.size).toBeUndefined();
    expect(fit(imageRequest({ size: "2K", aspectRatio: "1:1" }), pro, options).request).toMatchObject({
      size: "2K",
      aspectRatio: "1:1",
    });
  });
});

describe("droppedCount", () => {
  it.each<[number, Partial<ImageRequest>, ModelSpec]>([
    [0, { size: "1K", aspectRatio: "1:1" }, pro],
    [2, { size: "1K", aspectRatio: "16:9" }, plain],
    [1, { width: 1024, height: 1024 }, plain],
    [1, { seed: 1 }, pro],
    [1, { quality: "high" }, pro],
    [1, { outputFormat: "webp" }, pro],
    // A synonym, or a value that requests nothing in particular, does not count as dropped.
    [0, { quality: "hd" }, gpt],
    [0, { width: 1000, height: 1000 }, pro],
  ])("droppedCount is %i for %j", (count, fields, spec) => {
    expect(fit(imageRequest(fields), spec).droppedCount).toBe(count);
  });

  it("an output format that the caller can convert to does not count as dropped", () => {
    const {
      request,
      warnings,
      droppedCount: dropped,
    } = fit(imageRequest({ outputFormat: "webp" }), pro, { converts: true });
    expect([request.outputFormat, warnings, dropped]).toEqual([undefined, [], 0]);
  });
});

describe("purity of fit", () => {
  it("fit does not change the request that it is given", () => {
    const request = Object.freeze(
      imageRequest({ width: 1000, height: 1000, quality: "hd", seed: 7, outputFormat: "webp" }),
    );
    expect(fit(request, gpt).warnings).toHaveLength(4);
    expect(request.width).toBe(1000);
  });

  it("a second fit changes nothing", () => {
    for (const spec of [pro, gpt, flash, flux]) {
      const once = fit(imageRequest({ width: 1024, height: 1024, quality: "standard", seed: 7, n: 3 }), spec).request;
      expect(fit(once, spec)).toStrictEqual({ droppedCount: 0, request: once, warnings: [] });
    }
  });

  it("stored references are accepted whatever URL schemes the vendor takes", () => {
    const picture = { key: "k", type: "image/png", width: 1, height: 1, bytes: 9 };
    expect(fit(imageRequest({ references: [{ picture }] }), { ...flux, referenceSchemes: [] }).warnings).toEqual([]);
  });
});
