import * as z from "zod/mini";
import { OUTPUT_FORMATS, TIERS } from "../../image/request.ts";
import { modelName, optional, promptText } from "../strict.ts";

const reference = z.union(
  [z.string(), z.strictObject({ url: z.string() }), z.strictObject({ data: z.string() })],
  "must be a URL, a data URI, base64, {url} or {data}",
);

export type ReferenceWire = z.infer<typeof reference>;

/** The canonical request as JSON. */
export const requestWire = z.strictObject({
  model: optional(modelName),
  prompt: promptText,
  n: optional(z.int().check(z.minimum(1))),
  size: optional(z.enum(TIERS)),
  aspectRatio: optional(z.string()),
  width: optional(z.int().check(z.minimum(1))),
  height: optional(z.int().check(z.minimum(1))),
  seed: optional(z.int()),
  quality: optional(z.string()),
  outputFormat: optional(z.enum(OUTPUT_FORMATS)),
  references: optional(z.array(reference)),
  mask: optional(reference),
  turns: optional(
    z.array(
      z.strictObject({
        role: z.enum(["user", "model"]),
        text: optional(z.string()),
        references: optional(z.array(reference)),
      }),
    ),
  ),
  providerOptions: optional(z.record(z.string(), z.record(z.string(), z.unknown()))),
});
