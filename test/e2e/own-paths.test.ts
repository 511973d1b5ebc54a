import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

describe("paths and methods", () => {
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
    ["POST", "/v1/images/variations", 404, null],
    ["HEAD", "/healthz", 200, null],
    ["GET", "/healthz", 200, null],
    ["GET", "/healthz/", 200, null],
    ["GET", "/%zz/%00/..%2f", 404, null],
  ];
  it.each(cases)("%s %s responds with status %i and allow %s", async (method, path, status, allow) => {
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

  it("a small body that no route reads gets a 404, also if it arrives in pieces", async () => {
    for (let i = 0; i < 20; i++) {
      const body = new FormData();
      body.set("image", new File(["x"], "a.png"));
      expect((await stage.easel.fetch("/v1/images/variations", { method: "POST", body })).status).toBe(404);
    }
  });
});
