import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateImage, RetryError } from "ai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { ADMIN, lastBody, PRO, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  stage = await startStage({ vendors: ["linkai"] });
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** The Vercel AI SDK's provider, configured as its documentation says, with Easel as its base URL. */
function model(id: string, { apiKey = ADMIN, path = "/v1" } = {}) {
  return createOpenAICompatible({ name: "easel", apiKey, baseURL: stage.easel.url + path }).imageModel(id);
}

const sentBody = () => lastBody(stage.linkai.generations());
const seenAs = ({ sha256, bytes, type }: Picture) => ({ sha256, bytes: bytes.length, type });

/** Return the error that a call throws; undefined if it succeeds. */
async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

// One model answers with URLs, the other with base64.
describe.each([PRO, "gpt-image-2"])("generateImage with %s", (id) => {
  it.each(["/v1", "/openai/v1"])("generateImage returns the vendor's picture through the base URL %s", async (path) => {
    const picture = png({ bytes: 60_000 });
    stage.linkai.next({ pictures: [picture] });
    const { image, warnings, responses } = await generateImage({ model: model(id, { path }), prompt: "a cat" });
    expect(sha256(image.uint8Array)).toBe(picture.sha256);
    expect(image.mediaType).toBe("image/png");
    expect(warnings).toEqual([]);
    expect(responses[0]?.headers?.["easel-vendor"]).toBe("linkai");
    expect(sentBody()).toEqual({ model: id, prompt: "a cat", response_format: "url" });
  });
});

it("generateImage sends a picture count, a size and the fields of providerOptions", async () => {
  const pictures = [png({ seed: 1 }), jpeg(2)];
  stage.linkai.next(...pictures.map((picture) => ({ pictures: [picture] })));
  const { images, warnings } = await generateImage({
    model: model(PRO),
    prompt: "a cat",
    n: 2,
    size: "2048x2048",
    seed: 5,
    providerOptions: { easel: { quality: "auto" } },
  });
  expect(new Set(images.map(({ uint8Array }) => sha256(uint8Array)))).toEqual(
    new Set(pictures.map((picture) => picture.sha256)),
  );
  expect(sentBody()).toMatchObject({ size: "2K", aspect_ratio: "1:1" });
  // A warning of the SDK's provider: it drops the seed before it sends the request.
  expect(warnings).toMatchObject([{ type: "unsupported", feature: "seed" }]);

  const ratio = { model: model(PRO), prompt: "a cat", aspectRatio: "16:9", n: 1 } as const;
  const other = await generateImage({ ...ratio, providerOptions: { easel: { aspect_ratio: "16:9", size: "4K" } } });
  expect(sentBody()).toMatchObject({ size: "4K", aspect_ratio: "16:9" });
  expect(other.warnings).toMatchObject([{ type: "unsupported", feature: "aspectRatio" }]);
});

describe("reference pictures", () => {
  const references = [png({ bytes: 9_000 }), jpeg(3)];
  it("generateImage sends one or several reference pictures as bytes, base64 or data URIs", async () => {
    const [one, two] = references as [Picture, Picture];
    const changed = jpeg(6);
    stage.linkai.next({ pictures: [changed] });
    const base64 = two.bytes.toString("base64");
    const inputs = [one.bytes, base64, `data:image/jpeg;base64,${base64}`];
    const { image } = await generateImage({ model: model(PRO), prompt: { text: "a cat", images: inputs }, n: 1 });
    expect(sha256(image.uint8Array)).toBe(changed.sha256);
    expect(sentBody()).toMatchObject({ prompt: "a cat", images: [one, two, two].map(seenAs) });

    await generateImage({
      model: model("gpt-image-2"),
      prompt: { text: "a dog", images: [one.bytes] },
      n: 1,
      size: "1024x1024",
      providerOptions: { easel: { quality: "low" } },
    });
    expect(sentBody()).toMatchObject({ size: "1K", aspect_ratio: "1:1", quality: "low", images: [seenAs(one)] });
  });

  it("a mask is rejected with an error that names the field", async () => {
    const images = [png().bytes];
    const call = generateImage({ model: model("gpt-image-2"), prompt: { text: "a cat", images, mask: png().bytes } });
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(APICallError);
    expect(error).toMatchObject({ statusCode: 400, isRetryable: false });
    expect((error as Error).message).toMatch(/^mask is not taken by gpt-image-2 here/);
    expect(stage.linkai.seen).toEqual([]);
  });
});

describe("errors", () => {
  it("an SDK error has Easel's message, and a content rejection is not retried", async () => {
    stage.linkai.always({ status: 409, error: { message: "no" } });
    const error = await errorOf(generateImage({ model: model("gpt-image-2"), prompt: "a cat" }));
    expect(error).toBeInstanceOf(APICallError);
    expect(error).toMatchObject({ statusCode: 400, isRetryable: false, message: "linkai: no" });
    expect(stage.linkai.generations()).toHaveLength(1);
  });

  it.each([
    ["a wrong key", { apiKey: "sk-wrong" }, "gpt-image-2", 401],
    ["an unknown model", {}, "dall-e-3", 404],
  ] as const)("an SDK error has the right status and a message for %s", async (_, options, id, statusCode) => {
    const error = await errorOf(generateImage({ model: model(id, options), prompt: "a cat" }));
    expect(error).toBeInstanceOf(APICallError);
    expect(error).toMatchObject({ statusCode });
    expect((error as Error).message).not.toBe("");
  });

  it("the SDK retries a request if the vendor is busy, then reports the vendor's error", async () => {
    stage.linkai.next({ status: 503, error: {} });
    await generateImage({ model: model("gpt-image-2"), prompt: "a cat", maxRetries: 1 });
    expect(stage.linkai.generations()).toHaveLength(2);
    stage.linkai.always({ status: 503, error: { message: "busy" } });
    const error = await errorOf(generateImage({ model: model("gpt-image-2"), prompt: "a cat", maxRetries: 1 }));
    expect(error).toBeInstanceOf(RetryError);
    expect((error as RetryError).lastError).toMatchObject({ statusCode: 502, message: "linkai: busy" });
  });
});

it("a client that aborts stops waiting, and the generation continues", async () => {
  const vendor = Promise.withResolvers<void>();
  stage.linkai.next({ after: vendor.promise });
  const leave = new AbortController();
  const abortSignal = leave.signal;
  const drawn = errorOf(generateImage({ model: model("gpt-image-2"), prompt: "a cat", abortSignal }));
  await until(() => stage.linkai.generations().length === 1);
  leave.abort(new DOMException("The caller has waited long enough.", "TimeoutError"));
  const error = await drawn;
  vendor.resolve();
  expect(error).toMatchObject({ name: "TimeoutError" });
  await stage.linkai.settled();
  expect(stage.linkai.generations()).toMatchObject([{ status: 200, aborted: false }]);
});
