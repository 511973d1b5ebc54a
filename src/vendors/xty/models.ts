import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** The limits of every model, from the document (图像API接口, Text-to-image). */
const common = {
  // extra_body.google.image_config.aspect_ratio: these presets. Without it, the picture has the shape of the input
  // picture, or is square if there is none: so no defaultRatio.
  ratios: ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"],
  // The document gives no number of input pictures, so Google's own limits apply (ai.google.dev, image-generation): 14
  // and 3.
  references: 14,
  // Parts of type image_url, as on the vendor's image-to-image page: a URL, or a data URI, which the gateway hoists.
  referenceSchemes: ["https", "http"],
  // No field for quality, format or seed in 请求参数.
  qualities: [],
  formats: [],
  seed: false,
  // 传 2、3 等值时可一次返回多张图片, without a maximum: the gateway's own limit per request.
  n: 10,
  // 返回的图像URL地址有效期为1个小时
  output: "url",
  urlSeconds: 3600,
} as const satisfies Partial<ModelSpec>;

/** Models in the vendor's documents. Pixels are Google's, because the page shows those of 2.5 for every model. */
export const models: Record<string, ModelSpec> = {
  "gemini-3.1-flash-image-preview": {
    ...common,
    wireName: "gemini-3.1-flash-image-preview",
    // image_size: 512, 1K, 2K, 4K; the page's table of pixels is that of 1K.
    sizes: ["512", "1K", "2K", "4K"],
    defaultSize: "1K",
    pixels: PIXELS["gemini-3.1-flash"],
  },
  "gemini-3-pro-image-preview": {
    ...common,
    wireName: "gemini-3-pro-image-preview",
    // image_size: 1K, 2K, 4K
    sizes: ["1K", "2K", "4K"],
    defaultSize: "1K",
    pixels: PIXELS["gemini-3-pro"],
  },
  // From an earlier version of the page (doc.xty.app/docs/image-api), with the same ratios and no image_size.
  "gemini-2.5-flash-image": {
    ...common,
    wireName: "gemini-2.5-flash-image",
    sizes: [],
    pixels: PIXELS["gemini-2.5"],
    references: 3,
  },
};
