import type { Next } from "hono";
import { GatewayError } from "../errors.ts";
import { isOrigin } from "../access/origins.ts";
import type { AppContext } from "./context.ts";
import { errorResponse } from "./error-response.ts";

/** Request headers that a page may send. `*` allows the headers that SDKs add, but never covers `authorization`. */
const ALLOWED_HEADERS = "authorization, accept, content-type, idempotency-key, prefer, *";
/** One day; browsers may cap it lower. */
const MAX_AGE_SECONDS = 86_400;
/** Response headers that pages may read in addition to the CORS-safelisted ones. */
const EXPOSED_HEADERS =
  /^(?:easel-|ratelimit|(?:retry-after|location|content-location|x-request-id|x-should-retry|preference-applied)$)/;

/**
 * Allow web pages to use a method of a path: publishable keys are valid there, and the pages that they list may read
 * the response. A secret key in a page is a mistake, so its response stays unreadable. No credentials mode: there
 * are no cookies.
 */
export function corsFor(method: "GET" | "POST"): (c: AppContext, next: Next) => Promise<Response | void> {
  const methods = method === "GET" ? ["GET", "HEAD"] : [method];
  return async (c, next) => {
    c.header("vary", "origin", { append: true });
    if (c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined)
      return preflight(c, methods);
    c.set("publishableAllowed", methods.includes(c.req.method));
    await next();
    const origin = c.get("pageOrigin");
    if (origin === undefined) return;
    c.header("access-control-allow-origin", origin);
    const names = [...c.res.headers.keys()].filter((name) => EXPOSED_HEADERS.test(name));
    c.header("access-control-expose-headers", names.join(", "));
  };
}

/** Allow every page to read a response and its headers, for resources that need no key. */
export function allowAnyOrigin(c: AppContext): void {
  c.header("access-control-allow-origin", "*");
  c.header("access-control-expose-headers", "*");
}

/**
 * Answer the preflight request for a picture: every page may read it, even with a client that adds headers to every
 * request.
 */
export function picturePreflight(c: AppContext): Response {
  c.header("access-control-allow-origin", "*");
  c.header("access-control-allow-methods", "GET, HEAD");
  c.header("access-control-allow-headers", "authorization, if-none-match, if-range, range");
  c.header("access-control-max-age", String(MAX_AGE_SECONDS));
  return c.body(null, 204);
}

/** The preflight request carries no key, so the response is the same for every page. */
function preflight(c: AppContext, methods: readonly string[]): Response {
  const origin = c.req.header("origin") ?? "";
  if (!isOrigin(origin)) {
    const message = "A page must have an origin, as in https://example.com; null is none.";
    return errorResponse(c, new GatewayError("forbidden", message, { field: "origin" }));
  }
  c.header("access-control-allow-origin", origin);
  c.header("access-control-allow-methods", methods.join(", "));
  c.header("access-control-allow-headers", ALLOWED_HEADERS);
  c.header("access-control-max-age", String(MAX_AGE_SECONDS));
  return c.body(null, 204);
}
