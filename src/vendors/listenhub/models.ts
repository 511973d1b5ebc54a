import type { ModelSpec } from "../../image/models.ts";
import { PIXELS } from "../../image/pixels.ts";

/** 支持的宽高比: eight, without 4:5 and 5:4. */
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"] as const;

/** What the document says of both models (listenhub.ai/docs, OpenAPI, image-generation). */
const common = {
  // imageConfig.imageSize: 1K, 2K (default) or 4K; no 512, although Google's flash has it.
  sizes: ["1K", "2K", "4K"],
  defaultSize: "2K",
  // No defaultRatio: the document names none, and its clients disagree (1:1, 16:9).
  // referenceImages: 14 at most; fileData.fileUri takes http, https and gs.
  references: 14,
  referenceSchemes: ["https", "http", "gs"],
  // 速率限制 is stricter for inlineData: fileData is preferred.
  prefersUrls: true,
  // No field for quality, format, seed or number in 请求参数.
  qualities: [],
  formats: [],
  seed: false,
  n: 1,
  // The model's raw JSON, inlineData.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** Models in ListenHub's document, `provider: "google"`; pixels are Google's, the raw output being the model's. */
export const models: Record<string, ModelSpec> = {
  "gemini-3-pro-image-preview": {
    ...common,
    wireName: "gemini-3-pro-image-preview",
    ratios: RATIOS,
    pixels: PIXELS["gemini-3-pro"],
    // Labnana's list (same backend).
    price: { currency: "credits", amount: { "1K": 15, "2K": 15, "4K": 30 } },
  },
  "gemini-3.1-flash-image-preview": {
    ...common,
    wireName: "gemini-3.1-flash-image-preview",
    // 额外支持 1:4, 4:1, 1:8, 8:1.
    ratios: [...RATIOS, "1:4", "4:1", "1:8", "8:1"],
    pixels: PIXELS["gemini-3.1-flash"],
    price: { currency: "credits", amount: { "1K": 10, "2K": 10, "4K": 20 } },
  },
};
