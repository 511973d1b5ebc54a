import * as z from "zod/mini";
import { TIERS } from "../../image/request.ts";
import { optional, promptText } from "../wire.ts";

const reference = z.union(
  [z.string(), z.strictObject({ url: z.string() }), z.strictObject({ data: z.string() })],
  "must be a URL, a data URI, base64, {url} or {data}",
);

/** The canonical request as JSON. */
export const requestWire = z.strictObject({
  model: optional(z.string().check(z.minLength(1, "must not be empty"))),
  prompt: promptText,
  n: optional(z.int().check(z.minimum(1), z.maximum(10))),
  size: optional(z.enum(TIERS)),
  aspectRatio: optional(z.string()),
  width: optional(z.int().check(z.minimum(1))),
  height: optional(z.int().check(z.minimum(1))),
  seed: optional(z.int()),
  quality: optional(z.string()),
  outputFormat: optional(z.enum(["png", "jpeg", "webp"])),
  references: optional(z.array(reference)),
});
