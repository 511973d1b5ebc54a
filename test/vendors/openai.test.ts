import { describe, expect, it } from "vitest";
import { openai } from "../../src/vendors/openai/index.ts";
import requests from "../fixtures/openai/requests.json" with { type: "json" };
import { contract } from "./contract.ts";

const prompt = "A cute baby sea otter";
const pixels = { width: 1024, height: 1024 };
const model = "gpt-image-2";

describe("OpenAI", () => {
  contract({
    vendor: openai,
    requests,
    meanings: {
      "openai-node README: images.generate": { request: { model, prompt }, as: "base64" },
      "API reference: POST /images/generations": { request: { model, prompt, ...pixels }, as: "base64" },
      "AI SDK, a model that is not gpt-image": {
        request: { model: "gemini-3-pro-image-preview", prompt, ...pixels },
        as: "base64",
      },
      "LangChain DallEAPIWrapper": {
        request: { model, prompt, ...pixels, quality: "standard" },
        warnings: ["style is not a field here and was ignored"],
        as: "url",
      },
      "extra_body, as relays document it": {
        request: { model, prompt, size: "2K", aspectRatio: "16:9" },
        references: ["https://example.com/otter.png", "inline"],
        as: "base64",
      },
    },
    // No 409 and no 422 for moderation: its SDKs try a 409 again.
    statuses: [400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 504],
  });

  it("answers neither moderation nor an empty account with a status that its SDKs try again", () => {
    for (const code of ["content_rejected", "insufficient_credit"] as const) {
      const status = openai.dialect?.fail({ code, message: "no" } as never, "req-1").status ?? 500;
      expect([408, 409, 429].includes(status) || status >= 500).toBe(false);
    }
  });
});
