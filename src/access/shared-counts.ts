import { log } from "../log.ts";
import {
  mergePeers,
  fillMs,
  pruneSlots,
  newBucket,
  type BucketState,
  type OtherSlot,
  type Policy,
} from "./token-bucket.ts";

/** The methods used of a KV namespace. */
export interface CountStore {
  list(options: { prefix: string; cursor?: string }): Promise<{
    keys: readonly { name: string; metadata?: unknown }[];
    list_complete: boolean;
    cursor?: string;
  }>;
  put(key: string, value: string, options: { expirationTtl: number; metadata: unknown }): Promise<void>;
}

export interface ExchangeOptions {
  kv: CountStore;
  log?: typeof log;
}

/** A bucket, and the state of its exchange with the other isolates. */
export interface CountedBucket {
  /** KV prefix of the bucket. */
  prefix: string;
  state: BucketState;
  policy: Policy;
  /** Failed exchanges since the last successful one. */
  failures: number;
  /** The part of `consumed` that KV has confirmed. */
  storedCount: number;
  storedAt: number;
  /** After its key has expired, counting restarts under another key: the old total would look like new growth. */
  epoch: number;
  baseCount: number;
}

const LIST_PAGES = 3;
const LOG_EVERY_MS = 60_000;
/** The time from the deepest debt to full: an older count changes nothing. KV accepts no lifetime below 60 s. */
const LIFETIME_IN_FILLS = 6;
const MIN_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 30 * 86_400_000;

/**
 * Create the exchange of counts between isolates through KV: each writes what it consumed and reads the others' counts.
 * KV keys: docs/rate-limits.md.
 */
export function createCountExchange(config: ExchangeOptions) {
  const { kv, log: write = log } = config;
  let isolateId: string | undefined;
  let loggedAt = -Infinity;
  let unlogged = 0;

  /** One bucket at a time: a request has six connections, and the vendor call needs one of them. */
  async function exchangeCounts(due: readonly CountedBucket[], now: number): Promise<void> {
    for (const bucket of due) {
      const pulled = await ignoreErrors("list", now, () => pull(bucket, now));
      const pushed = await ignoreErrors("put", now, () => push(bucket, now));
      bucket.failures = pulled && pushed ? 0 : bucket.failures + 1;
    }
  }

  /** Read all other isolates' counts from the metadata of one list: one call, where values would cost a get per key. */
  async function pull(bucket: CountedBucket, now: number): Promise<void> {
    const others: OtherSlot[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < LIST_PAGES; page++) {
      const listed = await kv.list({ prefix: bucket.prefix, ...(cursor === undefined ? {} : { cursor }) });
      for (const { name, metadata } of listed.keys) {
        const slot = name.slice(bucket.prefix.length);
        const other = isolateId !== undefined && slot.startsWith(isolateId) ? undefined : readSlot(slot, metadata);
        if (other !== undefined) others.push(other);
      }
      cursor = listed.list_complete ? undefined : listed.cursor;
      if (cursor === undefined) break;
    }
    mergePeers(bucket.state, bucket.policy, others, Math.max(now, bucket.state.last));
    pruneSlots(bucket.state, now - lifetimeMs(bucket.policy) - LOG_EVERY_MS);
  }

  /** Write this isolate's own key, which no other isolate writes, so that no growth is overwritten. */
  async function push(bucket: CountedBucket, now: number): Promise<void> {
    const { state, policy } = bucket;
    const { consumed } = state;
    if (consumed === bucket.storedCount) return;
    const lifetime = lifetimeMs(policy);
    if (now - bucket.storedAt > lifetime) {
      bucket.epoch++;
      bucket.baseCount = bucket.storedCount;
    }
    isolateId ??= crypto.randomUUID().slice(0, 13);
    const metadata = {
      count: consumed - bucket.baseCount,
      tokens: Math.round(state.tokens * 1000) / 1000,
      at: state.last,
    };
    const key = `${bucket.prefix}${isolateId}.${bucket.epoch}`;
    await kv.put(key, "", { expirationTtl: Math.ceil(lifetime / 1000), metadata });
    bucket.storedCount = consumed;
    bucket.storedAt = now;
  }

  /** An unavailable, full or slow KV costs accuracy, never a request. It is logged once a minute, without keys. */
  async function ignoreErrors(operation: string, now: number, call: () => Promise<void>): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (thrown) {
      if (Math.abs(now - loggedAt) < LOG_EVERY_MS) {
        unlogged++;
        return false;
      }
      const status = /\b[45]\d\d\b/.exec(thrown instanceof Error ? thrown.message : "")?.[0];
      write("rate_limit_exchange_failed", { operation, status, unlogged });
      loggedAt = now;
      unlogged = 0;
      return false;
    }
  }

  return exchangeCounts;
}

/** Create a full bucket that has not been exchanged yet. */
export function newCountedBucket(name: string, id: string, policy: Policy, now: number): CountedBucket {
  const prefix = `rl/${name}/${encodeURIComponent(id.toWellFormed())}/`;
  return {
    prefix,
    state: newBucket(policy, now),
    policy,
    failures: 0,
    storedCount: 0,
    storedAt: now,
    epoch: 0,
    baseCount: 0,
  };
}

function lifetimeMs(policy: Policy): number {
  const ms = LIFETIME_IN_FILLS * fillMs(policy);
  return ms > MIN_LIFETIME_MS ? Math.min(ms, MAX_LIFETIME_MS) : MIN_LIFETIME_MS;
}

function readSlot(slot: string, metadata: unknown): OtherSlot | undefined {
  if (typeof metadata !== "object" || metadata === null) return undefined;
  const { count, tokens, at } = metadata as Record<string, unknown>;
  if (!isFiniteNumber(count) || !isFiniteNumber(tokens) || !isFiniteNumber(at) || count < 0) return undefined;
  return { slot, count, tokens, at };
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}
