/** Fetches at once of one generation: a Worker has six connections, and R2 needs some of them. */
export const PARALLEL = 4;

/** Runs so many pieces of work at once; the others wait their turn. */
export class Lanes {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count = PARALLEL) {
    this.free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The lane goes from hand to hand.
      if (next === undefined) this.free++;
      else next();
    }
  }
}
