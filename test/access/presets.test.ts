import { describe, expect, it } from "vitest";
import type { ImageRequest } from "../../src/image/request.ts";
import { LIMITS } from "../../src/limits.ts";
import { isName } from "../../src/access/names.ts";
import { applyPreset, parsePreset, parsePresets, parsePresetQuery } from "../../src/access/presets.ts";

const parseWithLimits = (wire: unknown) => parsePreset(wire, LIMITS);
const requestWith = (more: Partial<ImageRequest> = {}): ImageRequest => ({
  model: "gemini-3-pro-image-preview",
  prompt: "",
  n: 1,
  references: [],
  ...more,
});
const applyHero = (wire: object, fields: Partial<ImageRequest>) =>
  applyPreset("hero", parseWithLimits(wire), requestWith(fields), Object.keys(fields));

describe("a preset", () => {
  it("an empty preset uses the client's prompt", () => {
    expect(parseWithLimits({})).toMatchObject({ prompt: "{prompt}", references: [], vary: ["prompt"] });
  });

  const invalid: [wire: unknown, field: string | undefined, message: RegExp][] = [
    [[], undefined, /^The body must be an object/],
    [
      { style: "soft" },
      "style",
      /is not a field here; the fields are prompt, model, size, aspectRatio, width, height, /,
    ],
    [{ prompt: "a lighthouse" }, "prompt", /must have \{prompt\} where the caller's words go; or .+ "vary": \[\]/],
    [{ prompt: "a {Prompt}" }, "prompt", /must have \{prompt\}/],
    [{ vary: ["seed"] }, "vary", /must have prompt, or prompt no \{prompt\}/],
    [{ prompt: " " }, "prompt", /must not be empty/],
    [{ prompt: `{prompt}${"x".repeat(32_000)}` }, "prompt", /at most 32000 characters/],
    [{ vary: ["prompt", "n"] }, "vary[1]", /must be one of prompt, model, size, .+, references/],
    [{ vary: "prompt" }, "vary", /must be an array/],
    [{ size: "8K" }, "size", /must be one of 512, 1K/],
    [{ aspectRatio: "wide" }, "aspectRatio", /must be W:H, as in 16:9/],
    [{ width: 100 }, "height", /is needed beside width/],
    [{ height: 100, vary: ["prompt", "height"] }, "width", /is needed beside height/],
    [{ seed: 0.5 }, "seed", /must be a whole number/],
    [{ outputFormat: "gif" }, "outputFormat", /must be one of png, jpeg, webp/],
    [{ model: "" }, "model", /must not be empty/],
    [{ references: ["cat.png"] }, "references[0]", /must be a URL \(https:\/\//],
    [{ references: ["https://example.com/a.png", "gs://a/b"] }, "references[1]", /must be a URL/],
    [{ references: Array(17).fill("https://example.com/a.png") }, "references", /at most 16 pictures/],
    [{ version: "two" }, "version", /must be a/],
  ];
  it.each(invalid)("%#: the preset %j is refused", (wire, field, message) => {
    const error = expect.objectContaining({
      code: "invalid_request",
      field,
      message: expect.stringMatching(message) as string,
    });
    expect(() => parseWithLimits(wire)).toThrow(error as Error);
  });

  it("a preset may leave the second side open, and null counts as absent", () => {
    expect(parseWithLimits({ width: 100, vary: ["prompt", "height", "height"], seed: null })).toMatchObject({
      width: 100,
      vary: ["prompt", "height"],
    });
  });

  it.each([
    ["hero", true],
    ["a-1", true],
    ["x".repeat(64), true],
    ["x".repeat(65), false],
    ["", false],
    ["Hero", false],
    ["a/b", false],
    ["..", false],
    ["a_b", false],
    ["hero\n", false],
  ])("isName of %j is %s", (name, is) => {
    expect(isName(name)).toBe(is);
  });
});

describe("the var PRESETS", () => {
  it("parsePresets returns the presets by name", () => {
    expect([...parsePresets('{"a":{},"b":{"size":"1K"}}', LIMITS).keys()]).toEqual(["a", "b"]);
    expect(parsePresets(undefined, LIMITS).size).toBe(0);
  });

  it.each([
    ["{", "PRESETS must be JSON"],
    ["[]", "PRESETS must be an object: name to preset"],
    ['{"A":{}}', "PRESETS.A must be 1 to 64 of a-z, 0-9 and -"],
    ['{"a":{"size":"8K"}}', "PRESETS.a: size must be one of 512"],
    ['{"a":1}', "PRESETS.a: The body must be an object"],
  ])("parsePresets refuses %s", (json, message) => {
    expect(() => parsePresets(json, LIMITS)).toThrow(message);
  });
});

describe("applyPreset", () => {
  it("the request has the preset's fields and the client's values for the open ones", () => {
    const preset = {
      prompt: "{prompt}, in watercolour; {prompt}!",
      model: "gpt-image-2",
      size: "2K",
      aspectRatio: "16:9",
      seed: 1,
      quality: "high",
      outputFormat: "webp",
      references: ["https://example.com/style.png"],
      vary: ["prompt", "seed"],
      version: 3,
    };
    expect(applyHero(preset, { prompt: "a cat", seed: 7 })).toEqual({
      model: "gpt-image-2",
      prompt: "a cat, in watercolour; a cat!",
      n: 1,
      size: "2K",
      aspectRatio: "16:9",
      seed: 7,
      quality: "high",
      outputFormat: "webp",
      references: [{ url: "https://example.com/style.png" }],
    });
    expect(applyHero(preset, { prompt: "a cat" })).toMatchObject({ seed: 1 });
    expect(applyHero({}, { prompt: "a cat" })).toEqual(requestWith({ prompt: "a cat" }));
    expect(applyHero({ prompt: "a lighthouse", vary: [] }, {})).toEqual(requestWith({ prompt: "a lighthouse" }));
  });

  it.each(["$&", "$'", "$`", "$1", "$$", "{prompt}", "\\{prompt}"])(
    "the client's prompt is inserted literally: %s",
    (prompt) => {
      expect(applyHero({ prompt: "<{prompt}|{prompt}>" }, { prompt }).prompt).toBe(`<${prompt}|${prompt}>`);
    },
  );

  const refused: [fields: Partial<ImageRequest>, field: string][] = [
    [{ size: "4K" }, "size"],
    [{ model: "gpt-image-2" }, "model"],
    [{ n: 2 }, "n"],
    [{ references: [{ url: "https://example.com/a.png" }] }, "references"],
    [{ mask: { url: "https://example.com/a.png" } }, "mask"],
    [{ turns: [] }, "turns"],
    [{ providerOptions: {} }, "providerOptions"],
  ];
  it.each(refused)("a client cannot set the fields of %j", (fields, field) => {
    expect(() => applyHero({ size: "1K", vary: ["prompt", "seed"] }, { prompt: "a cat", ...fields })).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        field,
        message: `${field} cannot be set with the preset hero; what may be set is prompt, seed.`,
      }) as Error,
    );
  });

  it("the error says that nothing is open, or that a prompt is missing", () => {
    expect(() => applyHero({ prompt: "a", vary: [] }, { prompt: "b" })).toThrow("it leaves nothing open");
    expect(() => applyHero({ vary: ["prompt", "seed"] }, { seed: 1 })).toThrow(
      "prompt is required with the preset hero.",
    );
  });

  it("a client's width and height replace the preset's size and ratio, and the reverse", () => {
    const vary = ["prompt", "width", "height", "size", "aspectRatio"];
    const pixels = applyHero({ size: "1K", aspectRatio: "1:1", vary }, { prompt: "a", width: 10, height: 20 });
    expect(pixels).toEqual(requestWith({ prompt: "a", width: 10, height: 20 }));
    const tier = applyHero({ width: 10, height: 20, vary }, { prompt: "a", size: "2K" });
    expect(tier).toEqual(requestWith({ prompt: "a", size: "2K" }));
  });

  it("a client's references replace the preset's if they are open", () => {
    const references = [{ url: "https://example.com/mine.png" }];
    const preset = { references: ["https://example.com/style.png"], vary: ["prompt", "references"] };
    expect(applyHero(preset, { prompt: "a", references }).references).toEqual(references);
  });
});

describe("a query", () => {
  it("a query is parsed into a request and the names of its fields", () => {
    const fields = {
      prompt: "a cat",
      model: "gpt-image-2",
      size: "2K",
      aspectRatio: "1:1",
      seed: "-7",
      width: "64",
      height: "32",
    };
    expect(parsePresetQuery({ ...fields, quality: "high", outputFormat: "png" })).toEqual({
      request: {
        ...fields,
        seed: -7,
        width: 64,
        height: 32,
        quality: "high",
        outputFormat: "png",
        n: 1,
        references: [],
      },
      given: [...Object.keys(fields), "quality", "outputFormat"],
    });
  });

  const invalid: [fields: Record<string, string>, field: string, message: RegExp][] = [
    [{ utm_source: "mail" }, "utm_source", /is not a field here; the fields are prompt, model, size/],
    [{ references: "https://example.com/a.png" }, "references", /is not a field here/],
    [{ n: "2" }, "n", /is not a field here/],
    [{ __proto__x: "1" }, "__proto__x", /is not a field here/],
    [{ prompt: "" }, "prompt", /must not be empty/],
    [{ seed: "" }, "seed", /must be a number/],
    [{ seed: "1e3" }, "seed", /must be a number/],
    [{ seed: "1.5" }, "seed", /must be a number without a fraction, of at most 15 digits/],
    [{ seed: "9".repeat(20) }, "seed", /must be a number/],
    [{ width: "0" }, "width", /must be at least 1/],
    [{ size: "huge" }, "size", /must be one of/],
  ];
  it.each(invalid)("%#: the query %j is refused", (fields, field, message) => {
    const error = expect.objectContaining({
      code: "invalid_request",
      field,
      message: expect.stringMatching(message) as string,
    });
    expect(() => parsePresetQuery(fields)).toThrow(error as Error);
  });
});
