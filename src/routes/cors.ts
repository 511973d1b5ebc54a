import type { Next } from "hono";
import { GatewayError } from "../errors.ts";
import { isOrigin } from "../access/origins.ts";
import type { AppContext } from "./context.ts";
import { errorResponse } from "./error-response.ts";

/** What a page may send. `*` is every other header, as SDKs add their own, but never stands for the key's. */
const ALLOWED_HEADERS = "authorization, accept, content-type, idempotency-key, prefer, *";
/** A day; browsers take less where they want. */
const MAX_AGE_SECONDS = 86_400;
/** Of an answer's headers, those that pages may read beside what every page may. */
const EXPOSED_HEADERS =
  /^(?:easel-|ratelimit|(?:retry-after|location|content-location|x-request-id|x-should-retry|preference-applied)$)/;

/**
 * Opens a method of a path to web pages: publishable keys are good there, and their pages may read the answer. Nobody
 * else's may: a secret key in a page is a mistake. No credentials: there are no cookies here.
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

/** Lets every page read an answer, its headers too: what needs no key. */
export function openToAll(c: AppContext): void {
  c.header("access-control-allow-origin", "*");
  c.header("access-control-expose-headers", "*");
}

/** `OPTIONS` of a picture, wherever it is: pages may read it, also by a client that adds headers to every request. */
export function allowPicture(c: AppContext): Response {
  c.header("access-control-allow-origin", "*");
  c.header("access-control-allow-methods", "GET, HEAD");
  c.header("access-control-allow-headers", "authorization, if-none-match, if-range, range");
  c.header("access-control-max-age", String(MAX_AGE_SECONDS));
  return c.body(null, 204);
}

/** A browser asks before it sends the key, and so the answer is the same for every page. */
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
