import { GatewayError } from "../errors.ts";

/** Times one exchange with a vendor: a deadline for the whole and one for the phase it is in; either aborts `signal`. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly whole: ReturnType<typeof setTimeout>;
  private phaseTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly who: string;

  constructor(who: string, wholeMs: number) {
    this.who = who;
    this.whole = setTimeout(() => this.expire("finish its answer", wholeMs), wholeMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Starts a phase, in place of the one before: "<who> did not <what> within …". */
  phase(what: string, ms: number): void {
    clearTimeout(this.phaseTimer);
    this.phaseTimer = setTimeout(() => this.expire(what, ms), ms);
  }

  /** Ends the phase; the whole goes on. */
  reached(): void {
    clearTimeout(this.phaseTimer);
    this.phaseTimer = undefined;
  }

  done(): void {
    clearTimeout(this.phaseTimer);
    clearTimeout(this.whole);
  }

  private expire(what: string, ms: number): void {
    // Not retryable: the vendor may be drawing still, and may charge for it.
    this.controller.abort(new GatewayError("vendor_timeout", `${this.who} did not ${what} within ${ms / 1000} s; it may still charge for the picture.`));
  }
}
