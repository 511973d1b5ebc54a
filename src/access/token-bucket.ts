/**
 * A token bucket, and the arithmetic by which many isolates share one without a compare-and-set: each counts only what it
 * took itself, tells the others that grow-only count now and then, and subtracts the growth of theirs from its own tokens.
 * What was admitted twice becomes debt, so it is paid back instead of forgotten. No clock and no I/O: `now` is in ms.
 */

/** How much at once (`capacity`, in tokens) and how much in the long run (`perMinute`). */
export interface Policy {
  capacity: number;
  perMinute: number;
}

/** What one isolate knows of one bucket; the functions below change it in place. */
export interface BucketState {
  /** May be negative: debt. */
  tokens: number;
  /** Refill that found the bucket full since the last `absorb`; others' takes of that time use it up first. */
  spillover: number;
  /** The time up to which `tokens` is refilled. */
  last: number;
  /** Everything this isolate took; what is told of it only grows. */
  consumed: number;
  /** Undefined until the first `absorb`. */
  peers: Map<string, { count: number; at: number }> | undefined;
}

/** Another isolate's count, and what it thought was left at its own time `at`. */
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
  /** Refused: seconds until the cost is there (Infinity: it never will be). Admitted: seconds until the bucket is full. */
  resetSeconds: number;
}

/** KV may answer with what was true this long ago: refill of that time waits for takes that are yet to be heard of. */
const STALE_MS = 60_000;
const DEBT_IN_CAPACITIES = 5;
/** A step back up to here is waited out, or a clock that swings would refill the same minute twice. */
const CLOCK_TOLERANCE_MS = 60_000;
/** A writer whose clock runs further ahead than this is not believed. */
const SKEW_MS = 5_000;
/** Binary fractions: a client that waited exactly as told must not miss by 1e-15 of a token. */
const ROUNDING = 1e-6;

/** A full bucket that knows of no other isolate. */
export function newBucket(policy: Policy, now: number): BucketState {
  return { tokens: policy.capacity, spillover: 0, last: now, consumed: 0, peers: undefined };
}

/** Milliseconds from empty to full. */
export function fillMs(policy: Policy): number {
  return (policy.capacity / policy.perMinute) * 60_000;
}

/** Takes `cost` tokens if they are all there; a cost above the capacity never is. */
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

/** Undoes a `take` of `cost` that was admitted in this same turn: once `taken` has been told, it must not shrink. */
export function putBack(state: BucketState, policy: Policy, cost: number): void {
  state.consumed -= cost;
  state.tokens = Math.min(policy.capacity, state.tokens + cost);
}

/**
 * Takes in what the other isolates told: subtracts their growth, and believes the poorest of them about what is left.
 * Stale, repeated or missing slots do no harm: counts only grow, and what another isolate has left, plus the refill since,
 * is never less than the truth, for what it had not heard of can only lower it.
 */
export function mergePeers(state: BucketState, policy: Policy, others: readonly OtherSlot[], now: number): void {
  const isFirstMerge = state.peers === undefined;
  const peers = (state.peers ??= new Map());
  let growth = 0;
  let lowestBalance = Infinity;
  for (const other of others) {
    const previous = peers.get(other.slot);
    if (previous !== undefined) growth += Math.max(0, other.count - previous.count);
    // At first sight an old count says little; one that turns up later is an isolate that has just begun.
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

/** Forgets slots nobody listed since `before`, so that isolates come and go without filling memory. */
export function pruneSlots(state: BucketState, before: number): void {
  for (const [slot, { at }] of state.peers ?? []) if (at < before) state.peers?.delete(slot);
}

/** Refill and subtract together, then cap: capping first would lose refill that others have already used. */
function refill(state: BucketState, policy: Policy, growth: number, now: number): void {
  const elapsedMs = now - state.last;
  let tokens = state.tokens - growth;
  if (elapsedMs > 0) tokens += (elapsedMs / 60_000) * policy.perMinute;
  // A clock set back for good starts the count anew from there; nothing is added by the step itself.
  if (elapsedMs > 0 || elapsedMs < -CLOCK_TOLERANCE_MS) state.last = now;
  if (growth > 0) {
    tokens += state.spillover;
    state.spillover = 0;
  }
  if (tokens > policy.capacity) state.spillover += tokens - policy.capacity;
  state.tokens = Math.max(-DEBT_IN_CAPACITIES * policy.capacity, Math.min(policy.capacity, tokens));
}
