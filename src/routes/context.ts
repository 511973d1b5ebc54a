import type { Context } from "hono";
import { type Env, type Settings, settingsOf } from "../env.ts";
import { authenticate, type Principal } from "../policy/credentials.ts";

/** What Hono carries through a request. */
export interface HonoEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** What this very request calls canonical fields; wins over its dialect's `fields`. */
    fields?: Readonly<Record<string, string>> | undefined;
  };
}

export type AppContext = Context<HonoEnv>;

export function settings(c: AppContext): Settings {
  return settingsOf(c.env);
}

/** Who asks. Throws unauthorized. */
export function principalOf(c: AppContext): Promise<Principal> {
  return authenticate(c.req.header("authorization"), settings(c).adminToken);
}

/** Origin of our URLs in answers. */
export function publicOrigin(c: AppContext): string {
  return settings(c).publicUrl ?? new URL(c.req.url).origin;
}
