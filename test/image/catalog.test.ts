import { describe, expect, it } from "vitest";
import { canonicalModel, CATALOG, DEFAULT_MODEL } from "../../src/image/catalog.ts";

describe("canonicalModel", () => {
  it.each([
    ["gemini-2.5-flash-image-preview", "gemini-2.5-flash-image"],
    ["nano-banana", "gemini-2.5-flash-image"],
    ["gemini-3-pro-image", "gemini-3-pro-image-preview"],
    ["nano-banana-pro", "gemini-3-pro-image-preview"],
    ["gemini-3.1-flash-image", "gemini-3.1-flash-image-preview"],
    ["flux-pro-1.1", "flux-1.1-pro"],
    ["doubao-seedream-4-5-251128", "doubao-seedream-4.5"],
  ])("the canonical name of %s is %s", (alias, name) => expect(canonicalModel(alias)).toBe(name));

  it.each(Object.keys(CATALOG))("the canonical name of %s is the name itself", (name) =>
    expect(canonicalModel(name)).toBe(name),
  );

  it.each(["", "dall-e-3", "GPT-IMAGE-2", "constructor", "__proto__"])(
    "canonicalModel returns undefined for %j",
    (name) => expect(canonicalModel(name)).toBeUndefined(),
  );

  it("the catalog gives no name to two models", () => {
    const names = Object.entries(CATALOG).flatMap(([name, { aliases }]) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("the default model is in the catalog", () => expect(canonicalModel(DEFAULT_MODEL)).toBe(DEFAULT_MODEL));
});
