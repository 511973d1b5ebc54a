import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** aspect_ratio of every model except gpt-image-2; an absent field means their default, 自动. */
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"] as const;

/** The limits of every model, from the document (docs.link-ai.tech, image-generation, 请求体). */
const common = {
  // images: 公网可访问的图片 URL, or a data URI, which the gateway hoists into a stored picture.
  referenceSchemes: ["https", "http"],
  // No field for format, seed or number.
  formats: [],
  seed: false,
  n: 1,
  // data[].url, which the document calls long-lived.
  output: "url",
} as const satisfies Partial<ModelSpec>;

const seedream = {
  ...common,
  ratios: RATIOS,
  // 2K / 4K, default 2K, for both 4.5 and 4.0, although Ark's 4.0 also has 1K.
  sizes: ["2K", "4K"],
  defaultSize: "2K",
  pixels: PIXELS["seedream-4.x"],
  // images 最多 10 张
  references: 10,
  // These two models have no quality parameter.
  qualities: [],
} as const satisfies Partial<ModelSpec>;

const gemini = {
  ...common,
  ratios: RATIOS,
  // images 最多 3 张, for all three
  references: 3,
  // "Nano Banana 不支持 size/quality, 传入也不会报错": the vendor ignores it without an error, so it is rejected or dropped here.
  qualities: [],
} as const satisfies Partial<ModelSpec>;

/** Models in LinkAI's document (各模型详细参数). Pixels are from the model maker's table, or from LinkAI's own client. */
export const models: Record<string, ModelSpec> = {
  "gpt-image-2": {
    ...common,
    wireName: "gpt-image-2",
    // 1:1 / 3:2 / 2:3 / 16:9 / 9:16, default 16:9; this model has no 自动.
    ratios: ["1:1", "3:2", "2:3", "16:9", "9:16"],
    defaultRatio: "16:9",
    // 1K / 2K / 4K, default 2K
    sizes: ["1K", "2K", "4K"],
    defaultSize: "2K",
    pixels: PIXELS["gpt-image-2"],
    // images 最多 15 张
    references: 15,
    // low / medium / high, default medium; standard / hd in the general text are values of other models.
    qualities: ["low", "medium", "high"],
  },
  "doubao-seedream-4.5": { ...seedream, wireName: "doubao-seedream-4.5" },
  "doubao-seedream-4.0": { ...seedream, wireName: "doubao-seedream-4.0" },
  "gemini-3-pro-image-preview": {
    ...gemini,
    wireName: "gemini-3-pro-image-preview",
    // 1K / 2K / 4K, default 1K
    sizes: ["1K", "2K", "4K"],
    defaultSize: "1K",
    pixels: PIXELS["gemini-3-pro"],
  },
  "gemini-3.1-flash-image-preview": {
    ...gemini,
    wireName: "gemini-3.1-flash-image-preview",
    // 512 / 1K / 2K / 4K, default 1K
    sizes: ["512", "1K", "2K", "4K"],
    defaultSize: "1K",
    pixels: PIXELS["gemini-3.1-flash"],
  },
  // No size parameter at all.
  "gemini-2.5-flash-image": {
    ...gemini,
    wireName: "gemini-2.5-flash-image",
    sizes: [],
    pixels: PIXELS["gemini-2.5"],
  },
};
