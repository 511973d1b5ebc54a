import { describe, expect, it } from "vitest";
import { STATUS } from "../../src/errors.ts";
import { prefersPicture } from "../../src/vendors/easel/dialect.ts";
import { easel } from "../../src/vendors/easel/index.ts";
import requests from "../fixtures/easel/requests.json" with { type: "json" };
import { contract } from "./contract.ts";

const prompt = "A cat on a roof";

describe("Easel", () => {
  contract({
    vendor: easel,
    requests,
    meanings: {
      "the least": { request: { model: "gemini-3-pro-image-preview", prompt }, responseFormat: "url" },
      "everything by tier": {
        request: {
          model: "linkai/gpt-image-2",
          prompt,
          n: 2,
          size: "2K",
          aspectRatio: "16:9",
          seed: 7,
          quality: "high",
          outputFormat: "png",
        },
        references: ["https://example.com/cat.png", "https://example.com/roof.jpg", "inline"],
        responseFormat: "url",
      },
      pixels: { request: { model: "flux-2-pro", prompt, width: 1280, height: 720 }, responseFormat: "url" },
      "a conversation": {
        request: {
          model: "gemini-3-pro-image-preview",
          prompt: "By night",
          mask: { url: "https://example.com/mask.png" },
          providerOptions: { atalk: { safety_tolerance: 3 } },
        },
        turns: [
          { role: "user", text: prompt, references: ["https://example.com/cat.png"] },
          { role: "model", references: ["inline"] },
        ],
        responseFormat: "url",
      },
    },
    statuses: Object.values(STATUS),
  });

  it.each([
    [null, false],
    ["", false],
    ["image/*", true],
    ["image/png;q=0.1", true],
    ["image/png;q=0", false],
    ["image/png; Q=0.5, */*;q=0.4", true],
    ["*/*;q=0.9,image/webp", true],
    ["*/*, image/webp", false],
    ["application/*;q=0.2, image/*;q=0.1", false],
    ["image/*;q=nonsense", false],
    ["text/html, imagination/*", false],
  ])("the header Accept: %s prefers a picture: %s", (accept, picture) => {
    expect(prefersPicture(accept)).toBe(picture);
  });
});
