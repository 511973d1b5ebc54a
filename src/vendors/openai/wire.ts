import * as z from "zod/mini";

/** `POST /v1/images/generations` as OpenAI's SDKs send it (images.ts of openai-node), with the extra fields of vendors that took the same path. */
export const requestWire = z.object({
  model: z.nullish(z.string().check(z.minLength(1))),
  prompt: z.string().check(z.minLength(1)),
  n: z.nullish(z.int().check(z.minimum(1), z.maximum(10))),
  size: z.nullish(z.string()),
  quality: z.nullish(z.string()),
  response_format: z.nullish(z.enum(["url", "b64_json"])),
  output_format: z.nullish(z.enum(["png", "jpeg", "webp"])),
  stream: z.nullish(z.literal(false, "true is not served here: leave it out")),
  seed: z.nullish(z.int()),
  images: z.nullish(z.array(z.string())),
  aspect_ratio: z.nullish(z.string()),
});

export const FIELDS = ["model", "prompt", "n", "size", "quality", "response_format", "output_format", "stream", "seed", "images", "aspect_ratio"];

export const DEFAULT_MODEL = "gpt-image-2";
