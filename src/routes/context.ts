import type { Context } from "hono";
import { type Env, type Config, configOf } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import { authenticate, type Principal } from "../access/authenticate.ts";
import { allowsOrigin } from "../access/origins.ts";
import { findKey } from "../store/api-keys.ts";

/** What Hono carries through a request. */
export interface HonoEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** What this very request calls canonical fields; wins over its dialect's `fields`. */
    fields?: Readonly<Record<string, string>> | undefined;
    /** Whether publishable keys are good for this method and path (routes/cors.ts). */
    publishableAllowed?: boolean | undefined;
    /** The page that may read the answer. */
    pageOrigin?: string | undefined;
  };
}

export type AppContext = Context<HonoEnv>;

export function configFor(c: AppContext): Config {
  return configOf(c.env);
}

/** Who asks. Throws unauthorized, or forbidden where a publishable key comes from elsewhere or goes too far. */
export async function principalOf(c: AppContext): Promise<Principal> {
  const now = Date.now();
  const find = (id: string) => findKey(c.env.KV, id, now);
  const { adminToken } = configFor(c);
  const principal = await authenticate(c.req.header("authorization"), { adminToken, find, now });
  if (principal.kind !== "publishable") return principal;
  const origin = c.req.header("origin");
  // The same words whether it is missing, `null` or another: what a key is for is not for everybody who has it.
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

/** The operator. Throws unauthorized, or forbidden where it is somebody else. */
export async function adminOf(c: AppContext): Promise<Principal> {
  const principal = await principalOf(c);
  if (principal.kind === "admin") return principal;
  throw new GatewayError("forbidden", "This is for the operator, whose key is ADMIN_TOKEN.");
}

/** Origin of our URLs in answers. */
export function publicOrigin(c: AppContext): string {
  return configFor(c).publicUrl ?? new URL(c.req.url).origin;
}

/** How many rows `?limit=` asks for: `usual` unless told, `most` at most. Throws invalid_request. */
export function pageSize(c: AppContext, usual: number, most: number): number {
  const asked = c.req.query("limit") ?? String(usual);
  const limit = Number(asked);
  if (/^\d+$/.test(asked) && limit >= 1 && limit <= most) return limit;
  throw invalidField("limit", `must be a whole number from 1 to ${most}`);
}
