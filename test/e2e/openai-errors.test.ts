import OpenAI from "openai";
import type { ClientOptions } from "openai";
import { expect, it } from "vitest";
import type { LinkAIBehaviour } from "../sim/index.ts";
import { ADMIN, staged, startStage } from "./stage.ts";
import { refused } from "./refused.ts";

const stage = staged();

function clientOf(options: ClientOptions = {}): OpenAI {
  return new OpenAI({ apiKey: ADMIN, baseURL: `${stage.easel.url}/openai/v1`, maxRetries: 0, ...options });
}
const ask = (more: Partial<OpenAI.ImageGenerateParamsNonStreaming> = {}) => ({
  model: "gpt-image-2",
  prompt: "a cat",
  ...more,
});

type Case = [string, LinkAIBehaviour, new (...args: never[]) => Error, object];
const cases: Case[] = [
  ["400", { status: 400 }, OpenAI.BadRequestError, { status: 400, code: null, type: "invalid_request_error" }],
  ["402", { status: 402 }, OpenAI.NotFoundError, { status: 404, code: "model_not_found" }],
  ["406", { status: 406 }, OpenAI.APIError, { status: 402, code: "insufficient_quota" }],
  ["409", { status: 409 }, OpenAI.BadRequestError, { status: 400, code: "moderation_blocked" }],
  ["401", { status: 401 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  ["500", { status: 500 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  ["an empty list", { body: '{"data":[]}' }, OpenAI.InternalServerError, { status: 502, code: "no_image" }],
  ["an error in a 200", { status: 200, error: {} }, OpenAI.InternalServerError, { status: 502 }],
  ["a reset", { reset: "before-headers" }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
];
it.each(cases)("the vendor's %s, tried once", async (_, how, type, expected) => {
  const failing = "body" in how || "reset" in how ? how : { error: { message: "as the test says" }, ...how };
  stage.linkai.next(failing);
  const error = await refused(clientOf({ maxRetries: 2 }).images.generate(ask()));
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ ...expected, requestID: expect.any(String) as string });
  expect(error.message).not.toContain("undefined");
  expect(stage.linkai.generations()).toHaveLength(1);
});

it("the vendor's 503 is tried again, and its 429 when the vendor says", async () => {
  stage.linkai.next({ status: 503, error: {} });
  await clientOf({ maxRetries: 1 }).images.generate(ask());
  expect(stage.linkai.generations()).toHaveLength(2);
  stage.reset();
  stage.linkai.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
  const from = Date.now();
  await clientOf({ maxRetries: 1 }).images.generate(ask());
  expect(Date.now() - from).toBeGreaterThanOrEqual(2_000);
  expect(stage.linkai.generations()).toHaveLength(2);
});

it("a timeout may have been charged: not tried again", async () => {
  const hasty = await startStage({ limits: { headersMs: 300 } });
  try {
    hasty.linkai.next({ hang: true });
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${hasty.easel.url}/v1`, maxRetries: 2 });
    const error = await refused(client.images.generate(ask()));
    expect(error).toMatchObject({ status: 504, code: "vendor_timeout" });
    expect(hasty.linkai.generations()).toHaveLength(1);
  } finally {
    await hasty.stop();
  }
});

it("a wrong key, an unknown model, a path that is not served", async () => {
  const key = await refused(clientOf({ apiKey: "sk-wrong" }).images.generate(ask()));
  expect(key).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(key).toMatchObject({ status: 401, code: "invalid_api_key" });
  const model = await refused(clientOf().images.generate(ask({ model: "dall-e-3" })));
  expect(model).toBeInstanceOf(OpenAI.NotFoundError);
  expect(model).toMatchObject({ code: "model_not_found", param: "model" });
  expect(model.message).toContain("gpt-image-2");
  const path = await refused(clientOf().images.createVariation({ image: new File(["x"], "a.png") }));
  expect(path).toBeInstanceOf(OpenAI.NotFoundError);
  expect(path.message).toBe("404 There is nothing at POST /openai/v1/images/variations.");
});

it("our own 429 is waited out as told", async () => {
  const slow = await startStage({ faulty: true, limits: { keyPerMinute: 60 } });
  try {
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${slow.easel.url}/v1`, maxRetries: 1 });
    await slow.easel.clock({ hold: true });
    for (let i = 0; i < 60; i++) await (await slow.post("/v1/images/generations", {})).arrayBuffer();
    const none = new OpenAI({ apiKey: ADMIN, baseURL: `${slow.easel.url}/v1`, maxRetries: 0 });
    const error = await refused(none.images.generate(ask()));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: "rate_limit_exceeded", type: "requests" });
    await slow.easel.clock({ hold: false });
    const answer = await client.images.generate(ask());
    expect(answer.data).toHaveLength(1);
  } finally {
    await slow.stop();
  }
});
