import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN, waitForLog, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

const MESSAGE = "The API key is missing or not valid; it goes in a header, as in: Authorization: Bearer KEY.";
const easelError = { error: { code: "unauthorized", message: MESSAGE } };
const WRONG: [string, string | undefined][] = [
  ["missing", undefined],
  ["empty", ""],
  ["only a scheme", "Bearer"],
  ["wrong", `Bearer ${ADMIN.slice(0, -1)}x`],
  ["too short", `Bearer ${ADMIN.slice(0, -1)}`],
  ["too long", `Bearer ${ADMIN}x`],
  ["very long", `Bearer ${ADMIN}${"x".repeat(10_000)}`],
  ["in another case", `Bearer ${ADMIN.toUpperCase()}`],
  ["twice", `Bearer ${ADMIN}, Bearer ${ADMIN}`],
  ["of another scheme", `Basic ${Buffer.from(`admin:${ADMIN}`).toString("base64")}`],
  ["not ASCII", "Bearer \u00fc"],
];

const DIALECTS: [path: string, body: unknown][] = [
  ["/v1/images/generation", { code: 21007, message: MESSAGE, request_id: expect.any(String) as string }],
  ["/linkai/v1/images/generations", { error: { message: MESSAGE, type: "authentication_error" } }],
  [
    "/v1/images/generations",
    { error: { message: MESSAGE, type: "invalid_request_error", param: null, code: "invalid_api_key" } },
  ],
  ["/v1/generations", easelError],
];

describe.each(DIALECTS)("POST %s", (path, expected) => {
  it("every invalid key gets the same answer before anything else happens [fault 53]", async () => {
    const answers: unknown[] = [];
    for (const [, authorization] of WRONG) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await stage.easel.fetch(path, { method: "POST", headers, body: "{}" });
      expect(answer.status).toBe(401);
      const visibleHeaders = Object.fromEntries(answer.headers);
      for (const name of ["x-request-id", "easel-generation", "date"]) delete visibleHeaders[name];
      const body = (await answer.json()) as { request_id?: string };
      expect(body).toEqual(expected);
      delete body.request_id;
      answers.push([visibleHeaders, body]);
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(stage.listenhub.seen.length + stage.linkai.seen.length).toBe(0);
    expect(await stage.keys("")).toEqual([]);
  });

  it.each([`Bearer ${ADMIN}`, `bearer ${ADMIN}`, `Bearer   ${ADMIN}`, ADMIN])(
    "the admin token is accepted as %s",
    async (authorization) => {
      const answer = await stage.easel.fetch(path, { method: "POST", headers: { authorization }, body: "{}" });
      await answer.arrayBuffer();
      expect(answer.status).toBe(400);
    },
  );
});

it.each(["/v1/generations", "/v1/generations/x", "/v1/models", "/v1/models/x"])(
  "GET %s gives every invalid key the same answer",
  async (path) => {
    for (const [, authorization] of WRONG) {
      const answer = await stage.easel.fetch(path, { headers: authorization === undefined ? {} : { authorization } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toEqual(easelError);
    }
  },
);

it("a long ADMIN_TOKEN is compared to its last character", async () => {
  const token = `${"long ".repeat(60)}\u00fc`.replaceAll(" ", "-").replace("\u00fc", "end");
  const long = await startStage({ vars: { ADMIN_TOKEN: token } });
  try {
    const status = async (key: string) =>
      (await long.easel.fetch("/v1/models", { headers: { authorization: `Bearer ${key}` } })).status;
    expect(await status(token)).toBe(200);
    expect(await status(`${token.slice(0, -1)}x`)).toBe(401);
  } finally {
    await long.stop();
  }
});

it("every request is rejected if ADMIN_TOKEN is missing, and the answer and the log say so", async () => {
  for (const token of ["", "  "]) {
    const bare = await startStage({ vars: { ADMIN_TOKEN: token } });
    try {
      for (const authorization of ["", "Bearer ", "Bearer undefined", `Bearer ${ADMIN}`]) {
        const answer = await bare.easel.fetch("/v1/models", { headers: { authorization } });
        expect(answer.status).toBe(401);
        expect(JSON.stringify(await answer.json())).toContain("the secret ADMIN_TOKEN is not set");
      }
      await waitForLog(bare.easel, "ADMIN_TOKEN is not set");
    } finally {
      await bare.stop();
    }
  }
});

it("an invalid var is an internal error in the form of the dialect, and the log names the var", async () => {
  const broken = await startStage({ vars: { LIMITS: '{"nothing":1}' } });
  try {
    const answer = await broken.post("/v1/images/generations", { prompt: "a cat" });
    expect(answer.status).toBe(500);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(await answer.json()).toEqual({
      error: {
        message: "Something went wrong inside the gateway.",
        type: "server_error",
        param: null,
        code: "internal",
      },
    });
    await waitForLog(broken.easel, "LIMITS.nothing is no limit");
  } finally {
    await broken.stop();
  }
});
