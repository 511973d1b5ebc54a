import { type ErrorCode, GatewayError } from "../errors.ts";

/** So many failures in a row, the first of them no longer ago than this, stop the calls. */
const ROW = 20;
const ROW_MS = 30_000;
/** How long calls stop where the vendor does not say. */
const PAUSE_MS = 5_000;
/** The longest they stop, whatever the vendor says: the next call is but one, to see. */
const LONGEST_MS = 30_000;
/** A probe that has not come back by then is taken for lost. */
const PROBE_MS = 60_000;

/** What a call showed: the vendor failed or cannot be reached, it is well, or nothing, where the fault was our own. */
export type Outcome = { failed: ErrorCode; retryAfterSeconds?: number | undefined } | "answered" | "nothing";

/** What is remembered of one vendor. Times are milliseconds since the epoch. */
export interface Breaker {
  /** When each failure of the row came. */
  readonly failedAt: readonly number[];
  /** Set while calls stop: until when, in which words, and since when one call is out to see whether that is over. */
  readonly open?: { readonly until: number; readonly code: ErrorCode; readonly probedAt?: number | undefined };
}

export const CLOSED: Breaker = { failedAt: [] };

/** Whether a call may be made now, what is remembered if it is, and else in how many milliseconds to ask again. */
export function admit(breaker: Breaker, now: number): { breaker: Breaker } | { waitMs: number; code: ErrorCode } {
  const { open } = breaker;
  if (open === undefined) return { breaker };
  const waitMs = open.until - now;
  // A longer wait than any vendor is granted means that the clock was set back.
  if (waitMs > 0 && waitMs <= LONGEST_MS) return { waitMs, code: open.code };
  const probedMs = open.probedAt === undefined ? PROBE_MS : now - open.probedAt;
  if (probedMs >= 0 && probedMs < PROBE_MS) return { waitMs: PAUSE_MS, code: open.code };
  return { breaker: { ...breaker, open: { ...open, probedAt: now } } };
}

/** What is remembered after a call. */
export function settle(breaker: Breaker, outcome: Outcome, now: number): Breaker {
  if (outcome === "answered") return CLOSED;
  if (outcome === "nothing")
    return breaker.open === undefined ? breaker : { ...breaker, open: { ...breaker.open, probedAt: undefined } };
  const failedAt = [...breaker.failedAt.filter((at) => at > now - ROW_MS), now].slice(-ROW);
  if (breaker.open === undefined && failedAt.length < ROW) return { failedAt };
  const until =
    now + (outcome.retryAfterSeconds === undefined ? PAUSE_MS : Math.min(outcome.retryAfterSeconds * 1000, LONGEST_MS));
  return { failedAt, open: { until: Math.max(until, breaker.open?.until ?? 0), code: outcome.failed } };
}

/** The breakers of one isolate, by vendor: isolates do not tell each other. */
export class Breakers {
  private readonly breakers = new Map<string, Breaker>();

  /** To be called before each call to a vendor. Throws, without one, what the vendor answered to those before. */
  admit(vendor: string, now: number): void {
    const admitted = admit(this.breakers.get(vendor) ?? CLOSED, now);
    if ("breaker" in admitted) return void this.breakers.set(vendor, admitted.breaker);
    const retryAfter = Math.ceil(admitted.waitMs / 1000);
    throw new GatewayError(
      admitted.code,
      `${vendor} failed the last ${ROW} calls and is not asked again for ${retryAfter} s.`,
      { retryAfter, retryable: true, canFailover: true },
    );
  }

  settle(vendor: string, outcome: Outcome, now: number): void {
    this.breakers.set(vendor, settle(this.breakers.get(vendor) ?? CLOSED, outcome, now));
  }
}
