import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonOf, PRO, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

describe("paths", () => {
  const cases: [method: string, path: string, status: number, allow: string | null][] = [
    ["GET", "/nothing", 404, null],
    ["POST", "/v1/models", 405, "GET, HEAD, OPTIONS"],
    ["PUT", "/v1/generations", 405, "POST, GET, HEAD, OPTIONS"],
    ["DELETE", "/v1/generations/abc", 405, "GET, HEAD, OPTIONS"],
    ["GET", "/v1/images/generations", 405, "POST, OPTIONS"],
    ["GET", "/linkai/v1/images/generations", 405, "POST, OPTIONS"],
    ["HEAD", "/v1/images/generations", 405, "POST, OPTIONS"],
    ["OPTIONS", "/v1/images/generations", 204, "POST, OPTIONS"],
    ["OPTIONS", "/v1/generations", 204, "POST, GET, HEAD, OPTIONS"],
    ["OPTIONS", "/nothing", 404, null],
    ["POST", "/images/abc/0", 405, "GET, HEAD, OPTIONS"],
    ["POST", "/v1/images/edits", 404, null],
    ["HEAD", "/healthz", 200, null],
    ["GET", "/healthz", 200, null],
    ["GET", "/healthz/", 200, null],
    ["GET", "/%zz/%00/..%2f", 404, null],
  ];
  it.each(cases)("%s %s", async (method, path, status, allow) => {
    const answer = await stage.easel.fetch(path, { method, ...(method === "POST" && { body: "{}" }) });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("allow")).toBe(allow);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const text = await answer.text();
    if (status >= 400 && method !== "HEAD") {
      const code = status === 404 ? "not_found" : "method_not_allowed";
      expect(JSON.parse(text)).toEqual({ error: { code, message: expect.stringContaining(method) as string } });
    }
  });

  it("answers a small body that nobody reads, in pieces too", async () => {
    for (let i = 0; i < 20; i++) {
      const body = new FormData();
      body.set("image", new File(["x"], "a.png"));
      expect((await stage.easel.fetch("/v1/images/edits", { method: "POST", body })).status).toBe(404);
    }
  });
});

describe("GET /v1/models", () => {
  interface Model {
    id: string;
    object: string;
    created: number;
    owned_by: string;
    aliases: string[];
    vendors: { id: string; sizes: string[]; aspectRatios: string[]; references: number }[];
  }
  it("lists what is drawn here, and what each vendor can do", async () => {
    const { object, data } = await jsonOf<{ object: string; data: Model[] }>(stage.get("/v1/models"));
    expect(object).toBe("list");
    const pro = data.find(({ id }) => id === PRO);
    expect(pro).toMatchObject({
      object: "model",
      created: 0,
      owned_by: "listenhub",
      aliases: expect.arrayContaining(["nano-banana-pro"]) as string[],
    });
    expect(pro?.vendors.map(({ id, references }) => [id, references])).toEqual([
      [`listenhub/${PRO}`, 14],
      [`linkai/${PRO}`, 3],
    ]);
    expect(data.every(({ vendors }) => vendors.length > 0)).toBe(true);
    expect(data.map(({ id }) => id)).not.toContain("sandbox");
  });

  it.each(["linkai/gpt-image-2", "linkai%2Fgpt-image-2", "nano-banana-pro"])("has %s", async (id) => {
    const model = await jsonOf<Model>(stage.get(`/v1/models/${id}`));
    expect(model.id).toBe(decodeURIComponent(id));
    expect(model.vendors.length).toBe(id === "nano-banana-pro" ? 2 : 1);
  });

  it.each(["flux-2-pro", "nobody/gpt-image-2", "sandbox", "%"])("has no %s", async (id) => {
    const answer = await stage.get(`/v1/models/${id}`);
    expect(answer.status).toBe(404);
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "model_not_found" } });
  });

  it("has everything where the sandbox stands in, and asks for a key", async () => {
    const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      const { data } = await jsonOf<{ data: Model[] }>(sandbox.get("/openai/v1/models"));
      expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(["flux-2-pro", "gpt-image-2", "sandbox"]));
      expect(new Set(data.map(({ owned_by }) => owned_by))).toEqual(new Set(["sandbox"]));
      expect((await sandbox.easel.fetch("/v1/models")).status).toBe(401);
    } finally {
      await sandbox.stop();
    }
  });
});
