import { log } from "./log.ts";
import { type Limits, parseLimits } from "./limits.ts";
import { memoizeWeak } from "./memory.ts";
import { parsePresets, type Preset } from "./access/presets.ts";
import { parseSigningKeys, type SigningKeys, weakKeys } from "./access/signatures.ts";

/**
 * When a request moves to the next vendor. `safe`: only if the first vendor generated nothing and will not charge; `always`:
 * also if that is unknown, which may cost twice; `off`: never. A request that was rejected for its content never moves.
 */
export const FAILOVER = ["safe", "always", "off"] as const;
export type Failover = (typeof FAILOVER)[number];

/** The bindings, vars and secrets of wrangler.toml and the secrets of the deployment. Vendors' keys and base URLs are read by name: `<VENDOR>_API_KEY`, `<VENDOR>_BASE_URL`. */
export interface Env {
  KV: KVNamespace;
  BUCKET: R2Bucket;
  QUEUE: Queue;
  /** Cloudflare Images; without it a picture stays in the vendor's format. */
  IMAGES?: ImagesBinding;
  ADMIN_TOKEN?: string;
  FAILOVER?: string;
  ROUTING?: string;
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
  /** Set if the sandbox serves the models that no configured vendor offers. */
  sandbox: boolean;
  /** Origin of URLs in answers, without a slash at the end; if absent, the request's own origin. */
  publicUrl: string | undefined;
  /** `host[:port]` that pictures may be fetched from although they are plain http or private. */
  trustedHosts: ReadonlySet<string>;
  limits: Limits;
  /** The var MODELS, unparsed: models/registry.ts reads it. */
  modelsVar: string | undefined;
  /** A vendor's API key, without which it is never called, and its base URL if it is not the default. */
  credential(vendor: string): string | undefined;
  baseUrl(vendor: string): string | undefined;
  /** True if a vendor expects its key without `Bearer` before it. */
  bareKey(vendor: string): boolean;
  /** When a failed request moves to the next vendor. */
  failover: Failover;
  /** The var ROUTING, unparsed: it names vendors, so models/candidates.ts reads it. */
  routingVar: string | undefined;
  /** The presets of the var PRESETS, by name; others are stored in R2. */
  presets: ReadonlyMap<string, Preset>;
  signingKeys: SigningKeys;
  /** Every text that must never appear in an answer, a record or a log. */
  secrets: readonly string[];
}

/** The configuration of this deployment, parsed once per isolate. Throws with the var's name if one is wrong. */
export const configOf = memoizeWeak(parse);

function parse(env: Env): Config {
  const vars = env as unknown as Record<string, unknown>;
  const text = (name: string) => {
    // A table in wrangler.toml arrives as an object.
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
    modelsVar: text("MODELS"),
    credential: (vendor) => text(`${vendor.toUpperCase()}_API_KEY`),
    baseUrl: (vendor) => text(`${vendor.toUpperCase()}_BASE_URL`)?.replace(/\/+$/, ""),
    bareKey: (vendor) => text(`${vendor.toUpperCase()}_AUTH`) === "bare",
    failover,
    routingVar: text("ROUTING"),
    presets: parsePresets(text("PRESETS"), limits),
    signingKeys,
    secrets: Object.keys(vars)
      .filter((name) => /_(?:KEY|TOKEN|SECRET)S?$/.test(name))
      .flatMap((name) => text(name) ?? [])
      .concat(...signingKeys.values()),
  };
}
