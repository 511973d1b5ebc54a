import * as z from "zod/mini";
import { OUTPUT_FORMATS } from "../../image/request.ts";
import { modelName, optional, promptText } from "../strict.ts";

/**
 * `POST /v1/images/generations` as OpenAI's SDKs send it (images.ts of openai-node), with the extra fields of vendors
 * that took the same path: `images`, `aspect_ratio`, `seed`, and tiers in `size`.
 */
export const requestWire = z.object({
  model: optional(modelName),
  prompt: promptText,
  n: optional(z.int().check(z.minimum(1))),
  size: optional(z.string()),
  quality: optional(z.string()),
  response_format: optional(z.enum(["url", "b64_json"])),
  output_format: optional(z.enum(OUTPUT_FORMATS)),
  stream: optional(z.literal(false, "must be false or left out: pictures are not streamed here")),
  seed: optional(z.int()),
  images: optional(z.array(z.string())),
  aspect_ratio: optional(z.string()),
});

export const DEFAULT_MODEL = "gpt-image-2";
