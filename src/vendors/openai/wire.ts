import * as z from "zod/mini";
import { OUTPUT_FORMATS } from "../../image/request.ts";
import { contentsWire } from "../contents.ts";
import { modelName, optional, promptText } from "../request-schema.ts";

/** A picture in JSON: a text, or an object as in the JSON form of /v1/images/edits (ImageRefParam). */
const pictureWire = z.union(
  [z.string(), z.object({ image_url: z.string() })],
  "must be a URL, a data URI, or either as {image_url}; ids of uploaded files are not known here",
);
export type PictureWire = z.infer<typeof pictureWire>;

/**
 * The body of `POST /v1/images/generations` and `/v1/images/edits` from OpenAI's SDKs (images.ts of openai-node 7.55),
 * with the extra fields of vendors that use the same paths: `aspect_ratio`, `seed`, `contents`, and tiers in `size`.
 */
export const requestWire = z.object({
  model: optional(modelName),
  /** Optional if there is `contents`. */
  prompt: optional(z.string()),
  n: optional(z.int().check(z.minimum(1))),
  size: optional(z.string()),
  quality: optional(z.string()),
  response_format: optional(z.enum(["url", "b64_json"])),
  output_format: optional(z.enum(OUTPUT_FORMATS)),
  stream: optional(z.boolean()),
  /** `image` is the field of a form, `images` the field of JSON. */
  image: optional(z.union([pictureWire, z.array(pictureWire)], "must be a picture or a list of pictures")),
  images: optional(z.array(pictureWire)),
  mask: optional(pictureWire),
  // Also a picture: without it, the result would not be what the client requested.
  markup: optional(z.never("must be left out: no vendor here takes it")),
  seed: optional(z.int()),
  aspect_ratio: optional(z.string()),
  contents: optional(contentsWire),
  background: optional(z.enum(["transparent", "opaque", "auto"])),
  moderation: optional(z.enum(["low", "auto"])),
  input_fidelity: optional(z.enum(["high", "low"])),
  output_compression: optional(z.int().check(z.minimum(0), z.maximum(100))),
  partial_images: optional(z.int().check(z.minimum(0), z.maximum(3))),
  style: optional(z.string()),
  // For OpenAI's abuse detection; they do not affect the picture.
  user: optional(z.string()),
  safety_identifier: optional(z.string()),
});
export type RequestWire = z.infer<typeof requestWire>;

/** The required field of a request without `contents`. */
export const promptWire = z.object({ prompt: promptText });

/** Documented fields that no vendor here supports → their neutral value, which needs no warning. */
export const UNAVAILABLE = {
  background: "auto",
  moderation: "auto",
  input_fidelity: "low",
  output_compression: 100,
  partial_images: 0,
  style: "vivid",
} as const satisfies { [K in keyof RequestWire]?: RequestWire[K] };

export const DEFAULT_MODEL = "gpt-image-2";
