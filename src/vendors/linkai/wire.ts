import * as z from "zod/mini";

/** The documented request body; `null` stands for an absent optional field, as OpenAI's SDKs send it. */
export const requestWire = z.object({
  model: z.string().check(z.minLength(1)),
  prompt: z.string().check(z.minLength(1)),
  images: z.nullish(z.array(z.string())),
  size: z.nullish(z.string()),
  aspect_ratio: z.nullish(z.string()),
  quality: z.nullish(z.string()),
  response_format: z.nullish(z.literal("url")),
});

export const FIELDS = ["model", "prompt", "images", "size", "aspect_ratio", "quality", "response_format"];

/** How the documents write "the model decides"; English-speaking clients write `auto`. */
export const AUTO_RATIOS = ["自动", "auto"];
