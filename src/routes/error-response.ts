import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toGatewayError, type GatewayError, translateField, STATUS } from "../errors.ts";
import { errorWire } from "../image/record.ts";
import { log, redact } from "../log.ts";
import type { Dialect, ErrorResponse } from "../vendors/vendor.ts";
import { type AppContext, configFor } from "./context.ts";

/** The Retry-After of 429 and 503 if the error has none. */
const RETRY_AFTER_SECONDS = 5;

/** How an error is rendered. */
type ErrorFormat = Pick<Dialect, "encodeError" | "fields">;

const canonicalFormat: ErrorFormat = {
  encodeError: (error) => ({ status: STATUS[error.code], body: errorWire(error) }),
};

/** Answer with an error: in a dialect's shape and status, or in the canonical one. */
export function errorResponse(c: AppContext, thrown: unknown, format: ErrorFormat = canonicalFormat): Response {
  const { status, body, error } = formatError(c, thrown, format);
  if (status === 429 || status === 503 || (error.status !== undefined && error.retryAfter !== undefined)) {
    c.header("retry-after", String(Math.max(1, Math.ceil(error.retryAfter ?? RETRY_AFTER_SECONDS))));
  }
  if (status === 401) c.header("www-authenticate", "Bearer");
  // OpenAI's SDKs retry 408, 409, 429 and every 5xx unless this header forbids it; a retry might be a second charge.
  if (!error.retryable) c.header("x-should-retry", "false");
  c.header("content-type", "application/json");
  return c.body(JSON.stringify(body), status as ContentfulStatusCode);
}

/** Render an error in a dialect's shape, with the request's own field names. Logs an internal error. */
export function formatError(
  c: AppContext,
  thrown: unknown,
  format: ErrorFormat,
): ErrorResponse & { error: GatewayError } {
  const error = translateField({ ...format, fields: { ...format.fields, ...c.get("fields") } }, toGatewayError(thrown));
  const requestId = c.get("requestId");
  if (error.code === "internal") log("error", { requestId, path: c.req.path, cause: causeOf(c, error) });
  const { status, body } = format.encodeError(error, requestId);
  return { status: error.status ?? status, body, error };
}

/** 404 in the canonical shape. */
export function notFound(c: AppContext, message: string): Response {
  c.header("cache-control", "no-store");
  return c.json({ error: { code: "not_found", message } }, 404);
}

/** The cause without secrets; unchanged if the error is that the configuration cannot be read. */
function causeOf(c: AppContext, { cause }: GatewayError): string {
  try {
    return redact(String(cause), configFor(c).secrets);
  } catch {
    return String(cause);
  }
}
