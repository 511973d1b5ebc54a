import * as z from "zod/mini";
import { modelName, optional, promptText } from "../request-schema.ts";

/** The documented request body (请求体). */
export const requestWire = z.object({
  model: modelName,
  prompt: promptText,
  images: optional(z.array(z.string())),
  // The vendor's own client sends this field instead of `images`; its pictures must not be lost.
  image_url: optional(z.union([z.string(), z.array(z.string())], "must be a picture or a list of them")),
  size: optional(z.string()),
  aspect_ratio: optional(z.string()),
  quality: optional(z.string()),
  response_format: optional(z.literal("url")),
});

/** Values that leave the ratio to the model: 自动 in the document, `auto` from English-speaking clients. */
export const AUTO_RATIOS: readonly string[] = ["自动", "auto", ""];
