import OpenAI from "openai";
import type { ClientOptions } from "openai";
import { expect, it } from "vitest";
import type { LinkAIBehaviour } from "../sim/index.ts";
import { ADMIN, staged, startStage } from "./stage.ts";
import { apiErrorOf } from "./refused.ts";

const stage = staged();

function clientOf(options: ClientOptions = {}): OpenAI {
  return new OpenAI({ apiKey: ADMIN, baseURL: `${stage.easel.url}/openai/v1`, maxRetries: 0, ...options });
}
const imageRequest = (more: Partial<OpenAI.ImageGenerateParamsNonStreaming> = {}) => ({
  model: "gpt-image-2",
  prompt: "a cat",
  ...more,
});

type Case = [name: string, how: LinkAIBehaviour, type: new (...args: never[]) => Error, expected: object];
const cases: Case[] = [
  ["400", { status: 400 }, OpenAI.BadRequestError, { status: 400, code: null, type: "invalid_request_error" }],
  ["402", { status: 402 }, OpenAI.NotFoundError, { status: 404, code: "model_not_found" }],
  ["406", { status: 406 }, OpenAI.APIError, { status: 402, code: "insufficient_quota" }],
  ["409", { status: 409 }, OpenAI.BadRequestError, { status: 400, code: "moderation_blocked" }],
  ["401", { status: 401 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  ["500", { status: 500 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  ["an empty list", { body: '{"data":[]}' }, OpenAI.InternalServerError, { status: 502, code: "no_image" }],
  ["an error in a 200", { status: 200, error: {} }, OpenAI.InternalServerError, { status: 502 }],
  [
    "a connection reset",
    { reset: "before-headers" },
    OpenAI.InternalServerError,
    { status: 502, code: "vendor_error" },
  ],
];
it.each(cases)("the vendor responding with %s becomes an SDK error without a retry", async (_, how, type, expected) => {
  const failing = "body" in how || "reset" in how ? how : { error: { message: "as the test says" }, ...how };
  stage.linkai.next(failing);
  const error = await apiErrorOf(clientOf({ maxRetries: 2 }).images.generate(imageRequest()));
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ ...expected, requestID: expect.any(String) as string });
  expect(error.message).not.toContain("undefined");
  expect(stage.linkai.generations()).toHaveLength(1);
});

it("the SDK retries the vendor's 503, and its 429 after the vendor's retry-after", async () => {
  stage.linkai.next({ status: 503, error: {} });
  await clientOf({ maxRetries: 1 }).images.generate(imageRequest());
  expect(stage.linkai.generations()).toHaveLength(2);
  stage.reset();
  stage.linkai.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
  const startedAt = Date.now();
  await clientOf({ maxRetries: 1 }).images.generate(imageRequest());
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000);
  expect(stage.linkai.generations()).toHaveLength(2);
});

it("the SDK does not retry a vendor's timeout, which may have been charged", async () => {
  const impatient = await startStage({ limits: { headersMs: 300 } });
  try {
    impatient.linkai.next({ hang: true });
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${impatient.easel.url}/v1`, maxRetries: 2 });
    const error = await apiErrorOf(client.images.generate(imageRequest()));
    expect(error).toMatchObject({ status: 504, code: "vendor_timeout" });
    expect(impatient.linkai.generations()).toHaveLength(1);
  } finally {
    await impatient.stop();
  }
});

it("a wrong API key, an unknown model and an unknown path become the SDK's matching errors", async () => {
  const key = await apiErrorOf(clientOf({ apiKey: "sk-wrong" }).images.generate(imageRequest()));
  expect(key).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(key).toMatchObject({ status: 401, code: "invalid_api_key" });
  const model = await apiErrorOf(clientOf().images.generate(imageRequest({ model: "dall-e-3" })));
  expect(model).toBeInstanceOf(OpenAI.NotFoundError);
  expect(model).toMatchObject({ code: "model_not_found", param: "model" });
  expect(model.message).toContain("gpt-image-2");
  const path = await apiErrorOf(clientOf().images.createVariation({ image: new File(["x"], "a.png") }));
  expect(path).toBeInstanceOf(OpenAI.NotFoundError);
  expect(path.message).toBe("404 There is nothing at POST /openai/v1/images/variations.");
});

it("the SDK waits for the gateway's own 429 and then succeeds", async () => {
  const limited = await startStage({ faulty: true, limits: { keyPerMinute: 60 } });
  try {
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${limited.easel.url}/v1`, maxRetries: 1 });
    await limited.easel.clock({ hold: true });
    for (let i = 0; i < 60; i++) await (await limited.post("/v1/images/generations", {})).arrayBuffer();
    const withoutRetry = new OpenAI({ apiKey: ADMIN, baseURL: `${limited.easel.url}/v1`, maxRetries: 0 });
    const error = await apiErrorOf(withoutRetry.images.generate(imageRequest()));
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: "rate_limit_exceeded", type: "requests" });
    await limited.easel.clock({ hold: false });
    const answer = await client.images.generate(imageRequest());
    expect(answer.data).toHaveLength(1);
  } finally {
    await limited.stop();
  }
});
