import { putBack, take, type Policy } from "./token-bucket.ts";
import { createExchange, newCounted, type CountedBucket, type ExchangeOptions } from "./shared-counts.ts";
import { lruSet } from "../memory.ts";

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
  asked: number;
  exchangedAt: number;
}

interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/**
 * The buckets of one isolate, all in memory: call it once and keep what it returns for every request.
 * What is promised, and what KV cannot promise: docs/rate-limits.md.
 */
export function createRateLimiter(config: RateLimiterOptions) {
  const { flushMs = 5_000, flushShare = 0.05, maxBuckets = 5_000 } = config;
  const exchange = createExchange(config);
  const entries = new Map<string, Entry>();

  /** Charges every bucket or none. It never waits: counts are exchanged with other isolates behind the answer. */
  function admit(uses: readonly BucketUse[], now: number, ctx: Context): Admission {
    const charged: { entry: Entry; cost: number }[] = [];
    let due: Entry[] | undefined;
    let tightest: BucketReport | undefined;
    let tightness = 0;
    let admitted = true;
    for (const { name, id, policy, cost } of uses) {
      const entry = entryOf(name, id, policy, now);
      const taken = take(entry.state, policy, cost, now);
      // The longest wait among refusals; otherwise the bucket with the fewest requests of this size left.
      const left = cost > 0 ? taken.remaining / cost : Infinity;
      const weight = taken.admitted ? -left : taken.resetSeconds;
      const moreTelling = admitted === taken.admitted ? weight > tightness : admitted;
      if (tightest === undefined || moreTelling) {
        tightest = { name, policy, remaining: taken.remaining, resetSeconds: taken.resetSeconds };
        tightness = weight;
      }
      if (!taken.admitted) admitted = false;
      else if (cost > 0) charged.push({ entry, cost });
      if (cost > 0) entry.asked += cost;
      if (!isDue(entry, now)) continue;
      // Marked before the exchange and not unmarked after: the platform may cut it off at any await.
      entry.asked = 0;
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
    if (due !== undefined) ctx.waitUntil(exchange(due, now));
    return result;
  }

  function entryOf(name: string, id: string, policy: Policy, now: number): Entry {
    const key = `${name}/${id}`;
    const entry = entries.get(key) ?? { ...newCounted(name, id, policy, now), asked: 0, exchangedAt: -Infinity };
    entry.policy = policy;
    lruSet(entries, key, entry, maxBuckets);
    return entry;
  }

  function isDue(entry: Entry, now: number): boolean {
    const quiet = entry.policy.capacity * flushShare;
    if (entry.asked === 0) return false;
    if (entry.asked < quiet && entry.state.tokens >= entry.policy.capacity - quiet) return false;
    // The distance and not the difference: a clock set back must not put the next exchange off.
    return Math.abs(now - entry.exchangedAt) >= flushMs * 2 ** Math.min(entry.failures, 4);
  }

  return { admit };
}
