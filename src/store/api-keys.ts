import { GatewayError } from "../errors.ts";
import type { KeyRecord } from "../access/keys.ts";
import { memoizeWeak, TtlCache } from "../memory.ts";
import { retryOnce } from "./objects.ts";

/** How long an isolate uses a record before it reads KV again. KV's own cache has the same lifetime, its minimum. */
const FRESH_MS = 30_000;
/** How long an unknown id stays unknown: many requests with one wrong key are one read. */
const MISSED_MS = 5_000;
/** How long a known record stays valid while KV cannot be read. */
const STALE_MS = 10 * 60_000;
/** Remembered records, and remembered misses. */
const MAX_CACHED = 2_000;
/** How long a revoked or expired key is still listed. */
const LISTED_SECONDS = 30 * 86_400;
/** The latest expiration that KV accepts, in seconds since the epoch: the end of an int32, in January 2038. */
const LAST_SECOND = 2 ** 31 - 1;
/** The most keys in one bulk read of KV. */
const BULK = 100;

const PREFIX = "keys/";
const keyOf = (id: string) => PREFIX + id;

/** An isolate's caches. Misses are apart: invented ids must not push out real ones. */
const cachesOf = memoizeWeak<KVNamespace, { records: TtlCache<KeyRecord>; misses: TtlCache<true> }>(() => ({
  records: new TtlCache(MAX_CACHED),
  misses: new TtlCache(MAX_CACHED),
}));

/**
 * Read the record of a key; null if there is none. It is at most 90 s old; a revocation made in this isolate counts at once.
 * Throws internal if KV cannot be read.
 */
export async function findKey(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  const { records, misses } = cachesOf(kv);
  const fresh = records.get(id, now, FRESH_MS) ?? revokedHere(kv, id, now);
  if (fresh !== undefined) return fresh;
  if (misses.get(id, now, MISSED_MS) !== undefined) return null;
  try {
    const record = await kv.get<KeyRecord>(keyOf(id), { type: "json", cacheTtl: FRESH_MS / 1000 });
    // The key may have been revoked in this isolate while KV was read: KV's answer is the older one.
    const revoked = revokedHere(kv, id, now);
    if (revoked !== undefined) return revoked;
    if (record === null) misses.set(id, true, now);
    else records.set(id, record, now);
    return record;
  } catch (cause) {
    const stale = records.get(id, now, STALE_MS);
    if (stale !== undefined) return stale;
    throw new GatewayError("internal", "API keys cannot be looked up at the moment.", { retryable: true, cause });
  }
}

/** The record of a key that this isolate knows as revoked, whatever an older copy in KV says. */
function revokedHere(kv: KVNamespace, id: string, now: number): KeyRecord | undefined {
  const known = cachesOf(kv).records.get(id, now, Infinity);
  return known?.revokedAt === undefined ? undefined : known;
}

/** Store the record of a new key. Throws internal, retryable, if KV does not accept it. */
export function putKey(kv: KVNamespace, record: KeyRecord, now: number): Promise<void> {
  return writeRecord(kv, record, now).catch((cause: unknown) => {
    throw notWritten("No key was made", cause);
  });
}

/**
 * Revoke a key for good and return its record; null if there is none, or KV does not show it here yet. Throws internal,
 * retryable, if KV fails: the key is then still valid.
 */
export function revokeKey(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  return revoke(kv, id, now).catch((cause: unknown) => {
    throw notWritten("The key was not revoked", cause);
  });
}

async function revoke(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  const known = cachesOf(kv).records.get(id, now, Infinity);
  if (known?.revokedAt !== undefined) return known;
  // KV may not show yet what this isolate has written.
  const record = (await kv.get<KeyRecord>(keyOf(id), "json")) ?? known;
  if (record === undefined || record.revokedAt !== undefined) return record ?? null;
  const revoked = { ...record, revokedAt: new Date(now).toISOString() };
  await writeRecord(kv, revoked, now);
  return revoked;
}

async function writeRecord(kv: KVNamespace, record: KeyRecord, now: number): Promise<void> {
  const { id, expiresAt, revokedAt } = record;
  const ended = revokedAt ?? expiresAt;
  const expiration = ended === undefined ? Infinity : Math.ceil(Date.parse(ended) / 1000) + LISTED_SECONDS;
  await retryOnce(() => kv.put(keyOf(id), JSON.stringify(record), expiration > LAST_SECOND ? {} : { expiration }));
  cachesOf(kv).records.set(id, record, now);
}

function notWritten(what: string, cause: unknown): GatewayError {
  return new GatewayError("internal", `${what}: KV does not answer. Try again.`, {
    status: 503,
    retryable: true,
    cause,
  });
}

/** Read every record, by id. */
export async function listKeys(kv: KVNamespace): Promise<KeyRecord[]> {
  const records: KeyRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await kv.list({ prefix: PREFIX, ...(cursor !== undefined && { cursor }) });
    cursor = page.list_complete ? undefined : page.cursor;
    for (let from = 0; from < page.keys.length; from += BULK) {
      const names = page.keys.slice(from, from + BULK).map(({ name }) => name);
      const found = await kv.get<KeyRecord>(names, "json");
      records.push(...[...found.values()].filter((record) => record !== null));
    }
  } while (cursor !== undefined);
  return records;
}
