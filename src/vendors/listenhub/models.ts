import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** 支持的宽高比: eight, without 4:5 and 5:4. */
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"] as const;

/** What the document says of the endpoint (listenhub.ai/docs, OpenAPI, image-generation). */
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
  // The model's raw JSON, inlineData.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** What it says of both its models, which are of `provider: "google"`. */
const gemini = {
  ...common,
  // imageConfig.imageSize: 1K, 2K (default) or 4K; no 512, although Google's flash has it.
  sizes: ["1K", "2K", "4K"],
  defaultSize: "2K",
  // No defaultRatio: the document names none, and its clients disagree (1:1, 16:9).
  // referenceImages: 14 at most. No referenceBytes: Labnana (same backend) limits the whole request, to 20 MB.
  references: 14,
} as const satisfies Partial<ModelSpec>;

/** Models in ListenHub's document; pixels are Google's, the raw output being the model's. */
export const models: Record<string, ModelSpec> = {
  "gemini-3-pro-image-preview": {
    ...gemini,
    wireName: "gemini-3-pro-image-preview",
    ratios: RATIOS,
    pixels: PIXELS["gemini-3-pro"],
    // Labnana's list.
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

/** Not in the document, so its format, as it is served here, does not know them: off until the var MODELS says otherwise. */
export const undocumented: Record<string, ModelSpec> = {
  // English page of the same documents: `provider: "openai"`, else the same form, but another imageConfig. Which, is not
  // said, so nothing of it is sent.
  "gpt-image-2": {
    ...common,
    wireName: "gpt-image-2",
    maker: "openai",
    ratios: [],
    sizes: [],
    // Labnana's lists: 4 references; 4, 6 and 10 credits.
    references: 4,
    price: { currency: "credits", amount: { "1K": 4, "2K": 6, "4K": 10 } },
    off: true,
  },
};
