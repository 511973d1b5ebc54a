import { GatewayError } from "../errors.ts";

/** Times one exchange with a vendor: a deadline for the whole and one for each phase of it; any of them aborts `signal`. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly vendor: string;

  constructor(vendor: string, totalMs: number) {
    this.vendor = vendor;
    this.phase("finish its answer", totalMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Starts a phase, "<who> did not <what> within …", beside those that run; returns what ends it, any number of times. */
  phase(what: string, ms: number): () => void {
    const timer = setTimeout(() => this.expire(what, ms), ms);
    this.timers.add(timer);
    return () => {
      if (this.timers.delete(timer)) clearTimeout(timer);
    };
  }

  /** Ends all phases and the whole. */
  done(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private expire(what: string, ms: number): void {
    // Not retryable: the vendor may be drawing still, and may charge for it.
    this.controller.abort(
      new GatewayError(
        "vendor_timeout",
        `${this.vendor} did not ${what} within ${ms / 1000} s; it may still charge for the picture.`,
      ),
    );
  }
}
