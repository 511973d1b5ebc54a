import * as z from "zod/mini";
import type { Config } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import { providersFor } from "../models/candidates.ts";
import { splitModelName } from "../models/registry.ts";
import { enforceKey } from "../generate/validate.ts";
import { presetOf } from "../generate/presets.ts";
import { DEFAULT_MODEL } from "../image/catalog.ts";
import { type Tier, TIERS } from "../image/request.ts";
import { parseTimestamp, isKeyId, type KeyRecord, type KeyTerms, newKey } from "../access/keys.ts";
import { validateOrigin } from "../access/origins.ts";
import { isName, NAME } from "../access/names.ts";
import { listKeys, putKey, revokeKey } from "../store/api-keys.ts";
import { optional, parseWire } from "../vendors/request-schema.ts";
import { requireAdmin, type AppContext, configFor } from "./context.ts";
import { notFound } from "./error-response.ts";
import { jsonBody } from "./request-body.ts";

const TIMESTAMP_RULE = "must be a time with its zone, on a day that there is, as in 2027-01-31T12:00:00Z";
const names = z.array(z.string()).check(z.minLength(1, "must not be empty"), z.maxLength(50));

const termsWire = z.strictObject({
  kind: optional(z.enum(["secret", "publishable"])),
  name: optional(z.string().check(z.regex(/^[^\p{C}]{1,100}$/u, "must be 1 to 100 characters on one line"))),
  expiresAt: optional(z.string().check(z.refine((text) => parseTimestamp(text) !== undefined, TIMESTAMP_RULE))),
  models: optional(names),
  presets: optional(names),
  origins: optional(names),
  size: optional(z.enum(TIERS)),
  perMinute: optional(z.int().check(z.minimum(1), z.maximum(100_000))),
});

/** `POST /v1/keys`: create a key. The key itself is shown in this answer only. */
export async function createKey(c: AppContext): Promise<Response> {
  await requireAdmin(c);
  const now = Date.now();
  const terms = termsOf(await jsonBody(c), configFor(c), now);
  const { key, record } = await newKey(terms, now);
  await Promise.all((terms.presets ?? []).map((name, index) => checkPreset(record, name, `presets[${index}]`, c)));
  await putKey(c.env.KV, record, now);
  c.header("cache-control", "no-store");
  return c.json({ ...keyWire(record), key }, 201);
}

/** `GET /v1/keys`: every key; a revoked or expired one for 30 days. */
export async function serveKeys(c: AppContext): Promise<Response> {
  await requireAdmin(c);
  const records = await listKeys(c.env.KV);
  const newest = records.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  c.header("cache-control", "no-store");
  return c.json({ object: "list", data: newest.map(keyWire) });
}

/**
 * `DELETE /v1/keys/{id}`: revoke a key for good. The isolate that answers rejects it from now on; other isolates may accept it
 * for another 90 s: an isolate reads KV every 30 s, and KV is up to a minute behind.
 */
export async function deleteKey(c: AppContext): Promise<Response> {
  await requireAdmin(c);
  const id = c.req.param("id") ?? "";
  const record = isKeyId(id) ? await revokeKey(c.env.KV, id, Date.now()) : null;
  if (record === null)
    return notFound(c, "There is no such key; it takes the id, which is between the key's two underscores.");
  c.header("cache-control", "no-store");
  return c.json(keyWire(record));
}

/** A key's record as the operator sees it: without the hash. */
function keyWire(record: KeyRecord) {
  const { id, kind, name, createdAt, expiresAt, revokedAt, models, presets, origins, size, perMinute } = record;
  const bounds = { models, presets, origins, size, perMinute };
  return { id, object: "key", kind, name, createdAt, expiresAt, revokedAt, ...bounds };
}

/** Read the terms of a new key. Throws invalid_request. */
function termsOf(wire: unknown, config: Config, now: number): KeyTerms {
  const parsed = parseWire(termsWire, wire);
  const terms: KeyTerms = { ...parsed, kind: parsed.kind ?? "secret" };
  const { kind, expiresAt, models, presets, origins, size, perMinute } = terms;
  if (expiresAt !== undefined) {
    const at = parseTimestamp(expiresAt) ?? 0;
    if (at <= now) throw invalidField("expiresAt", "must be a time to come");
    terms.expiresAt = new Date(at).toISOString();
  }
  terms.models = models?.map((model, index) => canonicalModelName(model, `models[${index}]`, config));
  presets?.forEach((preset, index) => {
    if (!isName(preset)) throw invalidField(`presets[${index}]`, `must be a preset's name: ${NAME}`);
  });
  origins?.forEach((origin, index) => {
    const problem = validateOrigin(origin);
    if (problem !== undefined) throw invalidField(`origins[${index}]`, problem);
  });
  if (kind === "secret") {
    if (origins !== undefined)
      throw invalidField("origins", "is for publishable keys: a secret key has no place in a page");
    return terms;
  }
  // Every visitor of the page has the key, so each restriction is required.
  const needed = "is required for a publishable key";
  if (origins === undefined)
    throw invalidField("origins", `${needed}: the pages that may use it, as in https://example.com`);
  if (models === undefined && presets === undefined)
    throw invalidField("models", `or presets ${needed}: what may be drawn with it`);
  if (size === undefined)
    throw invalidField("size", `${needed}: the largest that may be asked for, one of ${TIERS.join(", ")}`);
  if (perMinute === undefined) throw invalidField("perMinute", `${needed}: its requests a minute`);
  return terms;
}

/** Check that a key can use a preset, so that not every request has to fail. Throws invalid_request. */
async function checkPreset(key: KeyRecord, name: string, field: string, c: AppContext): Promise<void> {
  const config = configFor(c);
  const preset = await presetOf(name, { env: c.env, config });
  if (preset === undefined) {
    const message = `${field}: The preset ${name} is not known; PUT /v1/presets/{name} or the var PRESETS makes one.`;
    throw new GatewayError("invalid_request", message, { field });
  }
  const { model = DEFAULT_MODEL, size, width, height } = preset;
  const request = { model, size, width, height, prompt: "", n: 1, references: [] };
  const parsed = { request, warnings: [], preset: { name, setFields: [] } };
  const isEnough = (maxSize: Tier) => {
    try {
      enforceKey({ ...key, key: { ...key, size: maxSize } }, parsed, config);
      return true;
    } catch (error) {
      if (error instanceof GatewayError) return false;
      throw error;
    }
  };
  if (key.size === undefined || isEnough(key.size)) return;
  const least = TIERS.find(isEnough);
  const advice = `${least === undefined ? "" : `allow ${least}, or `}give that preset a smaller size`;
  throw invalidField("size", `is too small for the preset ${name}: ${advice}`);
}

/** The canonical model, after its pinned vendor if there is one. */
function canonicalModelName(name: string, field: string, config: Config): string {
  try {
    const { model } = providersFor(name, config);
    const { vendor } = splitModelName(name);
    return vendor === undefined ? model : `${vendor}/${model}`;
  } catch (error) {
    throw error instanceof GatewayError
      ? new GatewayError("invalid_request", `${field}: ${error.message}`, { field })
      : error;
  }
}
