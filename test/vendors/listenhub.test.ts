import { describe } from "vitest";
import { listenhub } from "../../src/vendors/listenhub/index.ts";
import answers from "../fixtures/listenhub/answers.json" with { type: "json" };
import requests from "../fixtures/listenhub/requests.json" with { type: "json" };
import { contract } from "./contract.ts";

const model = "gemini-3-pro-image-preview";

describe("ListenHub", () => {
  contract({
    vendor: listenhub,
    requests,
    meanings: {
      基础生成: {
        request: { model, prompt: requests["基础生成"].prompt, size: "2K", aspectRatio: "16:9" },
        sent: { model },
      },
      "使用图片 URL": {
        request: { model, prompt: requests["使用图片 URL"].prompt, size: "2K", aspectRatio: "1:1" },
        references: ["https://example.com/my-photo.jpg"],
        sent: { model },
      },
      "使用 Base64 编码数据": {
        request: { model, prompt: requests["使用 Base64 编码数据"].prompt, size: "2K" },
        references: ["inline"],
        sent: { model, imageConfig: { imageSize: "2K" } },
      },
    },
    answers,
    // 错误码, and 401, which the vendor's SDK knows for an invalid key.
    statuses: [400, 401, 402, 429, 500],
    readBack: {
      // The vendor has one code for every invalid request.
      model_not_found: "invalid_request",
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
});
