import { type ErrorCode, type GatewayError, STATUS } from "../../errors.ts";
import type { Failure } from "../vendor.ts";

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

export function fail({ code, message, field }: GatewayError): Failure {
  const [status, type, name] = FAILURES[code];
  return { status, body: { error: { message, type, param: field ?? null, code: name } } };
}
