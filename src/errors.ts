/** Every way a request can fail, in the gateway's own words; each dialect maps them to its documented shape. */
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

/** The HTTP status of each code where a dialect's document does not say otherwise. */
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
  /** Path of the field at fault in the caller's own JSON, as in `imageConfig.aspectRatio`. */
  field?: string | undefined;
  /** Seconds until another try makes sense. */
  retryAfter?: number | undefined;
  /** Whether the same request may succeed later without a second charge. */
  retryable?: boolean | undefined;
  /** Whether another vendor may be asked: this one drew nothing and will not charge. */
  canFailover?: boolean | undefined;
  /** Set where no answer came back: the vendor may never have seen the request, or may be drawing. */
  connectionLost?: boolean | undefined;
  /** HTTP status in every dialect, where a header of ours asked for something that no dialect knows. */
  status?: number | undefined;
  /** The vendor's own HTTP status, kept for the record and the log. */
  vendorStatus?: number | undefined;
  cause?: unknown;
}

/** The one error class: `message` is safe to show (no key, no prompt), `cause` is for the log only. */
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

/** A field of the caller's that is wrong: `what` says so, or what is allowed there, and follows its name. */
export function invalidField(field: string, what: string, detail: ErrorDetail = {}): GatewayError {
  return new GatewayError("invalid_request", `${field} ${what}.`, { ...detail, field });
}

/** Any thrown value as a GatewayError; what nobody foresaw is `internal` and says nothing of its insides. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "Something went wrong inside the gateway.", { cause: thrown });
}

/** The same error, changed in part. */
export function withDetail(error: GatewayError, change: ErrorDetail & { message?: string }): GatewayError {
  const { code, message, field, retryAfter, retryable, canFailover, connectionLost, status, vendorStatus, cause } =
    error;
  const detail = { field, retryAfter, retryable, canFailover, connectionLost, status, vendorStatus, cause, ...change };
  return new GatewayError(code, change.message ?? message, detail);
}

/** The error with its field called as in the caller's own JSON: `references[1]` may be `images[1]` there, or a field of its own. */
export function translateField(
  { fields = {} }: { fields?: Readonly<Record<string, string>> | undefined },
  error: GatewayError,
): GatewayError {
  const { field = "" } = error;
  const [one = "", canonical = ""] = /^(\w+)(?:\[\d+\])?/.exec(field) ?? [];
  // A client's own unknown field may be called as anything, toString too.
  const known = [one, canonical].find((each) => Object.hasOwn(fields, each));
  if (known === undefined) return error;
  return renameField(error, fields[known] + field.slice(known.length));
}

/** The error with its field called otherwise, where its message begins with it too. */
export function renameField(error: GatewayError, name: string): GatewayError {
  const { message, field = "" } = error;
  return withDetail(error, {
    message: message.startsWith(field) ? name + message.slice(field.length) : message,
    field: name,
  });
}
