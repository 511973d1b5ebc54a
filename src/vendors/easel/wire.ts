import * as z from "zod/mini";
import { modelName, optional, promptText, shapeFields } from "../request-schema.ts";

const reference = z.union(
  [z.string(), z.strictObject({ url: z.string() }), z.strictObject({ data: z.string() })],
  "must be a URL, a data URI, base64, {url} or {data}",
);

export type ReferenceWire = z.infer<typeof reference>;

/** The canonical request as JSON. */
export const requestWire = z.strictObject({
  model: optional(modelName),
  /** Required, unless there is a preset. */
  prompt: optional(promptText),
  n: optional(z.int().check(z.minimum(1))),
  ...shapeFields,
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
  preset: optional(z.string()),
});
