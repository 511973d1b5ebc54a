import * as z from "zod/mini";
import { TIERS } from "../../image/request.ts";

/** The canonical request as JSON. A reference is a URL, a data URI, bare base64, or `{url}` / `{data}`. */
export const requestWire = z.strictObject({
  model: z.optional(z.string().check(z.minLength(1))),
  prompt: z.string().check(z.minLength(1)),
  n: z.optional(z.int().check(z.minimum(1), z.maximum(10))),
  size: z.optional(z.enum(TIERS)),
  aspectRatio: z.optional(z.string().check(z.regex(/^\d+:\d+$/, "must be a ratio, as in 16:9"))),
  width: z.optional(z.int().check(z.minimum(1))),
  height: z.optional(z.int().check(z.minimum(1))),
  seed: z.optional(z.int()),
  quality: z.optional(z.string()),
  outputFormat: z.optional(z.enum(["png", "jpeg", "webp"])),
  references: z.optional(z.array(z.union([z.string(), z.strictObject({ url: z.string() }), z.strictObject({ data: z.string() })]))),
});
