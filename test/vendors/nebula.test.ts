import { describe, expect, it } from "vitest";
import { nebula } from "../../src/vendors/nebula/index.ts";
import answers from "../fixtures/nebula/answers.json" with { type: "json" };
import errors from "../fixtures/nebula/errors.json" with { type: "json" };
import requests from "../fixtures/nebula/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

const model = "gemini-2.5-flash-image-preview";
const FROM_PICTURE = "根据这张图帮我生成一张俯瞰广州塔的图片";

const decodeWith = (more: object) => nebula.dialect?.decode({ model, prompt: "a cat", ...more }, [], new Headers());
const imagesIn = (status: number, wire: unknown) =>
  nebula.provider?.decode(status, wire, new Headers(), SAMPLE_REQUEST.request).images;

describe("nebula", () => {
  contract({
    vendor: nebula,
    requests,
    meanings: {
      文生图: { request: { model, prompt: requests["文生图"].prompt }, responseFormat: "base64" },
      图生图: { request: { model, prompt: FROM_PICTURE }, references: ["inline"], responseFormat: "base64" },
      上下文对话: {
        request: { model, prompt: "把景色换成夜色下雪的场景" },
        turns: [
          { role: "user", text: FROM_PICTURE, references: ["inline"] },
          { role: "model", text: "已为您生成1张图片", references: ["inline"] },
        ],
        responseFormat: "base64",
      },
    },
    answers,
    // oepnai-nebula.apifox.cn/english/7771215m0
    statuses: [400, 401, 429, 500],
    readBack: {
      // The vendor has one status for every invalid request.
      model_not_found: "invalid_request",
      insufficient_credit: "invalid_request",
      content_rejected: "invalid_request",
      payload_too_large: "invalid_request",
      idempotency_conflict: "invalid_request",
      // The key that the vendor rejects is the operator's.
      unauthorized: "vendor_error",
      forbidden: "vendor_error",
      vendor_timeout: "vendor_error",
      no_image: "vendor_error",
      internal: "vendor_error",
    },
  });

  it.each([
    [{ size: "16:9" }, { aspectRatio: "16:9" }],
    [{ size: "1792x1024" }, { width: 1792, height: 1024 }],
    [{ size: "2k" }, { size: "2K" }],
    [{ size: "auto" }, {}],
    [{ n: 3 }, { n: 3 }],
    [{ image: "https://example.com/a.png" }, { references: [{ url: "https://example.com/a.png" }] }],
    [
      { images: ["https://example.com/a.png", "http://example.com/b"] },
      { references: [{ url: "https://example.com/a.png" }, { url: "http://example.com/b" }] },
    ],
  ])("the dialect reads a field of the vendor's other pages: %j", (more, request) => {
    expect(decodeWith(more)?.request).toEqual({ model, prompt: "a cat", n: 1, references: [], ...request });
    expect(decodeWith(more)?.warnings).toEqual([]);
  });

  it.each([
    [{ size: "big" }, "size", "a ratio as in 16:9, 512, 1K, 2K, 3K, 4K, pixels as in 1024x1024, or auto"],
    [{ response_format: "png" }, "response_format", "one of url, b64_json"],
    [{ images: [5] }, "images", "a picture or a list of them"],
    [{ image: "cat.png" }, "image[0]", "https://, http://"],
  ])("the dialect rejects %j", (more, field, allowed) => {
    const message = expect.stringContaining(allowed) as string;
    expect(thrownBy(() => decodeWith(more))).toMatchObject({ code: "invalid_request", field, message });
  });

  it("the dialect warns about unknown fields", () => {
    expect(decodeWith({ quality: "high", image_size: "2K" })?.warnings).toEqual([
      "quality is not a field here and was ignored",
      "image_size is not a field here and was ignored",
    ]);
  });

  const hoisted = "hoisted:0";
  const url = "https://cdn.example.com/a.png";
  it.each<[object, object]>([
    [{ data: [{ b64_json: hoisted }] }, { hoisted: 0 }],
    [{ data: [{ url }] }, { url }],
    [{ code: 200, data: { data: [{ url, b64_json: "" }] } }, { url }],
    [{ code: "200", data: { data: [{ url, b64_json: hoisted }] } }, { hoisted: 0 }],
    [
      { code: 200, error: null, data: { data: [{ b64_json: null, url: `data:image/png;base64,${hoisted}` }] } },
      { hoisted: 0 },
    ],
  ])("the provider finds the picture in %j", (wire, source) => {
    expect(imagesIn(200, wire)).toEqual([source]);
  });

  it("the provider reads the vendor's error, also with status 200 and next to a picture", () => {
    const [error] = Object.values(errors);
    const message = "nebula: Invalid parameter: Unsupported aspect ratio";
    for (const status of [400, 200])
      expect(thrownBy(() => imagesIn(status, error))).toMatchObject({ code: "invalid_request", message });
    const data = { data: [{ url }] };
    expect(thrownBy(() => imagesIn(200, { code: 429, msg: "请求频率过高", data }))).toMatchObject({
      code: "rate_limited",
      retryable: true,
    });
    // Other relays of this family send an error object instead.
    expect(thrownBy(() => imagesIn(200, { error: { message: "no" }, data }))).toMatchObject({
      code: "vendor_error",
      message: "nebula: no",
    });
    expect(thrownBy(() => imagesIn(200, { error: { code: "429" }, data }))).toMatchObject({ code: "rate_limited" });
  });

  it("a list without pictures is an error", () => {
    for (const data of [{ data: [] }, { data: [{ url: "", b64_json: "", revised_prompt: "" }] }, [], null])
      expect(thrownBy(() => imagesIn(200, { code: 200, msg: "操作成功", data }))).toMatchObject({ code: "no_image" });
  });
});
