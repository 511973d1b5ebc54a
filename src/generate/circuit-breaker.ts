import { type ErrorCode, GatewayError } from "../errors.ts";

/** The breaker opens after this many failures in a row within this time. */
const FAILURES = 20;
const WINDOW_MS = 30_000;
/** How long it stays open if the vendor does not say. */
const PAUSE_MS = 5_000;
/** The longest it stays open, whatever the vendor says; then one call probes the vendor. */
const MAX_PAUSE_MS = 30_000;
/** A probe that has not ended by then counts as lost. */
const PROBE_MS = 60_000;

/** How a call ended: the vendor failed or cannot be reached; it answered; or nothing is known, because the fault was our own. */
export type Outcome = { failed: ErrorCode; retryAfterSeconds?: number | undefined } | "answered" | "unknown";

/** The state of one vendor's breaker. Times are milliseconds since the epoch. */
export interface Breaker {
  /** When each failure in a row came. */
  readonly failedAt: readonly number[];
  /** Set while the breaker is open: until when, the error to return, and when the probe started. */
  readonly open?: { readonly until: number; readonly code: ErrorCode; readonly probedAt?: number | undefined };
}

export const CLOSED: Breaker = { failedAt: [] };

/** Decide if a call may be made now: the new state if so, else how many milliseconds to wait and the error to return. */
export function admit(breaker: Breaker, now: number): { breaker: Breaker } | { waitMs: number; code: ErrorCode } {
  const { open } = breaker;
  if (open === undefined) return { breaker };
  const waitMs = open.until - now;
  // A wait longer than the longest pause means that the clock was set back.
  if (waitMs > 0 && waitMs <= MAX_PAUSE_MS) return { waitMs, code: open.code };
  const probedMs = open.probedAt === undefined ? PROBE_MS : now - open.probedAt;
  if (probedMs >= 0 && probedMs < PROBE_MS) return { waitMs: PAUSE_MS, code: open.code };
  return { breaker: { ...breaker, open: { ...open, probedAt: now } } };
}

/** The state after a call. */
export function afterCall(breaker: Breaker, outcome: Outcome, now: number): Breaker {
  if (outcome === "answered") return CLOSED;
  if (outcome === "unknown")
    return breaker.open === undefined ? breaker : { ...breaker, open: { ...breaker.open, probedAt: undefined } };
  const failedAt = [...breaker.failedAt.filter((at) => at > now - WINDOW_MS), now].slice(-FAILURES);
  if (breaker.open === undefined && failedAt.length < FAILURES) return { failedAt };
  const until =
    now +
    (outcome.retryAfterSeconds === undefined ? PAUSE_MS : Math.min(outcome.retryAfterSeconds * 1000, MAX_PAUSE_MS));
  return { failedAt, open: { until: Math.max(until, breaker.open?.until ?? 0), code: outcome.failed } };
}

/** The breakers of this isolate, by vendor; isolates do not share them. */
const breakers = new Map<string, Breaker>();

/** Admit a call to a vendor. While its breaker is open, throws the error that the vendor returned to earlier calls. */
export function admitCall(vendor: string, now: number): void {
  const admitted = admit(breakers.get(vendor) ?? CLOSED, now);
  if ("breaker" in admitted) return void breakers.set(vendor, admitted.breaker);
  const retryAfter = Math.ceil(admitted.waitMs / 1000);
  throw new GatewayError(
    admitted.code,
    `${vendor} failed the last ${FAILURES} calls and is not asked again for ${retryAfter} s.`,
    { retryAfter, retryable: true, canFailover: true },
  );
}

/** Record how an admitted call ended. */
export function recordOutcome(vendor: string, outcome: Outcome, now: number): void {
  breakers.set(vendor, afterCall(breakers.get(vendor) ?? CLOSED, outcome, now));
}
