/** The gateway's own error codes; each dialect maps them to its documented shape. */
export type ErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "model_not_found"
  | "insufficient_credit"
  | "content_rejected"
  | "rate_limited"
  | "idempotency_conflict"
  | "vendor_error"
  | "vendor_timeout"
  | "no_image"
  | "payload_too_large"
  | "internal";

/** The HTTP status of each code, unless a dialect's document defines another. */
export const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  model_not_found: 404,
  insufficient_credit: 402,
  content_rejected: 422,
  rate_limited: 429,
  idempotency_conflict: 409,
  vendor_error: 502,
  vendor_timeout: 504,
  no_image: 502,
  payload_too_large: 413,
  internal: 500,
};

export interface ErrorDetail {
  /** Path of the invalid field in the client's JSON, such as `imageConfig.aspectRatio`. */
  field?: string | undefined;
  /** Seconds until a retry makes sense. */
  retryAfter?: number | undefined;
  /** The same request may succeed later without a second charge. */
  retryable?: boolean | undefined;
  /** Another vendor may be called: this one generated nothing and will not charge. */
  canFailover?: boolean | undefined;
  /** No response arrived: the vendor may never have received the request, or may be generating. */
  connectionLost?: boolean | undefined;
  /** Overrides the dialect's status, for errors that no dialect's document defines. */
  status?: number | undefined;
  /** The vendor's HTTP status, for the record and the log. */
  vendorStatus?: number | undefined;
  cause?: unknown;
}

/** The only error that clients see: `message` contains no key and no prompt, `cause` is for the log only. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly retryAfter: number | undefined;
  readonly retryable: boolean;
  readonly canFailover: boolean;
  readonly connectionLost: boolean;
  readonly status: number | undefined;
  readonly vendorStatus: number | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "GatewayError";
    this.code = code;
    this.field = detail.field;
    this.retryAfter = detail.retryAfter;
    this.retryable = detail.retryable ?? code === "rate_limited";
    this.canFailover = detail.canFailover ?? false;
    this.connectionLost = detail.connectionLost ?? false;
    this.status = detail.status;
    this.vendorStatus = detail.vendorStatus;
  }
}

/** Create an invalid_request error. `problem` follows the field's name in the message and states what is allowed. */
export function invalidField(field: string, problem: string, detail: ErrorDetail = {}): GatewayError {
  return new GatewayError("invalid_request", `${field} ${problem}.`, { ...detail, field });
}

/** Convert any thrown value to a GatewayError; an unexpected value becomes `internal` and reveals no details. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "Something went wrong inside the gateway.", { cause: thrown });
}

/** Copy an error with some details changed. */
export function withDetail(error: GatewayError, change: ErrorDetail & { message?: string }): GatewayError {
  const { code, message, field, retryAfter, retryable, canFailover, connectionLost, status, vendorStatus, cause } =
    error;
  const detail = { field, retryAfter, retryable, canFailover, connectionLost, status, vendorStatus, cause, ...change };
  return new GatewayError(code, change.message ?? message, detail);
}

/**
 * Rename the error's field to its name in the dialect: `references[1]` may be `images[1]` there, or a field of its own.
 * `fields` maps canonical names to those of the dialect.
 */
export function translateField(
  { fields = {} }: { fields?: Readonly<Record<string, string>> | undefined },
  error: GatewayError,
): GatewayError {
  const { field = "" } = error;
  const [indexed = "", canonical = ""] = /^(\w+)(?:\[\d+\])?/.exec(field) ?? [];
  // A client may send an unknown field of any name, even toString.
  const source = [indexed, canonical].find((name) => Object.hasOwn(fields, name));
  if (source === undefined) return error;
  return renameField(error, fields[source] + field.slice(source.length));
}

/** Rename the error's field, also at the start of its message. */
export function renameField(error: GatewayError, name: string): GatewayError {
  const { message, field = "" } = error;
  return withDetail(error, {
    message: message.startsWith(field) ? name + message.slice(field.length) : message,
    field: name,
  });
}
