import { describe, expect, it } from "vitest";
import { registryOf } from "../../src/models/registry.ts";
import { providers, vendors } from "../../src/vendors/index.ts";
import type { Provider } from "../../src/vendors/vendor.ts";

const PRO = "gemini-3-pro-image-preview";
const FLASH = "gemini-3.1-flash-image-preview";

function provider(name: string): Provider {
  const found = providers.find((provider) => provider.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
const listenhub = provider("listenhub");
const linkai = provider("linkai");

/** The registry with the var MODELS, as an object or as its text. */
function registryWith(models?: unknown) {
  const text = typeof models === "string" ? models : JSON.stringify(models);
  return registryOf({ modelsVar: text });
}

describe("the model registry without the var MODELS", () => {
  const { models, canonical, entryOf, specOf } = registryWith();
  it("the registry has the specs of the vendors' folders", () => {
    for (const provider of providers)
      for (const [model, spec] of Object.entries(provider.models)) {
        expect(specOf(provider, model)).toEqual(spec.off ? undefined : spec);
        expect(models).toContain(model);
      }
  });

  it("every name and alias leads to exactly one model", () => {
    for (const model of models) {
      expect(canonical(model)).toBe(model);
      for (const alias of entryOf(model).aliases) expect(canonical(alias)).toBe(model);
    }
    expect(models).toContain("sandbox");
    expect(new Set(models).size).toBe(models.length);
  });

  it.each(["", "dall-e-3", "GPT-IMAGE-2", "constructor", "__proto__", `linkai/${PRO}`])(
    "the registry does not know %j",
    (name) => {
      expect(canonical(name)).toBeUndefined();
      expect(entryOf(name)).toEqual({ aliases: [] });
      expect(specOf(linkai, name)).toBeUndefined();
    },
  );

  it("the registry is built once for the same config", () => {
    const config = { modelsVar: undefined };
    expect(registryOf(config)).toBe(registryOf(config));
  });
});

describe("the var MODELS", () => {
  it("MODELS changes the fields that it names, and nothing else", () => {
    const price = { currency: "CNY", amount: 0.2 };
    const { specOf } = registryWith({ linkai: { [PRO]: { wireName: "gemini-3-pro-image", references: 6, price } } });
    expect(specOf(linkai, PRO)).toEqual({
      ...linkai.models[PRO],
      wireName: "gemini-3-pro-image",
      references: 6,
      price,
    });
    expect(specOf(linkai, FLASH)).toBe(linkai.models[FLASH]);
    expect(specOf(listenhub, PRO)).toBe(listenhub.models[PRO]);
  });

  it("MODELS removes a field, or a whole model", () => {
    const { specOf, canonical } = registryWith({
      linkai: { "gpt-image-2": { defaultRatio: null, pixels: null }, [PRO]: null },
      listenhub: { [PRO]: { prefersUrls: false } },
    });
    const { defaultRatio, pixels, ...rest } = linkai.models["gpt-image-2"] ?? {};
    expect([defaultRatio, pixels]).not.toContain(undefined);
    expect(specOf(linkai, "gpt-image-2")).toEqual(rest);
    expect(specOf(linkai, PRO)).toBeUndefined();
    expect(canonical(PRO)).toBe(PRO);
    expect(specOf(listenhub, PRO)).not.toHaveProperty("prefersUrls");
  });

  it("MODELS switches a model on and off", () => {
    const off = registryWith({ linkai: { "gpt-image-2": { off: true } } });
    expect(off.specOf(linkai, "gpt-image-2")).toBeUndefined();
    expect(registryWith().specOf(listenhub, "gpt-image-2")).toBeUndefined();
    const on = registryWith({ listenhub: { "gpt-image-2": { off: false } } });
    expect(on.specOf(listenhub, "gpt-image-2")).toMatchObject({ wireName: "gpt-image-2", maker: "openai" });
  });

  it("MODELS adds a model that copies another one", () => {
    const { models, canonical, entryOf, specOf } = registryWith({
      listenhub: {
        "gemini-nano-banana-2.1": { like: FLASH, references: 10, aliases: ["nano-banana-2.1"] },
        "gpt-image-3": { like: "gpt-image-2", wireName: "gpt-image-3-beta" },
      },
      linkai: { "gemini-nano-banana-2.1": { like: FLASH, aliases: ["banana", "nano-banana-2.1"] } },
    });
    expect(models).toContain("gemini-nano-banana-2.1");
    expect(canonical("nano-banana-2.1")).toBe("gemini-nano-banana-2.1");
    expect(canonical("banana")).toBe("gemini-nano-banana-2.1");
    // The sandbox also generates it in the pixels of the copied model.
    expect(entryOf("gemini-nano-banana-2.1")).toEqual({
      aliases: ["nano-banana-2.1", "banana"],
      pixels: listenhub.models[FLASH]?.pixels,
    });
    const copy = { ...listenhub.models[FLASH], wireName: "gemini-nano-banana-2.1", references: 10 };
    expect(specOf(listenhub, "gemini-nano-banana-2.1")).toMatchObject(copy);
    expect(specOf(linkai, "gemini-nano-banana-2.1")?.references).toBe(3);
    // The copied model may be off; a new model is on.
    expect(specOf(listenhub, "gpt-image-3")).toMatchObject({ wireName: "gpt-image-3-beta", maker: "openai" });
    expect(registryWith().canonical("nano-banana-2.1")).toBeUndefined();
  });

  it("MODELS gives a known model to a vendor that lacks it, with further aliases", () => {
    const { models, canonical, entryOf, specOf } = registryWith({
      linkai: { "flux-2-pro": { like: "doubao-seedream-4.5", aliases: ["flux-pro-1.2"] } },
    });
    expect(specOf(linkai, "flux-2-pro")).toMatchObject({ wireName: "flux-2-pro", sizes: ["2K", "4K"] });
    expect(canonical("flux-pro-1.2")).toBe("flux-2-pro");
    expect(entryOf("flux-2-pro")).toEqual({ aliases: ["flux-pro-1.2"] });
    expect(models).toEqual(registryWith().models);
  });
});

describe("a model that is not in its vendor's document", () => {
  const request = { model: "gpt-image-2", prompt: "a cat", n: 1, references: [] };

  it("the provider sends an undocumented model in the vendor's own format", () => {
    const spec = registryWith({ listenhub: { "gpt-image-2": { off: false } } }).specOf(listenhub, "gpt-image-2");
    const body = spec && listenhub.encode(request, spec).body;
    expect(body).toMatchObject({ provider: "openai", model: "gpt-image-2" });
  });

  it("the dialect does not fit an undocumented model to its vendor, because other vendors serve it", () => {
    const dialect = vendors.find((vendor) => vendor.provider === listenhub)?.dialect;
    const wire = { model: "gpt-image-2", prompt: "a cat", imageConfig: { imageSize: "4K", aspectRatio: "4:5" } };
    expect(dialect?.decode(wire, [], new Headers())).toMatchObject({
      request: { size: "4K", aspectRatio: "4:5" },
      warnings: [],
    });
  });
});

describe("the error for an invalid var MODELS", () => {
  const linkaiOverride = (changes: unknown) => ({ linkai: { "gpt-image-2": changes } });
  it.each<[unknown, string]>([
    ["{", "MODELS must be JSON"],
    ["[]", "MODELS must be an object"],
    [{ linkai: "off" }, "MODELS.linkai must be an object"],
    [{ flux: {} }, "MODELS.flux is no vendor; there are listenhub, "],
    [{ sandbox: { sandbox: { n: 1 } } }, "MODELS.sandbox is no vendor"],
    [linkaiOverride("off"), "MODELS.linkai.gpt-image-2 must be an object"],
    [
      linkaiOverride({ colour: 1 }),
      "MODELS.linkai.gpt-image-2: colour is not a field here; the fields are like, aliases, wireName, maker, ratios",
    ],
    [linkaiOverride({ sizes: ["5K"] }), "sizes[0] must be one of 512, 1K, 2K, 3K, 4K"],
    [linkaiOverride({ ratios: "16:9" }), "ratios must be an array"],
    [linkaiOverride({ ratios: ["wide"] }), "ratios[0] must be a ratio, as in 16:9"],
    [linkaiOverride({ wireName: null }), "wireName must be a string"],
    [linkaiOverride({ n: 0 }), "n must be at least 1"],
    [linkaiOverride({ references: -1 }), "references must be at least 0"],
    [linkaiOverride({ pixels: { "5K": {} } }), "pixels must be by tier: 512, 1K, 2K, 3K, 4K"],
    [linkaiOverride({ pixels: { "1K": { wide: "2x1" } } }), "pixels.1K must be by ratio, as in 16:9"],
    [linkaiOverride({ pixels: { "1K": { "1:1": "1024" } } }), "pixels.1K.1:1 must be pixels, as in 1024x1024"],
    [
      linkaiOverride({ price: { currency: "CNY", amount: "0.2" } }),
      "price.amount must be a number, or numbers by tier",
    ],
    [linkaiOverride({ price: { amount: 1 } }), "price.currency is required"],
    [linkaiOverride({ output: "file" }), "output must be one of base64, url"],
    [linkaiOverride({ dimensions: { multipleOf: 16, min: 64 } }), "dimensions.max is required"],
    [
      linkaiOverride({ dimensions: { multipleOf: 16, min: 64, max: 32 } }),
      "dimensions.min 64 is more than dimensions.max 32",
    ],
    [linkaiOverride({ sizes: ["1K"] }), "MODELS.linkai.gpt-image-2: defaultSize 2K is not among sizes: 1K"],
    [linkaiOverride({ defaultRatio: "3:4" }), "defaultRatio 3:4 is not among ratios: 1:1, 3:2"],
    [linkaiOverride({ aliases: ["a/b"] }), "aliases[0] must be a name without spaces and slashes"],
    [
      linkaiOverride({ aliases: ["x", "nano-banana"] }),
      "MODELS.linkai.gpt-image-2.aliases[1]: nano-banana already means gemini-2.5-flash-image",
    ],
    [linkaiOverride({ aliases: [PRO] }), `aliases[0]: ${PRO} already means ${PRO}`],
    [{ linkai: { "a b": { like: PRO } } }, "MODELS.linkai.a b is not a name without spaces and slashes"],
    [{ linkai: { "gemini-3-pro-image": {} } }, `MODELS.linkai.gemini-3-pro-image is another name of ${PRO}`],
    [{ linkai: { new: { n: 2 } } }, 'MODELS.linkai.new is new, which needs "like"; linkai has gpt-image-2, '],
    [{ linkai: { new: { like: "flux-2-pro" } } }, "MODELS.linkai.new.like must be another; linkai has gpt-image-2, "],
    [{ linkai: { new: { like: "constructor" } } }, "MODELS.linkai.new.like must be another; linkai has gpt-image-2, "],
    [{ linkai: { new: null } }, "MODELS.linkai.new is not there; linkai has gpt-image-2, "],
  ])("the error for MODELS %j names the path and what is allowed", (models, message) => {
    expect(() => registryWith(models)).toThrow(message);
  });
});
