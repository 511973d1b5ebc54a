import { GatewayError } from "../errors.ts";
import type { KeyRecord } from "../access/keys.ts";
import { lruSet } from "../lru.ts";
import { retryOnce } from "./objects.ts";

/** An isolate asks KV for a record again after this. KV's own copies are renewed as often: it takes no less. */
const FRESH_MS = 30_000;
/** So soon is a key that was not found looked for again: a flood of one wrong key is no flood of reads. */
const MISSED_MS = 5_000;
/** While KV cannot be read, what was known goes on to count for this long. */
const STALE_MS = 10 * 60_000;
/** Records remembered, and misses; those used least recently leave. */
const MOST = 2_000;
/** How long a revoked or expired key is still listed. */
const LISTED_SECONDS = 30 * 86_400;
/** What KV takes as an expiration, in seconds since 1970: the end of an int32, in January 2038. */
const LAST_SECOND = 2 ** 31 - 1;
/** What one bulk read of KV takes. */
const BULK = 100;

const PREFIX = "keys/";
const keyOf = (id: string) => PREFIX + id;

interface Known {
  record: KeyRecord;
  at: number;
}

/** What an isolate knows. Misses are apart, because whoever makes up keys must not drive out the right ones. */
interface Memory {
  records: Map<string, Known>;
  misses: Map<string, number>;
}

/** By KV binding, which is to say once. */
const memories = new WeakMap<KVNamespace, Memory>();

/**
 * The record of a key, null where there is none: as it was 90 s ago at the latest, and a revocation made in this isolate at
 * once. Throws internal while KV cannot be read.
 */
export async function findKey(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  const { records, misses } = memoryOf(kv);
  const known = records.get(id);
  if (known !== undefined && isFresh(known, now)) {
    lruSet(records, id, known, MOST);
    return known.record;
  }
  const missedAt = misses.get(id);
  if (missedAt !== undefined && Math.abs(now - missedAt) < MISSED_MS) return null;
  try {
    const record = await kv.get<KeyRecord>(keyOf(id), { type: "json", cacheTtl: FRESH_MS / 1000 });
    // Revoked here while KV was asked: that is the later word.
    const later = records.get(id);
    if (later?.record.revokedAt !== undefined) return later.record;
    if (record === null) lruSet(misses, id, now, MOST);
    else lruSet(records, id, { record, at: now }, MOST);
    return record;
  } catch (cause) {
    if (known !== undefined && Math.abs(now - known.at) < STALE_MS) return known.record;
    throw new GatewayError("internal", "API keys cannot be looked up at the moment.", { retryable: true, cause });
  }
}

/** Keeps the record of a new key. Throws internal, to be tried again, while KV does not take it. */
export function putKey(kv: KVNamespace, record: KeyRecord, now: number): Promise<void> {
  return write(kv, record, now).catch((cause: unknown) => {
    throw undone("No key was made", cause);
  });
}

/**
 * Ends a key for good and returns its record; null where there is none, or KV does not know of it here yet. Throws
 * internal, to be tried again, while KV fails: the key is as good as before.
 */
export function revokeKey(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  return revoke(kv, id, now).catch((cause: unknown) => {
    throw undone("The key was not revoked", cause);
  });
}

async function revoke(kv: KVNamespace, id: string, now: number): Promise<KeyRecord | null> {
  const known = memoryOf(kv).records.get(id)?.record;
  if (known?.revokedAt !== undefined) return known;
  // KV's answer may be older than what was done here.
  const record = (await kv.get<KeyRecord>(keyOf(id), "json")) ?? known;
  if (record === undefined || record.revokedAt !== undefined) return record ?? null;
  const revoked = { ...record, revokedAt: new Date(now).toISOString() };
  await write(kv, revoked, now);
  return revoked;
}

async function write(kv: KVNamespace, record: KeyRecord, now: number): Promise<void> {
  const { id, expiresAt, revokedAt } = record;
  const ended = revokedAt ?? expiresAt;
  const expiration = ended === undefined ? Infinity : Math.ceil(Date.parse(ended) / 1000) + LISTED_SECONDS;
  await retryOnce(() => kv.put(keyOf(id), JSON.stringify(record), expiration > LAST_SECOND ? {} : { expiration }));
  lruSet(memoryOf(kv).records, id, { record, at: now }, MOST);
}

function undone(what: string, cause: unknown): GatewayError {
  return new GatewayError("internal", `${what}: KV does not answer. Try again.`, {
    status: 503,
    retryable: true,
    cause,
  });
}

/** Every record, by id. */
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

function memoryOf(kv: KVNamespace): Memory {
  let memory = memories.get(kv);
  if (memory === undefined) memories.set(kv, (memory = { records: new Map(), misses: new Map() }));
  return memory;
}

function isFresh({ record, at }: Known, now: number): boolean {
  // A revocation is never undone, whatever an older copy in KV says.
  return record.revokedAt !== undefined || Math.abs(now - at) < FRESH_MS;
}
