import { type ErrorCode, STATUS } from "../../errors.ts";
import { TIERS } from "../../image/request.ts";
import { Inline } from "../../image/wire.ts";
import { readReferences } from "../references.ts";
import { parseWire, readSize, unknownFields } from "../strict.ts";
import type { Dialect } from "../vendor.ts";
import { DEFAULT_MODEL, requestWire } from "./wire.ts";

/** What went wrong in OpenAI's words. Its SDKs retry 409 and 429, so moderation and an empty account are neither. */
const FAILURES: Record<ErrorCode, [status: number, type: string, code: string | null]> = {
  invalid_request: [STATUS.invalid_request, "invalid_request_error", null],
  payload_too_large: [STATUS.payload_too_large, "invalid_request_error", null],
  idempotency_conflict: [STATUS.idempotency_conflict, "invalid_request_error", null],
  unauthorized: [STATUS.unauthorized, "invalid_request_error", "invalid_api_key"],
  forbidden: [STATUS.forbidden, "invalid_request_error", null],
  model_not_found: [STATUS.model_not_found, "invalid_request_error", "model_not_found"],
  insufficient_credit: [STATUS.insufficient_credit, "insufficient_quota", "insufficient_quota"],
  content_rejected: [400, "image_generation_user_error", "moderation_blocked"],
  rate_limited: [STATUS.rate_limited, "requests", "rate_limit_exceeded"],
  vendor_error: [STATUS.vendor_error, "server_error", "vendor_error"],
  vendor_timeout: [STATUS.vendor_timeout, "server_error", "vendor_timeout"],
  no_image: [STATUS.no_image, "server_error", "no_image"],
  internal: [STATUS.internal, "server_error", "internal"],
};

/** OpenAI's images API as served; also takes the extra fields of the vendors that share its path. */
export const dialect: Dialect = {
  name: "openai",
  paths: ["/v1/images/generations"],
  fields: {
    aspectRatio: "aspect_ratio",
    references: "images",
    width: "size",
    height: "size",
    outputFormat: "output_format",
  },

  decode(wire, pictures) {
    const asked = parseWire(requestWire, wire);
    const { model = DEFAULT_MODEL } = asked;
    const format = asked.response_format ?? (isGptImage(model) ? "b64_json" : "url");
    return {
      request: {
        model,
        prompt: asked.prompt,
        n: asked.n ?? 1,
        ...readSize(asked.size, TIERS),
        aspectRatio: asked.aspect_ratio === "auto" ? undefined : asked.aspect_ratio,
        seed: asked.seed,
        quality: asked.quality,
        outputFormat: asked.output_format,
        references: readReferences(asked.images ?? [], pictures, "images", ["https", "http"]),
      },
      warnings: unknownFields(requestWire, wire),
      as: format === "url" ? "url" : "base64",
    };
  },

  encode(record, { as }) {
    return {
      created: Math.floor(Date.parse(record.createdAt) / 1000),
      // Never both, and never an empty one beside the other: SDKs take the first they find.
      data: record.images.map((image) => (as === "base64" ? { b64_json: new Inline(image) } : { url: image.url })),
    };
  },

  fail(error) {
    const [status, type, code] = FAILURES[error.code];
    return { status, body: { error: { message: error.message, type, param: error.field ?? null, code } } };
  },
};

/** OpenAI's own gpt-image models answer base64 unless told otherwise. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}
