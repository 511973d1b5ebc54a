import { GatewayError } from "../errors.ts";

/** The time limits of one vendor call, one for each phase; the whole call is a phase too. Any of them aborts `signal`. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly vendor: string;

  constructor(vendor: string) {
    this.vendor = vendor;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * Start a phase next to those that are running; its error reads "<vendor> did not <what> within …". Returns a
   * function that ends the phase and may be called several times.
   */
  phase(what: string, ms: number): () => void {
    const timer = setTimeout(() => this.expire(what, ms), ms);
    this.timers.add(timer);
    return () => {
      if (this.timers.delete(timer)) clearTimeout(timer);
    };
  }

  /** End all phases. */
  done(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private expire(what: string, ms: number): void {
    // Not retryable: the vendor may still be generating the picture, and may charge for it.
    this.controller.abort(
      new GatewayError(
        "vendor_timeout",
        `${this.vendor} did not ${what} within ${ms / 1000} s; it may still charge for the picture.`,
      ),
    );
  }
}
