import { describe, expect, it } from "vitest";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import type { ImageRequest } from "../../src/image/request.ts";
import { atalk } from "../../src/vendors/atalk/index.ts";
import type { Provider } from "../../src/vendors/vendor.ts";
import answers from "../fixtures/atalk/answers.json" with { type: "json" };
import errors from "../fixtures/atalk/errors.json" with { type: "json" };
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

const provider = atalk.provider as Provider;

describe("the provider of atalk", () => {
  const spec = (model: string) => provider.models[model] as ModelSpec;
  const encodedBody = (request: Partial<ImageRequest>, model = "flux-2-pro") =>
    provider.encode({ model, prompt: "a cat", n: 1, references: [], ...request }, spec(model)).body as object;

  it("the provider sends pixels, and the safety tolerance to Flux models only", () => {
    expect(encodedBody({ width: 1280, height: 720 })).toMatchObject({
      width: 1280,
      height: 720,
      aspect_ratio: undefined,
    });
    const providerOptions = { atalk: { safety_tolerance: 5 }, other: { safety_tolerance: 1 } };
    expect(encodedBody({ providerOptions })).toMatchObject({ safety_tolerance: 5 });
    expect(encodedBody({ providerOptions }, "gemini-2.5-flash-image")).toMatchObject({ safety_tolerance: undefined });
    expect(encodedBody({ providerOptions: { other: { safety_tolerance: 9 } } })).toMatchObject({
      safety_tolerance: undefined,
    });
  });

  it.each([6, -1, 2.5, "3", true, {}])("the provider rejects a safety tolerance of %j", (safety_tolerance) => {
    expect(thrownBy(() => encodedBody({ providerOptions: { atalk: { safety_tolerance } } }))).toMatchObject({
      code: "invalid_request",
      field: "safety_tolerance",
    });
  });

  it("the provider reads the cost, and keeps the usage unchanged", () => {
    const [url, base64] = Object.values(answers);
    const read = (wire: unknown) => provider.decode(200, wire, new Headers(), SAMPLE_REQUEST.request);
    expect(read(url)).toEqual({
      images: [{ url: "https://example.com/generated-image.png" }],
      usage: { cost: 0.04, images_generated: 1, images_failed: 0 },
      cost: { amount: 0.04, currency: "CNY" },
    });
    expect(read({ ...base64, usage: { cost: "free" } })).toMatchObject({ usage: { cost: "free" }, cost: undefined });
    expect(read({ ...url, usage: { cost: -1 } })).toMatchObject({ cost: undefined });
    expect(read({ ...url, usage: undefined })).toMatchObject({ usage: undefined, cost: undefined });
  });

  const image = { type: "url", image: "https://example.com/cat.png" };
  it.each<[status: number, wire: object, expected: object]>([
    [
      200,
      errors.key,
      { code: "vendor_error", retryable: false, message: `atalk refused the gateway's own key: ${errors.key.msg}` },
    ],
    [401, errors.key, { code: "vendor_error", retryable: false }],
    [400, errors.aspect_ratio, { code: "invalid_request", message: `atalk: ${errors.aspect_ratio.msg}` }],
    [200, { code: 429, msg: "slow down" }, { code: "rate_limited", retryable: true }],
    [200, { code: "429", message: "slow down" }, { code: "rate_limited", message: "atalk: slow down" }],
    [200, { code: 500, msg: "failed" }, { code: "vendor_error", retryable: true }],
    [200, { code: 503, msg: "failed" }, { code: "vendor_error", retryable: true }],
    [500, { code: -1, msg: "failed" }, { code: "vendor_error", retryable: true }],
    [500, { code: -1, msg: "Request Moderated" }, { code: "content_rejected", retryable: false }],
    [200, { code: 500, msg: "Content Moderated" }, { code: "content_rejected" }],
    [200, { code: -1, msg: "Insufficient balance" }, { code: "insufficient_credit", canFailover: true }],
    [200, { code: -1, message: "余额不足" }, { code: "insufficient_credit" }],
    [200, { code: -1, error: { message: "model x not found" } }, { code: "model_not_found" }],
    [200, { error: "too many requests", data: [image] }, { code: "rate_limited", message: "atalk: too many requests" }],
    [200, { code: -1 }, { code: "vendor_error", canFailover: true, retryable: false }],
    // An error next to a picture is still an error.
    [200, { code: -1, msg: "failed", data: [image] }, { code: "vendor_error" }],
    [502, { data: [image] }, { code: "vendor_error", retryable: false, canFailover: false }],
    [200, { code: 0, data: [], usage: { images_generated: 0, images_failed: 1 } }, { code: "no_image" }],
    [200, { code: 0, data: [{ type: "url", image: null }] }, { code: "no_image" }],
    [200, {}, { code: "no_image" }],
  ])("the provider throws the error of status %i with %j", (status, wire, expected) => {
    expect(thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request))).toMatchObject(
      expected,
    );
  });

  it("the provider reads a picture by its value, whatever its declared type is", () => {
    const data = [
      { type: "base64", image: "https://example.com/cat.png" },
      { type: "url", image: "data:image/png;base64,hoisted:0" },
    ];
    expect(provider.decode(200, { code: 0, data }, new Headers(), SAMPLE_REQUEST.request).images).toEqual([
      { url: "https://example.com/cat.png" },
      { hoisted: 0 },
    ]);
  });
});
