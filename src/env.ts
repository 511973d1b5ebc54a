import { log } from "./log.ts";
import { type Limits, parseLimits } from "./limits.ts";
import { parsePresets, type Preset } from "./access/presets.ts";
import { parseSigningKeys, type SigningKeys, weakKeys } from "./access/signatures.ts";

/**
 * When a request goes on to the next vendor. `safe`: only where the one before drew nothing and will not charge; `always`:
 * also where nobody knows, at the price of paying twice; `off`: never. A refusal for its content never goes on.
 */
export const FAILOVER = ["safe", "always", "off"] as const;
export type Failover = (typeof FAILOVER)[number];

/** What wrangler.toml binds. Vendors' keys and base URLs are read by name: `<VENDOR>_API_KEY`, `<VENDOR>_BASE_URL`. */
export interface Env {
  KV: KVNamespace;
  BUCKET: R2Bucket;
  QUEUE: Queue;
  /** Cloudflare Images; without it a picture stays in the format that the vendor gave it. */
  IMAGES?: ImagesBinding;
  ADMIN_TOKEN?: string;
  SANDBOX?: string;
  PUBLIC_URL?: string;
  TRUSTED_HOSTS?: string;
  LIMITS?: string;
  MODELS?: string;
  PRESETS?: string;
  SIGNING_KEYS?: string;
}

export interface Config {
  adminToken: string | undefined;
  /** Whether the sandbox draws the models that no configured vendor offers. */
  sandbox: boolean;
  /** Origin of our URLs in answers, without a slash at its end; absent: the request's own. */
  publicUrl: string | undefined;
  /** `host[:port]` that pictures may come from although they are plain http or private. */
  trustedHosts: ReadonlySet<string>;
  limits: Limits;
  /** JSON that changes what vendors' models can do, as it was set; models/registry.ts reads it. */
  models: string | undefined;
  /** A vendor's key, without which it is not called, and where it is if not at its own base URL. */
  credential(vendor: string): string | undefined;
  baseUrl(vendor: string): string | undefined;
  /** Whether a vendor wants its key without `Bearer` before it. */
  bareKey(vendor: string): boolean;
  /** When a request that one vendor did not draw goes on to the next. */
  failover: Failover;
  /** The var ROUTING as it is; models/candidates.ts reads it, since it names vendors. */
  routing: string | undefined;
  /** Those of the var PRESETS, by name; others are stored. */
  presets: ReadonlyMap<string, Preset>;
  signingKeys: SigningKeys;
  /** Everything that must never be shown. */
  secrets: readonly string[];
}

const parsed = new WeakMap<Env, Config>();

/** The config of this deployment, parsed once an isolate. Throws with the var's name where one is wrong. */
export function configOf(env: Env): Config {
  let config = parsed.get(env);
  if (config === undefined) parsed.set(env, (config = parse(env)));
  return config;
}

function parse(env: Env): Config {
  const vars = env as unknown as Record<string, unknown>;
  const text = (name: string) => {
    // A table in wrangler.toml comes as an object, as good as its JSON.
    const value = typeof vars[name] === "object" ? JSON.stringify(vars[name]) : vars[name];
    return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
  };
  const sandbox = text("SANDBOX") ?? "off";
  if (sandbox !== "off" && sandbox !== "fallback") throw new Error('SANDBOX must be "off" or "fallback"');
  const publicUrl = text("PUBLIC_URL")?.replace(/\/+$/, "");
  if (publicUrl !== undefined && !/^https?:\/\/[^/]+$/.test(publicUrl))
    throw new Error("PUBLIC_URL must be an origin, as in https://img.example.com");
  const failover = FAILOVER.find((known) => known === (text("FAILOVER") ?? "safe"));
  if (failover === undefined) throw new Error(`FAILOVER must be one of ${FAILOVER.join(", ")}`);
  const named = (ending: string) =>
    Object.keys(vars).filter((name) => name.endsWith(ending) && text(name) !== undefined);
  for (const name of named("_AUTH"))
    if (!["bearer", "bare"].includes(text(name) ?? "")) throw new Error(`${name} must be bearer or bare`);
  for (const name of named("_BASE_URL"))
    if (!/^https?:\/\/[^/?#]/.test(text(name) ?? ""))
      throw new Error(`${name} must be a URL, as in https://api.example.com`);
  const limits = parseLimits(text("LIMITS"));
  const signingKeys = parseSigningKeys(text("SIGNING_KEYS"));
  for (const kid of weakKeys(signingKeys))
    log("signing_key_weak", { kid, hint: "openssl rand -hex 32 makes a good one" });
  return {
    adminToken: text("ADMIN_TOKEN"),
    sandbox: sandbox === "fallback",
    publicUrl,
    trustedHosts: new Set(
      (text("TRUSTED_HOSTS") ?? "")
        .split(",")
        .map((host) => host.trim().toLowerCase())
        .filter((host) => host !== ""),
    ),
    limits,
    models: text("MODELS"),
    credential: (vendor) => text(`${vendor.toUpperCase()}_API_KEY`),
    baseUrl: (vendor) => text(`${vendor.toUpperCase()}_BASE_URL`)?.replace(/\/+$/, ""),
    bareKey: (vendor) => text(`${vendor.toUpperCase()}_AUTH`) === "bare",
    failover,
    routing: text("ROUTING"),
    presets: parsePresets(text("PRESETS"), limits),
    signingKeys,
    secrets: Object.keys(vars)
      .filter((name) => /_(?:KEY|TOKEN|SECRET)S?$/.test(name))
      .flatMap((name) => text(name) ?? [])
      .concat(...signingKeys.values()),
  };
}
