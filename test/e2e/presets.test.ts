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
let last = 0;
const fresh = () => `preset-${++last}`;
const call = (method: string, name: string, body?: unknown, headers?: Record<string, string>) =>
  stage.call(method, `/v1/presets/${name}`, body, headers);
const draw = (more: object) => stage.post("/v1/generations", more);
const toListenHub = () => lastBody(stage.listenhub.seen);
const list = async () => (await jsonOf<{ data: PresetWire[] }>(stage.get("/v1/presets"))).data;

describe("PUT, GET and DELETE", () => {
  it("keep a preset", async () => {
    const name = fresh();
    const shown = { name, references: [], ...HERO };
    const made = await call("PUT", name, HERO);
    expect([made.status, await made.json()]).toEqual([201, shown]);
    expect(made.headers.get("cache-control")).toBe("no-store");
    const found = await call("GET", name);
    expect([found.status, await found.json()]).toEqual([200, shown]);
    expect(await list()).toContainEqual(shown);
    // As it was answered, so it may be sent.
    const again = await call("PUT", name, { ...shown, prompt: "{prompt} in oil" });
    expect([again.status, await again.json()]).toEqual([200, { ...shown, prompt: "{prompt} in oil" }]);
    expect((await call("DELETE", name)).status).toBe(200);
    expect((await call("GET", name)).status).toBe(404);
    expect((await call("DELETE", name)).status).toBe(404);
    expect(await list()).not.toContainEqual(expect.objectContaining({ name }));
    expect(await stage.keys("presets/")).toEqual([]);
  });

  it("those of the var PRESETS are there, and are changed there", async () => {
    expect(await jsonOf(call("GET", "fixed"))).toMatchObject({ name: "fixed", ...PRESETS.fixed, vary: ["prompt"] });
    expect((await list()).filter(({ name }) => name === "fixed")).toHaveLength(1);
    for (const method of ["PUT", "DELETE"]) {
      const answer = await call(method, "fixed", method === "PUT" ? HERO : undefined);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        error: { code: "invalid_request", field: "name", message: expect.stringContaining("PRESETS") as string },
      });
    }
  });

  const bad: [name: string, body: unknown, field: string | undefined, message: string][] = [
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
  it.each(bad)("%#: PUT %s %j is refused", async (name, body, field, message) => {
    const answer = await call("PUT", name, body);
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { code: string; field?: string; message: string } }>(answer);
    expect([error.code, error.field]).toEqual(["invalid_request", field]);
    expect(error.message).toContain(message);
    expect(await stage.keys("presets/")).toEqual([]);
  });

  it("are for the operator; a server's key reads", async () => {
    const { headers } = await stage.newKey();
    expect((await call("PUT", "hero", HERO, headers)).status).toBe(403);
    expect((await call("DELETE", "fixed", undefined, headers)).status).toBe(403);
    expect((await call("GET", "fixed", undefined, headers)).status).toBe(200);
    expect((await stage.get("/v1/presets", headers)).status).toBe(200);
    for (const method of ["GET", "PUT", "DELETE"])
      expect((await call(method, "fixed", method === "PUT" ? HERO : undefined, { authorization: "" })).status).toBe(
        401,
      );
    expect((await stage.easel.fetch("/v1/presets")).status).toBe(401);
  });
});

describe("a request by a preset", () => {
  it("is the preset's, with what the caller may set", async () => {
    const name = fresh();
    await call("PUT", name, HERO);
    const answer = await draw({ preset: name, prompt: "a cat for $& and $'", size: "2K" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-model")).toBe(PRO);
    expect(toListenHub()).toMatchObject({
      prompt: "a cat for $& and $', in watercolour",
      imageConfig: { aspectRatio: "16:9", imageSize: "2K" },
    });
  });

  it("by one of the var as well", async () => {
    expect((await draw({ preset: "fixed", prompt: "cat" })).status).toBe(200);
    expect(lastBody(stage.linkai.generations())).toMatchObject({ prompt: "a cat by the sea", model: "gpt-image-2" });
  });

  it("may have pixels beside a size and a ratio: the pixels decide, as in a request, and a warning says so", async () => {
    const name = fresh();
    const both = { model: "gpt-image-2", size: "2K", aspectRatio: "1:1", width: 1536, height: 1024 };
    expect((await call("PUT", name, both)).status).toBe(201);
    const answers = [await draw({ preset: name, prompt: "a cat" }), await draw({ ...both, prompt: "a cat" })];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      const warnings = ["size 2K", "aspectRatio 1:1"].map((each) => `${each} was left out: width and height decide`);
      expect(warningsOf(answer)).toEqual(expect.arrayContaining(warnings));
    }
  });

  it("follows a change at once", async () => {
    const name = fresh();
    for (const model of [PRO, FLASH]) {
      await call("PUT", name, { ...HERO, model });
      expect((await draw({ preset: name, prompt: "a cat" })).headers.get("easel-model")).toBe(model);
    }
  });

  const refused: [body: object, field: string, message: string][] = [
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
  it.each(refused)("%#: with %j is refused", async (body, field, message) => {
    await call("PUT", "hero", HERO);
    const answer = await draw({ preset: "hero", ...body });
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { code: string; field: string; message: string } }>(answer);
    expect([error.code, error.field]).toEqual(["invalid_request", field]);
    expect(error.message).toContain(message);
    expect(stage.listenhub.seen).toEqual([]);
  });

  it("drops the pictures that came where the preset takes none", async () => {
    await call("PUT", "hero", HERO);
    const references = [{ data: png().bytes.toString("base64") }];
    const answer = await draw({ preset: "hero", prompt: "a cat", references });
    expect(await jsonOf(answer)).toMatchObject({ error: { field: "references" } });
    await until(async () => (await stage.keys("references/")).length === 0);
  });
});

describe("a page's key", () => {
  const SITE = "https://example.com";
  const keyFor = async (terms: object) => {
    const page = { kind: "publishable", origins: [SITE], size: "2K", perMinute: 5, ...terms };
    const { headers } = await stage.newKey(page);
    return { ...headers, origin: SITE };
  };

  it("draws by its presets, whatever models those have, and by no other", async () => {
    await call("PUT", "hero", HERO);
    await call("PUT", "other", HERO);
    const page = await keyFor({ presets: ["hero"] });
    expect((await stage.post("/v1/generations", { preset: "hero", prompt: "a cat" }, page)).status).toBe(200);
    for (const body of [{ preset: "other", prompt: "a cat" }, { prompt: "a cat" }, { prompt: "a cat", model: PRO }])
      expect((await stage.post("/v1/generations", body, page)).status).toBe(403);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("62. a flood of seeds stops at its bucket", async () => {
    await call("PUT", "hero", { ...HERO, vary: ["prompt", "seed"] });
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

it("a preset that is wrong in the var says where", async () => {
  const wrong = await startStage({ vars: { PRESETS: '{"hero":{"size":"8K"}}' } });
  try {
    expect((await wrong.get("/v1/presets")).status).toBe(500);
    expect(wrong.easel.logs.map(({ message }) => message).join()).toContain("PRESETS.hero: size must be one of 512");
  } finally {
    await wrong.stop();
  }
});
