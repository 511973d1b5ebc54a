/**
 * A token bucket, and the arithmetic by which many isolates share one without a compare-and-set: each isolate counts
 * only its own takes, publishes that grow-only count from time to time, and subtracts the growth of the others' counts
 * from its own tokens. Tokens admitted twice become debt, so they are paid back, not lost. No clock and no I/O: `now`
 * is in ms.
 */

/** The burst size (`capacity`, in tokens) and the sustained rate (`perMinute`). */
export interface Policy {
  capacity: number;
  perMinute: number;
}

/** The state of one bucket in one isolate; the functions below change it in place. */
export interface BucketState {
  /** May be negative: debt. */
  tokens: number;
  /** Refill lost to a full bucket since the last `mergePeers`; other isolates' takes of that time consume it first. */
  spillover: number;
  /** The time of the last refill. */
  last: number;
  /** All tokens that this isolate consumed; the published count only grows. */
  consumed: number;
  /** Undefined until the first `mergePeers`. */
  peers: Map<string, { count: number; at: number }> | undefined;
}

/** Another isolate's count, and its token balance at its own time `at`. */
export interface OtherSlot {
  slot: string;
  count: number;
  tokens: number;
  at: number;
}

interface TakeResult {
  admitted: boolean;
  /** Whole tokens left, never negative. */
  remaining: number;
  /** Rejected: seconds until the cost is available (Infinity: never). Admitted: seconds until the bucket is full. */
  resetSeconds: number;
}

/** KV reads may be this stale: refill of that time is kept for takes that have not been reported yet. */
const STALE_MS = 60_000;
const DEBT_IN_CAPACITIES = 5;
/** A clock step back of up to this is waited out: a clock that swings would otherwise refill the same minute twice. */
const CLOCK_TOLERANCE_MS = 60_000;
/** Balances from a clock further ahead than this are ignored. */
const SKEW_MS = 5_000;
/** Floating-point error: a client that waited exactly as long as reported must not miss by 1e-15 of a token. */
const ROUNDING = 1e-6;

/** Create a full bucket without data of other isolates. */
export function newBucket(policy: Policy, now: number): BucketState {
  return { tokens: policy.capacity, spillover: 0, last: now, consumed: 0, peers: undefined };
}

/** Return the milliseconds from empty to full. */
export function fillMs(policy: Policy): number {
  return (policy.capacity / policy.perMinute) * 60_000;
}

/** Take `cost` tokens if all are available; a cost above the capacity never is. */
export function take(state: BucketState, policy: Policy, cost: number, now: number): TakeResult {
  refill(state, policy, 0, now);
  const needed = cost > 0 ? cost : 0;
  const perSecond = policy.perMinute / 60;
  const admitted = needed === 0 || state.tokens + ROUNDING >= needed;
  if (admitted) {
    state.tokens -= needed;
    state.consumed += needed;
  }
  const missing = (admitted ? policy.capacity : needed) - state.tokens;
  const behind = Math.max(0, state.last - now) / 1000;
  return {
    admitted,
    remaining: Math.max(0, Math.floor(state.tokens + ROUNDING)),
    resetSeconds: !admitted && needed > policy.capacity ? Infinity : missing > 0 ? missing / perSecond + behind : 0,
  };
}

/**
 * Undo an admitted `take` of `cost` in the same turn of the event loop: once `consumed` is published, it must not
 * shrink.
 */
export function putBack(state: BucketState, policy: Policy, cost: number): void {
  state.consumed -= cost;
  state.tokens = Math.min(policy.capacity, state.tokens + cost);
}

/**
 * Merge other isolates' counts: subtract their growth, and cap the tokens at the lowest balance reported. Stale,
 * repeated or missing slots do no harm: counts only grow, and another isolate's balance plus the refill since then is
 * never below the true one, because takes that it has not seen can only lower it.
 */
export function mergePeers(state: BucketState, policy: Policy, others: readonly OtherSlot[], now: number): void {
  const isFirstMerge = state.peers === undefined;
  const peers = (state.peers ??= new Map());
  let growth = 0;
  let lowestBalance = Infinity;
  for (const other of others) {
    const previous = peers.get(other.slot);
    if (previous !== undefined) growth += Math.max(0, other.count - previous.count);
    // In the first merge an old count is not new growth; a slot that appears later belongs to an isolate that has just
    // started.
    else if (!isFirstMerge) growth += Math.min(other.count, policy.capacity);
    peers.set(other.slot, { count: Math.max(other.count, previous?.count ?? 0), at: now });
    const ageMs = now - other.at;
    if (ageMs >= -SKEW_MS) {
      lowestBalance = Math.min(lowestBalance, other.tokens + (Math.max(0, ageMs) / 60_000) * policy.perMinute);
    }
  }
  refill(state, policy, growth, now);
  state.spillover = Math.min(state.spillover, (STALE_MS / 60_000) * policy.perMinute);
  state.tokens = Math.max(-DEBT_IN_CAPACITIES * policy.capacity, Math.min(state.tokens, lowestBalance));
}

/** Delete slots not listed since `before`, so that isolates that come and go do not fill the memory. */
export function pruneSlots(state: BucketState, before: number): void {
  for (const [slot, { at }] of state.peers ?? []) if (at < before) state.peers?.delete(slot);
}

/** Refill and subtract together, then cap: capping first would lose refill that other isolates have already used. */
function refill(state: BucketState, policy: Policy, growth: number, now: number): void {
  const elapsedMs = now - state.last;
  let tokens = state.tokens - growth;
  if (elapsedMs > 0) tokens += (elapsedMs / 60_000) * policy.perMinute;
  // After a larger step back, counting restarts from the new time; the step itself adds nothing.
  if (elapsedMs > 0 || elapsedMs < -CLOCK_TOLERANCE_MS) state.last = now;
  if (growth > 0) {
    tokens += state.spillover;
    state.spillover = 0;
  }
  if (tokens > policy.capacity) state.spillover += tokens - policy.capacity;
  state.tokens = Math.max(-DEBT_IN_CAPACITIES * policy.capacity, Math.min(policy.capacity, tokens));
}
