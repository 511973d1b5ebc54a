import type { Context } from "hono";
import { type Env, type Config, configOf } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import { authenticate, type Principal } from "../access/authenticate.ts";
import { allowsOrigin } from "../access/origins.ts";
import type { Runtime } from "../generate/runtime.ts";
import type { GenerationRecord } from "../image/record.ts";
import { findKey } from "../store/api-keys.ts";

/** The part of a record that answers carry in headers. */
export type VendorHeaders = Pick<GenerationRecord, "vendor" | "model" | "warnings">;

/** The variables that Hono carries through a request. */
export interface HonoEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** Canonical field names → this request's own names; stronger than its dialect's `fields`. */
    fields?: Readonly<Record<string, string>> | undefined;
    /** The record whose vendor, model and warnings the answer's headers name, once a vendor is selected. */
    selected?: VendorHeaders | undefined;
    /** True if this method and path accept publishable keys (routes/cors.ts). */
    publishableAllowed?: boolean | undefined;
    /** The page that may read the answer. */
    pageOrigin?: string | undefined;
  };
}

export type AppContext = Context<HonoEnv>;

/** The configuration. Throws if a var is wrong. */
export function configFor(c: AppContext): Config {
  return configOf(c.env);
}

/** What this request brings to the generations that it starts. */
export function runtimeOf(c: AppContext): Runtime {
  return { env: c.env, config: configFor(c), waitUntil: (work) => c.executionCtx.waitUntil(work) };
}

/** Authenticate the client. Throws unauthorized, or forbidden for a publishable key of another origin, or on another path. */
export async function authenticateRequest(c: AppContext): Promise<Principal> {
  const now = Date.now();
  const find = (id: string) => findKey(c.env.KV, id, now);
  const { adminToken } = configFor(c);
  const principal = await authenticate(c.req.header("authorization"), { adminToken, find, now });
  if (principal.kind !== "publishable") return principal;
  const origin = c.req.header("origin");
  // One message for a missing, `null` or foreign origin: a key must not show its origins.
  if (!allowsOrigin(principal.key?.origins ?? [], origin))
    throw new GatewayError(
      "forbidden",
      "This key is good on the pages of its own origins only, as told by the Origin header.",
    );
  c.set("pageOrigin", origin);
  if (c.get("publishableAllowed") !== true)
    throw new GatewayError("forbidden", "A publishable key draws pictures, reads what it drew, and lists models.");
  return principal;
}

/** Authenticate the operator. Throws unauthorized, or forbidden for an API key. */
export async function requireAdmin(c: AppContext): Promise<Principal> {
  const principal = await authenticateRequest(c);
  if (principal.kind === "admin") return principal;
  throw new GatewayError("forbidden", "This is for the operator, whose key is ADMIN_TOKEN.");
}

/** The origin of URLs in answers. */
export function publicOrigin(c: AppContext): string {
  return configFor(c).publicUrl ?? new URL(c.req.url).origin;
}

/** `?limit=` as an integer from 1 to `maxSize`; `defaultSize` if absent. Throws invalid_request. */
export function pageSize(c: AppContext, defaultSize: number, maxSize: number): number {
  const text = c.req.query("limit") ?? String(defaultSize);
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= maxSize) return limit;
  throw invalidField("limit", `must be a whole number from 1 to ${maxSize}`);
}
