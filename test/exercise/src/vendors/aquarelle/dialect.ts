import type { ErrorCode } from "../../errors.ts";
import type { ImageRequest, Reference, StoredPicture } from "../../image/request.ts";
import { InlineImage } from "../../image/wire.ts";
import { readPicture, readUrl } from "../reference-fields.ts";
import { fitToDocument, parseWire, documentedSpec, unknownFields } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { models } from "./models.ts";
import { formatWire, KINDS, requestWire, type SourceWire } from "./wire.ts";

const TABLE = { vendor: "aquarelle", models };

const KIND: Record<ErrorCode, keyof typeof KINDS> = {
  invalid_request: "bad_field",
  payload_too_large: "bad_field",
  idempotency_conflict: "bad_field",
  unauthorized: "bad_key",
  forbidden: "bad_key",
  insufficient_credit: "no_credit",
  model_not_found: "no_engine",
  content_rejected: "bad_motif",
  rate_limited: "too_fast",
  vendor_error: "failed",
  vendor_timeout: "failed",
  no_image: "failed",
  internal: "failed",
};

/** Aquarelle's format as the gateway serves it. Source: test/exercise/README.md. */
export const dialect: Dialect = {
  name: "aquarelle",
  paths: ["/v2/paint"],
  fields: {
    model: "engine",
    prompt: "text",
    n: "sheets",
    size: "format.tier",
    aspectRatio: "format.ratio",
    references: "sources",
    mask: "stencil",
    seed: "random",
  },

  decode(wire, pictures) {
    const parsed = parseWire(requestWire, wire);
    const spec = documentedSpec(TABLE, parsed.engine);
    const request: ImageRequest = {
      model: parsed.engine,
      prompt: parsed.text,
      n: parsed.sheets ?? 1,
      size: parsed.format?.tier ?? spec?.defaultSize,
      aspectRatio: parsed.format?.ratio ?? spec?.defaultRatio,
      seed: parsed.random,
      references: (parsed.sources ?? []).map((source, index) => readSource(source, pictures, `sources[${index}]`)),
      mask: parsed.stencil && readSource(parsed.stencil, pictures, "stencil"),
    };
    const unknown = [
      ...unknownFields(requestWire, wire),
      ...unknownFields(formatWire, (wire as { format?: unknown }).format, "format."),
    ];
    const fitted = fitToDocument(TABLE, request);
    return { request: fitted.request, warnings: [...unknown, ...fitted.warnings] };
  },

  encode(record) {
    return { ok: true, sheets: record.images.map((image) => ({ media: image.type, data: new InlineImage(image) })) };
  },

  encodeError(error) {
    // The vendor's clients retry "busy".
    const kind = error.code === "vendor_error" && error.retryable ? "busy" : KIND[error.code];
    return { status: KINDS[kind], body: { ok: false, why: { kind, words: error.message } } };
  },
};

/** Read a source as a reference. `media` is ignored: the picture's own bytes decide its type. */
function readSource(source: SourceWire, pictures: readonly StoredPicture[], field: string): Reference {
  if (source.kind === "uri") return readUrl(source.value, `${field}.value`, ["https"]);
  return readPicture(source.value, pictures, `${field}.value`);
}
