import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { FLASH, jsonOf, lastBody, PRO, staged, startStage, warningsOf } from "./stage.ts";

const PRESETS = { fixed: { prompt: "a {prompt} by the sea", model: "gpt-image-2", size: "1K", aspectRatio: "1:1" } };
const stage = staged({ vars: { PRESETS: JSON.stringify(PRESETS) } });

interface PresetWire {
  name: string;
  prompt: string;
  vary: string[];
}
const HERO = { prompt: "{prompt}, in watercolour", model: PRO, aspectRatio: "16:9", vary: ["prompt", "size"] };
let presetCount = 0;
const newPresetName = () => `preset-${++presetCount}`;
const callPreset = (method: string, name: string, body?: unknown, headers?: Record<string, string>) =>
  stage.call(method, `/v1/presets/${name}`, body, headers);
const postGeneration = (more: object) => stage.post("/v1/generations", more);
const lastListenHubBody = () => lastBody(stage.listenhub.seen);
const listPresets = async () => (await jsonOf<{ data: PresetWire[] }>(stage.get("/v1/presets"))).data;

describe("/v1/presets/{name}", () => {
  it("PUT creates and replaces a preset, GET returns it and DELETE removes it", async () => {
    const name = newPresetName();
    const expected = { name, references: [], ...HERO };
    const created = await callPreset("PUT", name, HERO);
    expect([created.status, await created.json()]).toEqual([201, expected]);
    expect(created.headers.get("cache-control")).toBe("no-store");
    const found = await callPreset("GET", name);
    expect([found.status, await found.json()]).toEqual([200, expected]);
    expect(await listPresets()).toContainEqual(expected);
    // A preset can be sent back in the form in which it was returned.
    const again = await callPreset("PUT", name, { ...expected, prompt: "{prompt} in oil" });
    expect([again.status, await again.json()]).toEqual([200, { ...expected, prompt: "{prompt} in oil" }]);
    expect((await callPreset("DELETE", name)).status).toBe(200);
    expect((await callPreset("GET", name)).status).toBe(404);
    expect((await callPreset("DELETE", name)).status).toBe(404);
    expect(await listPresets()).not.toContainEqual(expect.objectContaining({ name }));
    expect(await stage.keys("presets/")).toEqual([]);
  });

  it("presets of the var PRESETS are readable but cannot be changed by PUT or DELETE", async () => {
    expect(await jsonOf(callPreset("GET", "fixed"))).toMatchObject({
      name: "fixed",
      ...PRESETS.fixed,
      vary: ["prompt"],
    });
    expect((await listPresets()).filter(({ name }) => name === "fixed")).toHaveLength(1);
    for (const method of ["PUT", "DELETE"]) {
      const response = await callPreset(method, "fixed", method === "PUT" ? HERO : undefined);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { code: "invalid_request", field: "name", message: expect.stringContaining("PRESETS") as string },
      });
    }
  });

  const rejectedPresets: [name: string, body: unknown, field: string | undefined, message: string][] = [
    ["Hero", {}, "name", "must be 1 to 64 of a-z, 0-9 and -"],
    ["a%2Fb", {}, "name", "must be 1 to 64"],
    ["x".repeat(65), {}, "name", "must be 1 to 64"],
    ["hero", "", undefined, "The body is empty"],
    ["hero", "{", undefined, "not valid JSON"],
    ["hero", "[]", undefined, "The body must be an object"],
    ["hero", { name: "other" }, "name", "must be hero, as in the path"],
    ["hero", { style: "soft" }, "style", "is not a field here; the fields are prompt, model,"],
    ["hero", { prompt: "a lighthouse" }, "prompt", "must have {prompt}"],
    ["hero", { model: "gpt-image-9" }, "model", "is not known; known are"],
    ["hero", { model: "nobody/gpt-image-2" }, "model", "nobody is no vendor here"],
    ["hero", { size: "8K" }, "size", "must be one of 512, 1K"],
    ["hero", { vary: ["everything"] }, "vary[0]", "must be one of prompt, model"],
  ];
  it.each(rejectedPresets)("%#: PUT of the preset %s with %j is rejected", async (name, body, field, message) => {
    const response = await callPreset("PUT", name, body);
    expect(response.status).toBe(400);
    const { error } = await jsonOf<{ error: { code: string; field?: string; message: string } }>(response);
    expect([error.code, error.field]).toEqual(["invalid_request", field]);
    expect(error.message).toContain(message);
    expect(await stage.keys("presets/")).toEqual([]);
  });

  it("a secret key reads presets and only the operator writes them", async () => {
    const { headers } = await stage.newKey();
    expect((await callPreset("PUT", "hero", HERO, headers)).status).toBe(403);
    expect((await callPreset("DELETE", "fixed", undefined, headers)).status).toBe(403);
    expect((await callPreset("GET", "fixed", undefined, headers)).status).toBe(200);
    expect((await stage.get("/v1/presets", headers)).status).toBe(200);
    for (const method of ["GET", "PUT", "DELETE"])
      expect(
        (await callPreset(method, "fixed", method === "PUT" ? HERO : undefined, { authorization: "" })).status,
      ).toBe(401);
    expect((await stage.easel.fetch("/v1/presets")).status).toBe(401);
  });
});

describe("a generation with a preset", () => {
  it("a request combines the preset with the fields that the caller may set", async () => {
    const name = newPresetName();
    await callPreset("PUT", name, HERO);
    const response = await postGeneration({ preset: name, prompt: "a cat for $& and $'", size: "2K" });
    expect(response.status).toBe(200);
    expect(response.headers.get("easel-model")).toBe(PRO);
    expect(lastListenHubBody()).toMatchObject({
      prompt: "a cat for $& and $', in watercolour",
      imageConfig: { aspectRatio: "16:9", imageSize: "2K" },
    });
  });

  it("a preset of the var PRESETS serves a request", async () => {
    expect((await postGeneration({ preset: "fixed", prompt: "cat" })).status).toBe(200);
    expect(lastBody(stage.linkai.generations())).toMatchObject({ prompt: "a cat by the sea", model: "gpt-image-2" });
  });

  it("pixels in a preset override its size and ratio with a warning, as in a request", async () => {
    const name = newPresetName();
    const both = { model: "gpt-image-2", size: "2K", aspectRatio: "1:1", width: 1536, height: 1024 };
    expect((await callPreset("PUT", name, both)).status).toBe(201);
    const responses = [
      await postGeneration({ preset: name, prompt: "a cat" }),
      await postGeneration({ ...both, prompt: "a cat" }),
    ];
    for (const response of responses) {
      expect(response.status).toBe(200);
      const warnings = ["size 2K", "aspectRatio 1:1"].map((field) => `${field} was left out: width and height decide`);
      expect(warningsOf(response)).toEqual(expect.arrayContaining(warnings));
    }
  });

  it("a changed preset takes effect immediately", async () => {
    const name = newPresetName();
    for (const model of [PRO, FLASH]) {
      await callPreset("PUT", name, { ...HERO, model });
      expect((await postGeneration({ preset: name, prompt: "a cat" })).headers.get("easel-model")).toBe(model);
    }
  });

  const rejectedRequests: [body: object, field: string, message: string][] = [
    [
      { prompt: "a cat", aspectRatio: "1:1" },
      "aspectRatio",
      "cannot be set with the preset hero; what may be set is prompt, size.",
    ],
    [{ prompt: "a cat", n: 2 }, "n", "cannot be set with the preset hero"],
    [{ prompt: "a cat", turns: [] }, "turns", "cannot be set with the preset hero"],
    [{ size: "1K" }, "prompt", "is required with the preset hero"],
    [{ prompt: "" }, "prompt", "must not be empty"],
    [{ prompt: "x".repeat(31_990) }, "prompt", "at most 32000 characters"],
    [{ prompt: "a cat", size: "8K" }, "size", "must be one of"],
    [{ prompt: "a cat", preset: "nobody" }, "preset", "nobody is not known here"],
    [{ prompt: "a cat", preset: "../keys" }, "preset", "is not known here"],
    [{ prompt: "a cat", preset: "" }, "preset", "is not known here"],
    [{ prompt: "a cat", preset: 5 }, "preset", "must be a string"],
  ];
  it.each(rejectedRequests)("%#: the preset hero with %j is rejected", async (body, field, message) => {
    await callPreset("PUT", "hero", HERO);
    const response = await postGeneration({ preset: "hero", ...body });
    expect(response.status).toBe(400);
    const { error } = await jsonOf<{ error: { code: string; field: string; message: string } }>(response);
    expect([error.code, error.field]).toEqual(["invalid_request", field]);
    expect(error.message).toContain(message);
    expect(stage.listenhub.seen).toEqual([]);
  });

  it("uploaded references are deleted if the preset does not accept references", async () => {
    await callPreset("PUT", "hero", HERO);
    const references = [{ data: png().bytes.toString("base64") }];
    const response = await postGeneration({ preset: "hero", prompt: "a cat", references });
    expect(await jsonOf(response)).toMatchObject({ error: { field: "references" } });
    await until(async () => (await stage.keys("references/")).length === 0);
  });
});

describe("a publishable key with presets", () => {
  const SITE = "https://example.com";
  const keyFor = async (terms: object) => {
    const page = { kind: "publishable", origins: [SITE], size: "2K", perMinute: 5, ...terms };
    const { headers } = await stage.newKey(page);
    return { ...headers, origin: SITE };
  };

  it("a publishable key uses its own presets with any model, and no other request", async () => {
    await callPreset("PUT", "hero", HERO);
    await callPreset("PUT", "other", HERO);
    const page = await keyFor({ presets: ["hero"] });
    expect((await stage.post("/v1/generations", { preset: "hero", prompt: "a cat" }, page)).status).toBe(200);
    for (const body of [{ preset: "other", prompt: "a cat" }, { prompt: "a cat" }, { prompt: "a cat", model: PRO }])
      expect((await stage.post("/v1/generations", body, page)).status).toBe(403);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("a flood of different seeds is stopped by the key's token bucket [fault 62]", async () => {
    await callPreset("PUT", "hero", { ...HERO, vary: ["prompt", "seed"] });
    const page = await keyFor({ presets: ["hero"] });
    const flood = Array.from({ length: 60 }, (_, seed) =>
      stage.post("/v1/generations", { preset: "hero", prompt: "a cat", seed }, page),
    );
    const statuses = (await Promise.all(flood)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(55);
    expect(stage.listenhub.seen).toHaveLength(5);
  });
});

it("an invalid preset in the var PRESETS is logged with its name and field", async () => {
  const wrong = await startStage({ vars: { PRESETS: '{"hero":{"size":"8K"}}' } });
  try {
    expect((await wrong.get("/v1/presets")).status).toBe(500);
    expect(wrong.easel.logs.map(({ message }) => message).join()).toContain("PRESETS.hero: size must be one of 512");
  } finally {
    await wrong.stop();
  }
});
