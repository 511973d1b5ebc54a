import type { ErrorCode } from "../errors.ts";

/**
 * The meaning of a vendor's error. In addition to canonical codes: `auth`, the vendor rejected the operator's key;
 * `failed`, the vendor reports that it generated nothing; `busy`, the same, but temporary; `unreachable`, the request
 * never reached the vendor; `unknown`, the outcome is unknown: the picture may have been generated, and charged.
 */
export type VendorErrorKind =
  | "invalid_request"
  | "payload_too_large"
  | "model_not_found"
  | "insufficient_credit"
  | "content_rejected"
  | "rate_limited"
  | "no_image"
  | "auth"
  | "failed"
  | "busy"
  | "unreachable"
  | "unknown";

/** Kind → its canonical error code, whether the request may be retried, and whether another vendor may be called. */
export const ERROR_KINDS: Readonly<Record<VendorErrorKind, { code: ErrorCode; retryable?: true; canFailover?: true }>> =
  {
    invalid_request: { code: "invalid_request" },
    content_rejected: { code: "content_rejected" },
    no_image: { code: "no_image" },
    // Vendors' body limits differ, and a body over the limit is not read.
    payload_too_large: { code: "payload_too_large", canFailover: true },
    model_not_found: { code: "model_not_found", canFailover: true },
    insufficient_credit: { code: "insufficient_credit", canFailover: true },
    rate_limited: { code: "rate_limited", retryable: true, canFailover: true },
    // The client's own key is valid, so for the client this is a failure on the vendor's side.
    auth: { code: "vendor_error", canFailover: true },
    failed: { code: "vendor_error", canFailover: true },
    busy: { code: "vendor_error", retryable: true, canFailover: true },
    unreachable: { code: "vendor_error", retryable: true, canFailover: true },
    unknown: { code: "vendor_error" },
  };

/** HTTP statuses, and error codes in a body that look like one, unless the vendor's document defines them otherwise. */
export const STATUSES: Readonly<Record<number, VendorErrorKind>> = {
  400: "invalid_request",
  401: "auth",
  402: "insufficient_credit",
  // The key may be valid, and the region or the path wrong.
  403: "failed",
  404: "failed",
  408: "unknown",
  413: "payload_too_large",
  415: "invalid_request",
  422: "invalid_request",
  429: "rate_limited",
  451: "content_rejected",
  500: "failed",
  502: "unknown",
  503: "busy",
  504: "unknown",
  // Cloudflare's own statuses. The vendor's response broke off or came too late:
  520: "unknown",
  524: "unknown",
  // The connection was refused, timed out, had no route, no valid TLS or no DNS name:
  521: "unreachable",
  522: "unreachable",
  523: "unreachable",
  525: "unreachable",
  526: "unreachable",
  530: "unreachable",
};

/** Reasons why a model ended without a picture: the Gemini API's finishReason, chat's finish_reason in capitals. */
export const REASONS: Readonly<Record<string, VendorErrorKind>> = {
  // promptFeedback has any blockReason.
  PROMPT_BLOCKED: "content_rejected",
  SAFETY: "content_rejected",
  IMAGE_SAFETY: "content_rejected",
  PROHIBITED_CONTENT: "content_rejected",
  IMAGE_PROHIBITED_CONTENT: "content_rejected",
  BLOCKLIST: "content_rejected",
  SPII: "content_rejected",
  RECITATION: "content_rejected",
  IMAGE_RECITATION: "content_rejected",
  MODEL_ARMOR: "content_rejected",
  JAILBREAK: "content_rejected",
  CONTENT_FILTER: "content_rejected",
  // The model was cut off before it finished.
  MAX_TOKENS: "unknown",
  LENGTH: "unknown",
  STOP: "no_image",
  NO_IMAGE: "no_image",
  IMAGE_OTHER: "no_image",
  OTHER: "no_image",
  LANGUAGE: "no_image",
  MALFORMED_FUNCTION_CALL: "no_image",
  UNEXPECTED_TOOL_CALL: "no_image",
  TOO_MANY_TOOL_CALLS: "no_image",
};
