import { describe, expect, it } from "vitest";
import { canonicalModel, CATALOG, DEFAULT_MODEL } from "../../src/image/catalog.ts";
import { parseRatio } from "../../src/image/size.ts";
import { models as linkai } from "../../src/vendors/linkai/models.ts";
import { models as listenhub } from "../../src/vendors/listenhub/models.ts";

describe("canonicalModel", () => {
  it.each([
    ["gemini-2.5-flash-image-preview", "gemini-2.5-flash-image"],
    ["nano-banana", "gemini-2.5-flash-image"],
    ["gemini-3-pro-image", "gemini-3-pro-image-preview"],
    ["nano-banana-pro", "gemini-3-pro-image-preview"],
    ["gemini-3.1-flash-image", "gemini-3.1-flash-image-preview"],
    ["flux-pro-1.1", "flux-1.1-pro"],
    ["doubao-seedream-4-5-251128", "doubao-seedream-4.5"],
  ])("%s is %s", (alias, name) => expect(canonicalModel(alias)).toBe(name));

  it.each(Object.keys(CATALOG))("%s is itself", (name) => expect(canonicalModel(name)).toBe(name));

  it.each(["", "dall-e-3", "GPT-IMAGE-2", "constructor", "__proto__"])("does not know %j", (name) =>
    expect(canonicalModel(name)).toBeUndefined(),
  );

  it("gives no name to two models", () => {
    const names = Object.entries(CATALOG).flatMap(([name, { aliases }]) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("has a default it knows", () => expect(canonicalModel(DEFAULT_MODEL)).toBe(DEFAULT_MODEL));
});

describe.each([
  ["listenhub", listenhub],
  ["linkai", linkai],
])("models of %s", (_, models) => {
  it.each(Object.entries(models))("%s agrees with itself and the catalog", (name, spec) => {
    expect(canonicalModel(name)).toBe(name);
    expect(spec.ratios.every((ratio) => parseRatio(ratio) !== undefined)).toBe(true);
    expect(new Set(spec.ratios).size).toBe(spec.ratios.length);
    if (spec.defaultSize) expect(spec.sizes).toContain(spec.defaultSize);
    if (spec.defaultRatio) expect(spec.ratios).toContain(spec.defaultRatio);
  });
});

describe("what the documents say", () => {
  it.each([
    ["gemini-3-pro-image-preview", 8],
    ["gemini-3.1-flash-image-preview", 12],
  ])("listenhub draws %s in %i ratios", (name, ratios) => {
    expect(listenhub[name]).toMatchObject({ sizes: ["1K", "2K", "4K"], defaultSize: "2K", references: 14 });
    expect(listenhub[name]?.ratios).toHaveLength(ratios);
    expect(listenhub[name]?.ratios).not.toContain("4:5");
    expect(listenhub[name]?.referenceSchemes.toSorted()).toEqual(["gs", "http", "https"]);
  });

  it.each([
    ["gpt-image-2", ["1K", "2K", "4K"], "2K", 5, 15],
    ["doubao-seedream-4.5", ["2K", "4K"], "2K", 10, 10],
    ["doubao-seedream-4.0", ["2K", "4K"], "2K", 10, 10],
    ["gemini-3-pro-image-preview", ["1K", "2K", "4K"], "1K", 10, 3],
    ["gemini-3.1-flash-image-preview", ["512", "1K", "2K", "4K"], "1K", 10, 3],
    ["gemini-2.5-flash-image", [], undefined, 10, 3],
  ])("linkai draws %s at %j", (name, sizes, defaultSize, ratios, references) => {
    expect(linkai[name]).toMatchObject({ sizes, references });
    expect(linkai[name]?.defaultSize).toBe(defaultSize);
    expect(linkai[name]?.ratios).toHaveLength(ratios);
    expect(linkai[name]?.qualities).toEqual(name === "gpt-image-2" ? ["low", "medium", "high"] : []);
  });

  it("no vendor has more", () => {
    expect(Object.keys(listenhub)).toHaveLength(2);
    expect(Object.keys(linkai)).toHaveLength(6);
  });
});
