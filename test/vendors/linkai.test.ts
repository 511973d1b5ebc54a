import { describe, expect, it } from "vitest";
import { linkai } from "../../src/vendors/linkai/index.ts";
import answers from "../fixtures/linkai/answers.json" with { type: "json" };
import errors from "../fixtures/linkai/errors.json" with { type: "json" };
import requests from "../fixtures/linkai/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

const CDN = "https://cdn.link-ai.tech/user/generate/eaf7c477-2fe5-4420-8c23-df2a27a55593.png";
const gpt = { model: "gpt-image-2", size: "2K", aspectRatio: "16:9" } as const;
const url = { response_format: "url" };

describe("LinkAI", () => {
  contract({
    vendor: linkai,
    requests,
    meanings: {
      "请求示例(文生图)": { request: { ...gpt, prompt: requests["请求示例(文生图)"].prompt }, sent: url },
      "请求示例(图生图,URL 输入)": {
        request: { ...gpt, prompt: requests["请求示例(图生图,URL 输入)"].prompt },
        references: [CDN],
        sent: { ...url, size: "2K", aspect_ratio: "16:9" },
      },
      "请求示例(图生图,base64 输入)": {
        request: { ...gpt, prompt: requests["请求示例(图生图,base64 输入)"].prompt },
        references: ["inline"],
        sent: { ...url, size: "2K", aspect_ratio: "16:9" },
      },
      "示例代码, 图生图": {
        request: {
          model: "gemini-3.1-flash-image-preview",
          size: "1K",
          prompt: requests["示例代码, 图生图"].prompt,
        },
        references: [CDN],
        sent: { ...url, size: "1K" },
      },
    },
    answers,
    // 错误响应, and 429 for the gateway's own rate limits.
    statuses: [400, 401, 402, 406, 409, 429, 503],
    readBack: {
      payload_too_large: "invalid_request",
      idempotency_conflict: "invalid_request",
      // The key that the vendor rejects is the operator's.
      unauthorized: "vendor_error",
      // 模型不存在或当前账号无权限使用该模型: one status for both.
      forbidden: "model_not_found",
      vendor_timeout: "vendor_error",
      no_image: "vendor_error",
      internal: "vendor_error",
    },
  });

  it.each([
    [{ model: "gpt-image-2", aspect_ratio: "4:3" }, "aspectRatio"],
    [{ model: "doubao-seedream-4.5", size: "1K" }, "size"],
    [{ model: "gpt-image-2", quality: "best" }, "quality"],
    [{ model: "gemini-2.5-flash-image", images: [CDN, CDN, CDN, CDN] }, "references"],
  ])("the document's limits hold whichever vendor serves the request: %j", (more, field) => {
    const decode = () => linkai.dialect?.decode({ prompt: "a cat", ...more }, [], new Headers());
    expect(decode).toThrow(expect.objectContaining({ code: "invalid_request", field }) as Error);
  });

  it("the provider reads the documented error, also with status 200", () => {
    const decode = (status: number) => () =>
      linkai.provider?.decode(status, errors["402"], new Headers(), SAMPLE_REQUEST.request);
    expect(decode(402)).toThrow(
      expect.objectContaining({ code: "model_not_found", message: "linkai: 模型不存在或用户无权限使用: xxx" }) as Error,
    );
    expect(decode(200)).toThrow(expect.objectContaining({ code: "model_not_found" }) as Error);
  });

  it("a status is retryable only if the document says that the call failed", () => {
    const retryable = (status: number) => {
      try {
        linkai.provider?.decode(status, { error: { message: "接口调用异常" } }, new Headers(), SAMPLE_REQUEST.request);
      } catch (error) {
        return (error as { retryable: boolean }).retryable;
      }
      return undefined;
    };
    // After a proxy's 502 or 504, the picture may still be generated and charged.
    expect([400, 402, 406, 409, 429, 500, 502, 503, 504].filter(retryable)).toEqual([429, 503]);
  });
});
