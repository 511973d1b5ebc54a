import type { ContentfulStatusCode } from "hono/utils/http-status";
import { asGatewayError, type GatewayError, inWordsOf, redact, STATUS } from "../errors.ts";
import { errorWire } from "../image/record.ts";
import { log } from "../log.ts";
import type { Dialect, Failure } from "../vendors/vendor.ts";
import { type AppContext, settings } from "./context.ts";

/** Told to wait where nobody knows how long. */
const RETRY_AFTER_SECONDS = 5;

/** Whose words an error is told in. */
type Voice = Pick<Dialect, "fail" | "fields">;

const own: Voice = { fail: (error) => ({ status: STATUS[error.code], body: errorWire(error) }) };

/** What was thrown, as an answer: in a dialect's words and status, or in our own. */
export function failure(c: AppContext, thrown: unknown, voice: Voice = own): Response {
  const { status, body, error } = told(c, thrown, voice);
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
export function told(c: AppContext, thrown: unknown, voice: Voice): Failure & { error: GatewayError } {
  const error = inWordsOf({ ...voice, fields: { ...voice.fields, ...c.get("fields") } }, asGatewayError(thrown));
  const requestId = c.get("requestId");
  if (error.code === "internal") log("error", { requestId, path: c.req.path, cause: causeOf(c, error) });
  const { status, body } = voice.fail(error, requestId);
  return { status: error.status ?? status, body, error };
}

/** 404 in our own words. */
export function notFound(c: AppContext, message: string): Response {
  c.header("cache-control", "no-store");
  return c.json({ error: { code: "not_found", message } }, 404);
}

/** Not `settings()` alone: that the settings cannot be read may be the very error. */
function causeOf(c: AppContext, { cause }: GatewayError): string {
  try {
    return redact(String(cause), settings(c).secrets);
  } catch {
    return String(cause);
  }
}
