import { describe, expect, it } from "vitest";
import { xty } from "../../src/vendors/xty/index.ts";
import errors from "../fixtures/xty/errors.json" with { type: "json" };
import forms from "../fixtures/xty/forms.json" with { type: "json" };
import requests from "../fixtures/xty/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

const FLASH = "gemini-3.1-flash-image-preview";
const prompt = "一只可爱的橙色小猫坐在彩虹桥上,卡通风格,明亮的色彩,高质量,详细";
const CAT = { model: FLASH, prompt, n: 2, size: "2K", aspectRatio: "16:9" } as const;
const { extra_body } = requests["请求示例 (curl)"];
const URL_REFERENCE = "https://example.com/cat.png";
const text = (words: string) => ({ type: "text", text: words });

const edit = {
  model: "gemini-3-pro-image-preview",
  messages: [
    {
      role: "user",
      content: [
        text("make it night"),
        { type: "image_url", image_url: { url: "data:image/png;base64,<BASE64_ENCODED_IMAGE>" } },
        { type: "image_url", image_url: { url: URL_REFERENCE } },
      ],
    },
  ],
};

describe("xty", () => {
  contract({
    vendor: xty,
    requests: { ...requests, "with pictures, as on the image-to-image page": edit },
    meanings: {
      "请求示例 (curl)": { request: CAT, responseFormat: "url" },
      "请求示例 (openai, as an SDK sends it that knows no extra_body)": {
        request: CAT,
        responseFormat: "url",
        sent: { extra_body },
      },
      "with pictures, as on the image-to-image page": {
        request: { model: edit.model, prompt: "make it night" },
        references: ["inline", URL_REFERENCE],
        responseFormat: "url",
      },
    },
    answers: forms,
    // The document has only 请求失败; these are OpenAI's statuses.
    statuses: [400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 504],
    readBack: {
      idempotency_conflict: "vendor_error",
      // The key that the vendor rejects is the operator's.
      unauthorized: "vendor_error",
      forbidden: "vendor_error",
      vendor_timeout: "vendor_error",
      no_image: "vendor_error",
      internal: "vendor_error",
    },
  });

  it("the provider reads the documented error, also with status 200 and next to a picture", () => {
    const [failed] = Object.values(errors);
    const decode = (status: number, more = {}) =>
      thrownBy(() => xty.provider?.decode(status, { ...failed, ...more }, new Headers(), SAMPLE_REQUEST.request));
    const message = "xty: 请求失败";
    expect(decode(400)).toMatchObject({ code: "invalid_request", message });
    expect(decode(200)).toMatchObject({ code: "vendor_error", message, canFailover: true });
    const [picture] = Object.values(forms);
    expect(decode(200, picture)).toMatchObject({ code: "vendor_error", message });
  });
});
