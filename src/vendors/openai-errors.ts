import { type ErrorCode, STATUS } from "../errors.ts";
import type { Dialect } from "./vendor.ts";

type ErrorRow = [status: number, type: string, code: string | null];

/** Errors in OpenAI's form. Its SDKs retry 409 and 429, so moderation and an empty account use other statuses. */
const ERROR_ROWS: Record<Exclude<ErrorCode, "content_rejected">, ErrorRow> = {
  invalid_request: [STATUS.invalid_request, "invalid_request_error", null],
  payload_too_large: [STATUS.payload_too_large, "invalid_request_error", null],
  idempotency_conflict: [STATUS.idempotency_conflict, "invalid_request_error", null],
  unauthorized: [STATUS.unauthorized, "invalid_request_error", "invalid_api_key"],
  forbidden: [STATUS.forbidden, "invalid_request_error", null],
  model_not_found: [STATUS.model_not_found, "invalid_request_error", "model_not_found"],
  insufficient_credit: [STATUS.insufficient_credit, "insufficient_quota", "insufficient_quota"],
  rate_limited: [STATUS.rate_limited, "requests", "rate_limit_exceeded"],
  vendor_error: [STATUS.vendor_error, "server_error", "vendor_error"],
  vendor_timeout: [STATUS.vendor_timeout, "server_error", "vendor_timeout"],
  no_image: [STATUS.no_image, "server_error", "no_image"],
  internal: [STATUS.internal, "server_error", "internal"],
};

/** Create a dialect's `encodeError` for OpenAI's form; `type` and `code` are the dialect's own for rejected content. */
export function encodeOpenAIError(type: string, code: string): Dialect["encodeError"] {
  const rows: Record<ErrorCode, ErrorRow> = { ...ERROR_ROWS, content_rejected: [400, type, code] };
  return (error) => {
    const [status, type, code] = rows[error.code];
    return { status, body: { error: { message: error.message, type, param: error.field ?? null, code } } };
  };
}
