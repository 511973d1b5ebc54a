import { log } from "../log.ts";
import { absorb, fillMs, forget, newBucket, refund as giveBack, take } from "./bucket.ts";
import type { BucketState, OtherSlot, Policy } from "./bucket.ts";

/*
 * Defaults worth starting from: "key" 60 a minute, capacity 60; "global" 600 and 600; "references" 10 and 10.
 * What is promised, and what KV cannot promise: docs/rate-limits.md.
 */

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
  /** What a refund gives back. */
  charges: Charge[];
}

interface Charge {
  state: BucketState;
  policy: Policy;
  cost: number;
}

/** What admission needs of a KV namespace. */
export interface CountStore {
  list(options: { prefix: string; cursor?: string }): Promise<{
    keys: readonly { name: string; metadata?: unknown }[];
    list_complete: boolean;
    cursor?: string;
  }>;
  put(key: string, value: string, options: { expirationTtl: number; metadata: unknown }): Promise<void>;
}

export interface AdmissionSettings {
  kv: CountStore;
  /** Least time between two exchanges of counts for one bucket. */
  flushMs?: number;
  /** What is quieter costs no KV call: this part of a capacity is neither asked for since the last exchange nor missing. */
  flushShare?: number;
  /** Buckets remembered; the least recently used leave, and with them their debt. */
  maxBuckets?: number;
  log?: typeof log;
}

interface Entry {
  /** KV prefix of the bucket. */
  prefix: string;
  state: BucketState;
  policy: Policy;
  /** Tokens asked for since the last exchange, granted or not. */
  asked: number;
  exchangedAt: number;
  failures: number;
  /** The part of `taken` that KV has confirmed. */
  stored: number;
  storedAt: number;
  /** Once the key has expired, counting starts anew under another key, or the old total would look like new growth. */
  epoch: number;
  base: number;
}

interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

const LIST_PAGES = 3;
const LOG_EVERY_MS = 60_000;
/** From the deepest debt to full: an older count changes nothing. KV takes no lifetime below 60 s. */
const LIFETIME_IN_FILLS = 6;
const MIN_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 30 * 86_400_000;

/** The buckets of one isolate, all in memory: call it once and keep what it returns for every request. */
export function createAdmission(settings: AdmissionSettings) {
  const { kv, flushMs = 5_000, flushShare = 0.05, maxBuckets = 5_000, log: write = log } = settings;
  const entries = new Map<string, Entry>();
  let isolate: string | undefined;
  let loggedAt = -Infinity;
  let unlogged = 0;

  /** Charges every bucket or none. It never waits: counts are exchanged with other isolates behind the answer. */
  function admit(uses: readonly BucketUse[], now: number, ctx: Context): Admission {
    const charges: Charge[] = [];
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
      else if (cost > 0) charges.push({ state: entry.state, policy, cost });
      if (cost > 0) entry.asked += cost;
      if (isDue(entry, now)) (due ??= []).push(entry);
    }
    const result: Admission = { admitted, tightest, buckets: uses, charges };
    if (!admitted) {
      refund(result);
      const wait = tightest?.resetSeconds ?? 0;
      if (wait < Infinity) result.retryAfter = Math.max(1, Math.ceil(wait));
    }
    if (due !== undefined) ctx.waitUntil(exchange(due, now));
    return result;
  }

  /** For a request that provably never reached a vendor. A second call gives nothing. */
  function refund(admission: Admission): void {
    for (const { state, policy, cost } of admission.charges.splice(0)) giveBack(state, policy, cost);
  }

  function entryOf(name: string, id: string, policy: Policy, now: number): Entry {
    const key = `${name}/${id}`;
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = newEntry(`rl/${name}/${encodeURIComponent(id.toWellFormed())}/`, policy, now);
      const oldest = entries.size < maxBuckets ? undefined : entries.keys().next().value;
      if (oldest !== undefined) entries.delete(oldest);
    } else {
      entries.delete(key);
      entry.policy = policy;
    }
    entries.set(key, entry);
    return entry;
  }

  function isDue(entry: Entry, now: number): boolean {
    const quiet = entry.policy.capacity * flushShare;
    if (entry.asked === 0) return false;
    if (entry.asked < quiet && entry.state.tokens >= entry.policy.capacity - quiet) return false;
    // The distance and not the difference: a clock set back must not put the next exchange off.
    return Math.abs(now - entry.exchangedAt) >= flushMs * 2 ** Math.min(entry.failures, 4);
  }

  /** One bucket after the other: a request has six connections, and the vendor needs one of them. */
  async function exchange(due: readonly Entry[], now: number): Promise<void> {
    for (const entry of due) {
      // Marked before waiting and not unmarked after: the platform may cut this off at any await.
      entry.asked = 0;
      entry.exchangedAt = now;
    }
    for (const entry of due) {
      const heard = await survive("list", now, () => hear(entry, now));
      const told = await survive("put", now, () => tell(entry, now));
      entry.failures = heard && told ? 0 : entry.failures + 1;
    }
  }

  /** Reads all other isolates' counts in one list, from the metadata: 1 call where keys would cost a get each. */
  async function hear(entry: Entry, now: number): Promise<void> {
    const others: OtherSlot[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < LIST_PAGES; page++) {
      const listed = await kv.list({ prefix: entry.prefix, ...(cursor === undefined ? {} : { cursor }) });
      for (const { name, metadata } of listed.keys) {
        const slot = name.slice(entry.prefix.length);
        const other = isolate !== undefined && slot.startsWith(isolate) ? undefined : readSlot(slot, metadata);
        if (other !== undefined) others.push(other);
      }
      cursor = listed.list_complete ? undefined : listed.cursor;
      if (cursor === undefined) break;
    }
    absorb(entry.state, entry.policy, others, Math.max(now, entry.state.last));
    forget(entry.state, now - lifetimeMs(entry.policy) - LOG_EVERY_MS);
  }

  /** Writes this isolate's own key, which nobody else writes: no growth of others can be overwritten. */
  async function tell(entry: Entry, now: number): Promise<void> {
    const { state, policy } = entry;
    const { taken } = state;
    if (taken === entry.stored) return;
    const lifetime = lifetimeMs(policy);
    if (now - entry.storedAt > lifetime) {
      entry.epoch++;
      entry.base = entry.stored;
    }
    isolate ??= crypto.randomUUID().slice(0, 13);
    // A put that fails may have been read all the same.
    state.told = taken;
    const metadata = { count: taken - entry.base, tokens: Math.round(state.tokens * 1000) / 1000, at: state.last };
    const key = `${entry.prefix}${isolate}.${entry.epoch}`;
    await kv.put(key, "", { expirationTtl: Math.ceil(lifetime / 1000), metadata });
    entry.stored = taken;
    entry.storedAt = now;
  }

  /** KV down, full or slow costs accuracy, never a request; it is said once a minute, without keys. */
  async function survive(operation: string, now: number, call: () => Promise<void>): Promise<boolean> {
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

  return { admit, refund };
}

function newEntry(prefix: string, policy: Policy, now: number): Entry {
  const state = newBucket(policy, now);
  const counts = { asked: 0, failures: 0, stored: 0, epoch: 0, base: 0 };
  return { prefix, state, policy, ...counts, exchangedAt: -Infinity, storedAt: now };
}

function lifetimeMs(policy: Policy): number {
  const ms = LIFETIME_IN_FILLS * fillMs(policy);
  return ms > MIN_LIFETIME_MS ? Math.min(ms, MAX_LIFETIME_MS) : MIN_LIFETIME_MS;
}

function readSlot(slot: string, metadata: unknown): OtherSlot | undefined {
  if (typeof metadata !== "object" || metadata === null) return undefined;
  const { count, tokens, at } = metadata as Record<string, unknown>;
  if (!isFinite(count) || !isFinite(tokens) || !isFinite(at) || count < 0) return undefined;
  return { slot, count, tokens, at };
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value);
}
