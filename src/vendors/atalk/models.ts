import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** 支持的比例: nine ratios, with 3:4 but without 4:3. */
export const RATIOS: readonly string[] = ["1:1", "2:3", "3:2", "3:4", "4:5", "5:4", "9:16", "16:9", "21:9"];

/** The default of aspect_ratio (默认值). */
export const DEFAULT_RATIO = "1:1";

/**
 * Sides of a Flux picture. The document gives the step (必须是 16 的倍数) but no limits. The limits are the maker's for
 * FLUX.2 (docs.bfl.ai): at least 64, and 4 MP in total, so that a side of 4096 leaves 1024 for the other.
 */
export const SIDES = { multipleOf: 16, min: 64, max: 4096, maxPixels: 2048 * 2048 } as const;

/** Limits of a reference picture, 最大 20MB 或 20MP. */
export const REFERENCE = { bytes: 20_000_000, pixels: 20_000_000 } as const;

/** The limits of every model, from the document (图片生成 API, 请求参数). */
const common = {
  ratios: RATIOS,
  defaultRatio: DEFAULT_RATIO,
  // No field for a tier, a quality or a number.
  sizes: [],
  qualities: [],
  n: 1,
  // input_image to input_image_8: 最多支持 8 张图片, each Base64 编码的图片数据或图片 URL.
  references: 8,
  referenceBytes: REFERENCE.bytes,
  referenceSchemes: ["https", "http"],
} as const satisfies Partial<ModelSpec>;

/** Flux 模型专用参数: width, height, seed, safety_tolerance, output_format. */
const flux = {
  ...common,
  dimensions: SIDES,
  formats: ["jpeg", "png"],
  seed: true,
  output: "url",
  // URL 通常有时效性, without a number; the maker's own URLs are valid for 10 minutes.
  urlSeconds: 600,
} as const satisfies Partial<ModelSpec>;

/** Models in the document. The prices are those of its samples; a response's `usage.cost` has the real one. */
export const models: Record<string, ModelSpec> = {
  "flux-2-pro": { ...flux, wireName: "flux-2-pro", price: { currency: "CNY", amount: 0.04 } },
  // The document has no sample of it, so there is no price.
  "flux-1.1-pro": { ...flux, wireName: "flux-1.1-pro" },
  "gemini-2.5-flash-image": {
    ...common,
    wireName: "gemini-2.5-flash-image",
    pixels: PIXELS["gemini-2.5"],
    formats: [],
    seed: false,
    output: "base64",
    price: { currency: "CNY", amount: 0.02 },
  },
};

/** Check whether a model takes the fields that are 仅在使用 Flux 系列模型时支持, by its wire name. */
export function isFlux(wireName: string): boolean {
  return wireName.startsWith("flux");
}
