import type { ErrorCode } from "../errors.ts";

/**
 * What a refusal means. Beside the canonical codes: `key`, the operator's own key is refused; `failed`, the vendor's own
 * word that it drew nothing; `busy`, the same for now; `away`, nothing reached it; `unclear`, nobody knows: the picture may
 * be drawn, and charged, all the same.
 */
export type VendorErrorKind =
  | "invalid_request"
  | "payload_too_large"
  | "model_not_found"
  | "insufficient_credit"
  | "content_rejected"
  | "rate_limited"
  | "no_image"
  | "key"
  | "failed"
  | "busy"
  | "away"
  | "unclear";

/** Meaning → the error it is, whether it may be tried again, and whether another vendor may be asked. */
export const ERROR_KINDS: Readonly<Record<VendorErrorKind, { code: ErrorCode; retryable?: true; canFailover?: true }>> =
  {
    invalid_request: { code: "invalid_request" },
    content_rejected: { code: "content_rejected" },
    no_image: { code: "no_image" },
    // Limits of bodies differ, and what is over one is not read.
    payload_too_large: { code: "payload_too_large", canFailover: true },
    model_not_found: { code: "model_not_found", canFailover: true },
    insufficient_credit: { code: "insufficient_credit", canFailover: true },
    rate_limited: { code: "rate_limited", retryable: true, canFailover: true },
    // To the caller, whose own key is fine, it is a fault of the vendor's side.
    key: { code: "vendor_error", canFailover: true },
    failed: { code: "vendor_error", canFailover: true },
    busy: { code: "vendor_error", retryable: true, canFailover: true },
    away: { code: "vendor_error", retryable: true, canFailover: true },
    unclear: { code: "vendor_error" },
  };

/** HTTP statuses, and codes in an answer that are written like one, where a vendor's document says nothing else. */
export const STATUSES: Readonly<Record<number, VendorErrorKind>> = {
  400: "invalid_request",
  401: "key",
  402: "insufficient_credit",
  // The key may be good, and the place or the path wrong.
  403: "failed",
  404: "failed",
  408: "unclear",
  413: "payload_too_large",
  415: "invalid_request",
  422: "invalid_request",
  429: "rate_limited",
  451: "content_rejected",
  500: "failed",
  502: "unclear",
  503: "busy",
  504: "unclear",
  // Cloudflare's own. The vendor's answer broke off or did not come in time:
  520: "unclear",
  524: "unclear",
  // It was refused, unreachable, without TLS or a name:
  521: "away",
  522: "away",
  523: "away",
  525: "away",
  526: "away",
  530: "away",
};

/** Why a model ended without a picture, in capitals: the Gemini API's finishReason, and chat's finish_reason. */
export const REASONS: Readonly<Record<string, VendorErrorKind>> = {
  // promptFeedback has a blockReason, whichever it is.
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
  // It was cut off while it worked.
  MAX_TOKENS: "unclear",
  LENGTH: "unclear",
  STOP: "no_image",
  NO_IMAGE: "no_image",
  IMAGE_OTHER: "no_image",
  OTHER: "no_image",
  LANGUAGE: "no_image",
  MALFORMED_FUNCTION_CALL: "no_image",
  UNEXPECTED_TOOL_CALL: "no_image",
  TOO_MANY_TOOL_CALLS: "no_image",
};
