import { putBack, take, type Policy } from "./token-bucket.ts";
import { createCountExchange, newCountedBucket, type CountedBucket, type ExchangeOptions } from "./shared-counts.ts";
import { lruSet } from "../memory.ts";

/**
 * One bucket that a request must pass. `name` is shown to clients; `id` is the owner (not a secret: it is part of KV
 * keys).
 */
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
  /**
   * Rejected: seconds until the cost is available (Infinity: never). Admitted: seconds until the bucket is full again.
   */
  resetSeconds: number;
}

export interface Admission {
  admitted: boolean;
  /**
   * The rejecting bucket with the longest wait or, if admitted, the one that will reject first; undefined without
   * buckets.
   */
  tightest: BucketReport | undefined;
  /** All buckets of the request, in the given order. */
  buckets: readonly BucketUse[];
  /** Whole seconds, on rejection only; absent if waiting cannot help because the cost is above the capacity. */
  retryAfter?: number;
}

export interface RateLimiterOptions extends ExchangeOptions {
  /** Minimum time between two exchanges of counts for one bucket. */
  flushMs?: number;
  /**
   * Buckets whose demand since the last exchange and whose deficit are both below this share of the capacity cost no KV
   * call.
   */
  flushShare?: number;
  /** Maximum number of buckets in memory; the least recently used are dropped together with their debt. */
  maxBuckets?: number;
}

interface Entry extends CountedBucket {
  /** Tokens requested since the last exchange, granted or not. */
  demand: number;
  exchangedAt: number;
}

interface BackgroundContext {
  waitUntil(promise: Promise<unknown>): void;
}

/**
 * Create the rate limiter of one isolate. Its buckets are in memory: create it once and use it for every request. The
 * guarantees, and what KV cannot guarantee, are in docs/rate-limits.md.
 */
export function createRateLimiter(config: RateLimiterOptions) {
  const { flushMs = 5_000, flushShare = 0.05, maxBuckets = 5_000 } = config;
  const exchangeCounts = createCountExchange(config);
  const entries = new Map<string, Entry>();

  /** Charge every bucket or none. Never waits: counts are exchanged with other isolates after the response. */
  function admit(uses: readonly BucketUse[], now: number, ctx: BackgroundContext): Admission {
    const charged: { entry: Entry; cost: number }[] = [];
    let due: Entry[] | undefined;
    let tightest: BucketReport | undefined;
    let tightness = 0;
    let admitted = true;
    for (const { name, id, policy, cost } of uses) {
      const entry = getEntry(name, id, policy, now);
      const result = take(entry.state, policy, cost, now);
      // The longest wait among the rejecting buckets; otherwise the bucket with the fewest requests of this cost left.
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
      // Reset before the exchange and not restored after it: the platform may end the exchange at any await.
      entry.demand = 0;
      entry.exchangedAt = now;
      (due ??= []).push(entry);
    }
    const result: Admission = { admitted, tightest, buckets: uses };
    if (!admitted) {
      // Before any await, so that no exchange can report these tokens as taken.
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
    // The absolute difference: a clock that is set back must not delay the next exchange.
    return Math.abs(now - entry.exchangedAt) >= flushMs * 2 ** Math.min(entry.failures, 4);
  }

  return { admit };
}
