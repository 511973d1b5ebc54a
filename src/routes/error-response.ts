import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toGatewayError, type GatewayError, translateField, STATUS } from "../errors.ts";
import { errorWire } from "../image/record.ts";
import { log } from "../log.ts";
import { redact } from "../redact.ts";
import type { Dialect, ErrorResponse } from "../vendors/vendor.ts";
import { type AppContext, configFor } from "./context.ts";

/** Told to wait where nobody knows how long. */
const RETRY_AFTER_SECONDS = 5;

/** Whose words an error is told in. */
type ErrorFormat = Pick<Dialect, "encodeError" | "fields">;

const own: ErrorFormat = { encodeError: (error) => ({ status: STATUS[error.code], body: errorWire(error) }) };

/** What was thrown, as an answer: in a dialect's words and status, or in our own. */
export function errorResponse(c: AppContext, thrown: unknown, voice: ErrorFormat = own): Response {
  const { status, body, error } = formatError(c, thrown, voice);
  if (status === 429 || status === 503 || (error.status !== undefined && error.retryAfter !== undefined)) {
    c.header("retry-after", String(Math.max(1, Math.ceil(error.retryAfter ?? RETRY_AFTER_SECONDS))));
  }
  if (status === 401) c.header("www-authenticate", "Bearer");
  // OpenAI's SDKs try 408, 409, 429 and every 5xx again unless told not to; a second try might be a second charge.
  if (!error.retryable) c.header("x-should-retry", "false");
  c.header("content-type", "application/json");
  return c.body(JSON.stringify(body), status as ContentfulStatusCode);
}

/** What was thrown, in a dialect's words. */
export function formatError(
  c: AppContext,
  thrown: unknown,
  voice: ErrorFormat,
): ErrorResponse & { error: GatewayError } {
  const error = translateField({ ...voice, fields: { ...voice.fields, ...c.get("fields") } }, toGatewayError(thrown));
  const requestId = c.get("requestId");
  if (error.code === "internal") log("error", { requestId, path: c.req.path, cause: causeOf(c, error) });
  const { status, body } = voice.encodeError(error, requestId);
  return { status: error.status ?? status, body, error };
}

/** 404 in our own words. */
export function notFound(c: AppContext, message: string): Response {
  c.header("cache-control", "no-store");
  return c.json({ error: { code: "not_found", message } }, 404);
}

/** Not `config()` alone: that the config cannot be read may be the very error. */
function causeOf(c: AppContext, { cause }: GatewayError): string {
  try {
    return redact(String(cause), configFor(c).secrets);
  } catch {
    return String(cause);
  }
}
