import { putBack, take, type Policy } from "./token-bucket.ts";
import { createCountExchange, newCountedBucket, type CountedBucket, type ExchangeOptions } from "./shared-counts.ts";
import { lruSet } from "../lru.ts";

/** One bucket a request must pass: `name` is shown to clients, `id` says whose it is (no secret: it is in KV keys). */
export interface BucketUse {
  name: string;
  id: string;
  policy: Policy;
  cost: number;
}

interface BucketReport {
  name: string;
  policy: Policy;
  remaining: number;
  /** Refused: until the cost is there (Infinity: never). Admitted: until the bucket is full again. */
  resetSeconds: number;
}

export interface Admission {
  admitted: boolean;
  /** The bucket that refuses longest or, when admitted, will refuse first; undefined where no bucket applies. */
  tightest: BucketReport | undefined;
  /** Every bucket asked, as given. */
  buckets: readonly BucketUse[];
  /** Whole seconds, on refusal; absent when waiting cannot help, because the cost is above the capacity. */
  retryAfter?: number;
}

export interface RateLimiterOptions extends ExchangeOptions {
  /** Least time between two exchanges of counts for one bucket. */
  flushMs?: number;
  /** What is quieter costs no KV call: this part of a capacity is neither asked for since the last exchange nor missing. */
  flushShare?: number;
  /** Buckets remembered; the least recently used leave, and with them their debt. */
  maxBuckets?: number;
}

interface Entry extends CountedBucket {
  /** Tokens asked for since the last exchange, granted or not. */
  demand: number;
  exchangedAt: number;
}

interface BackgroundContext {
  waitUntil(promise: Promise<unknown>): void;
}

/**
 * The buckets of one isolate, all in memory: call it once and keep what it returns for every request.
 * What is promised, and what KV cannot promise: docs/rate-limits.md.
 */
export function createRateLimiter(config: RateLimiterOptions) {
  const { flushMs = 5_000, flushShare = 0.05, maxBuckets = 5_000 } = config;
  const exchangeCounts = createCountExchange(config);
  const entries = new Map<string, Entry>();

  /** Charges every bucket or none. It never waits: counts are exchanged with other isolates behind the answer. */
  function admit(uses: readonly BucketUse[], now: number, ctx: BackgroundContext): Admission {
    const charged: { entry: Entry; cost: number }[] = [];
    let due: Entry[] | undefined;
    let tightest: BucketReport | undefined;
    let tightness = 0;
    let admitted = true;
    for (const { name, id, policy, cost } of uses) {
      const entry = getEntry(name, id, policy, now);
      const result = take(entry.state, policy, cost, now);
      // The longest wait among refusals; otherwise the bucket with the fewest requests of this size left.
      const requestsLeft = cost > 0 ? result.remaining / cost : Infinity;
      const weight = result.admitted ? -requestsLeft : result.resetSeconds;
      const isTighter = admitted === result.admitted ? weight > tightness : admitted;
      if (tightest === undefined || isTighter) {
        tightest = { name, policy, remaining: result.remaining, resetSeconds: result.resetSeconds };
        tightness = weight;
      }
      if (!result.admitted) admitted = false;
      else if (cost > 0) charged.push({ entry, cost });
      if (cost > 0) entry.demand += cost;
      if (!isDue(entry, now)) continue;
      // Marked before the exchange and not unmarked after: the platform may cut it off at any await.
      entry.demand = 0;
      entry.exchangedAt = now;
      (due ??= []).push(entry);
    }
    const result: Admission = { admitted, tightest, buckets: uses };
    if (!admitted) {
      // Before anything is awaited, and so before anybody can be told.
      for (const { entry, cost } of charged) putBack(entry.state, entry.policy, cost);
      const wait = tightest?.resetSeconds ?? 0;
      if (wait < Infinity) result.retryAfter = Math.max(1, Math.ceil(wait));
    }
    if (due !== undefined) ctx.waitUntil(exchangeCounts(due, now));
    return result;
  }

  function getEntry(name: string, id: string, policy: Policy, now: number): Entry {
    const key = `${name}/${id}`;
    const entry = entries.get(key) ?? { ...newCountedBucket(name, id, policy, now), demand: 0, exchangedAt: -Infinity };
    entry.policy = policy;
    lruSet(entries, key, entry, maxBuckets);
    return entry;
  }

  function isDue(entry: Entry, now: number): boolean {
    const quietTokens = entry.policy.capacity * flushShare;
    if (entry.demand === 0) return false;
    if (entry.demand < quietTokens && entry.state.tokens >= entry.policy.capacity - quietTokens) return false;
    // The distance and not the difference: a clock set back must not put the next exchange off.
    return Math.abs(now - entry.exchangedAt) >= flushMs * 2 ** Math.min(entry.failures, 4);
  }

  return { admit };
}
