import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** 支持的宽高比: eight, without 4:5 and 5:4. */
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"] as const;

/** The endpoint's limits, from the document (listenhub.ai/docs, OpenAPI, image-generation). */
const common = {
  // referenceImages: fileData.fileUri takes http, https and gs.
  referenceSchemes: ["https", "http", "gs"],
  // 速率限制 is stricter for inlineData: fileData is preferred.
  prefersUrls: true,
  // No field for quality, format, seed or number in 请求参数.
  qualities: [],
  formats: [],
  seed: false,
  n: 1,
  // The response is the model's raw JSON, with inlineData.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** The limits of both documented models, which are of `provider: "google"`. */
const gemini = {
  ...common,
  // imageConfig.imageSize: 1K, 2K (default) or 4K; no 512, although Google's flash has it.
  sizes: ["1K", "2K", "4K"],
  defaultSize: "2K",
  // No defaultRatio: the document names none, and its clients disagree (1:1, 16:9).
  // referenceImages: at most 14. No referenceBytes: Labnana (same backend) limits the whole request, to 20 MB.
  references: 14,
} as const satisfies Partial<ModelSpec>;

/** Models in ListenHub's document. Pixels are Google's, because the output is the model's own. */
export const models: Record<string, ModelSpec> = {
  "gemini-3-pro-image-preview": {
    ...gemini,
    wireName: "gemini-3-pro-image-preview",
    ratios: RATIOS,
    pixels: PIXELS["gemini-3-pro"],
    // Labnana's price list.
    price: { currency: "credits", amount: { "1K": 15, "2K": 15, "4K": 30 } },
  },
  "gemini-3.1-flash-image-preview": {
    ...gemini,
    wireName: "gemini-3.1-flash-image-preview",
    // 额外支持 1:4, 4:1, 1:8, 8:1.
    ratios: [...RATIOS, "1:4", "4:1", "1:8", "8:1"],
    pixels: PIXELS["gemini-3.1-flash"],
    price: { currency: "credits", amount: { "1K": 10, "2K": 10, "4K": 20 } },
  },
};

/** Models outside the document, so not part of the dialect: off until the var MODELS turns them on. */
export const undocumented: Record<string, ModelSpec> = {
  // The English page of the same documents: `provider: "openai"` and the same form, but another imageConfig, which it
  // does not describe. So no imageConfig is sent.
  "gpt-image-2": {
    ...common,
    wireName: "gpt-image-2",
    maker: "openai",
    ratios: [],
    sizes: [],
    // Labnana's lists: 4 references, and 4, 6 or 10 credits.
    references: 4,
    price: { currency: "credits", amount: { "1K": 4, "2K": 6, "4K": 10 } },
    off: true,
  },
};
