import * as z from "zod/mini";
import { modelName, optional, promptText } from "../request-schema.ts";

const media = z.enum(["image/png", "image/jpeg", "image/webp"]);

/** A picture in a request: its URI, or its base64. */
const sourceWire = z.discriminatedUnion(
  "kind",
  [
    z.object({ kind: z.literal("uri"), value: z.string() }),
    z.object({ kind: z.literal("data"), value: z.string(), media }),
  ],
  'must be {kind: "uri", value} or {kind: "data", value, media}',
);
export type SourceWire = z.infer<typeof sourceWire>;

export const formatWire = z.object({ ratio: optional(z.string()), tier: optional(z.enum(["1K", "2K", "4K"])) });

/** The documented request body (test/exercise/README.md, "What is sent"). */
export const requestWire = z.object({
  engine: modelName,
  text: promptText,
  sheets: optional(z.int().check(z.minimum(1), z.maximum(4))),
  format: optional(formatWire),
  sources: optional(z.array(sourceWire)),
  stencil: optional(sourceWire),
  random: optional(z.int().check(z.minimum(0), z.maximum(4_294_967_295))),
});

/** `why.kind` of an error → its HTTP status ("What goes wrong"). */
export const KINDS = {
  bad_field: 400,
  bad_key: 401,
  no_credit: 402,
  no_engine: 404,
  bad_motif: 422,
  too_fast: 429,
  failed: 500,
  busy: 503,
} as const;
