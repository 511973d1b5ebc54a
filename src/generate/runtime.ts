import type { Config, Env } from "../env.ts";
import { GatewayError } from "../errors.ts";
import type { Attempt, Cost } from "../image/record.ts";
import type { StoredPicture } from "../image/request.ts";
import type { Semaphore } from "../concurrency.ts";

/** What an event (a request, a cron event, a queue batch) brings to the generations that it runs. */
export interface Runtime {
  env: Env;
  config: Config;
  /** Shared by the generations of one queue batch: an invocation has six connections. */
  slots?: Semaphore;
  /** Keeps the isolate at work after the answer, or after the client has left. */
  waitUntil(work: Promise<unknown>): void;
}

/**
 * How a generation runs. `direct`: only its own client depends on it. `shared`: a claim points to it, so its start is recorded
 * before any vendor is called, and heartbeats follow. `queued`: the same for a job, which is in its owner's list already; a
 * retryable failure leaves it open, except on the last try.
 */
export type Mode = { kind: "direct" } | { kind: "shared" } | { kind: "queued"; isLastTry: boolean };

/** The stored pictures of one vendor call. */
export interface CallResult {
  pictures: StoredPicture[];
  text?: string | undefined;
  usage?: Record<string, unknown> | undefined;
  cost?: Cost | undefined;
}

/** A vendor call without pictures: its canonical error, and the deadline that further candidates share. */
export interface FailedCall {
  error: GatewayError;
  /** Milliseconds since the epoch. */
  endsAt: number;
}

/** Thrown if the start of a generation could not be recorded: no vendor was called. */
export class StartFailedError extends GatewayError {}

/** Thrown if another run has started the same generation, or it was fenced off: the record is not this run's. */
export class AlreadyStartedError extends StartFailedError {
  constructor() {
    super("idempotency_conflict", "This generation is being drawn already.", { retryable: true });
  }
}

/** Thrown to the queue consumer if a job is to be tried again, with the attempts up to now. The record stays open. */
export class RetryLaterError extends GatewayError {
  readonly attempts: readonly Attempt[];

  constructor(error: GatewayError, attempts: readonly Attempt[]) {
    super(error.code, error.message, error);
    this.attempts = attempts;
  }
}
