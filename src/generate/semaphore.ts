/** Vendor calls and downloads at once: a Worker has six connections, and R2 needs some of them. */
export const MAX_CONCURRENT = 4;

/** Runs at most `count` pieces of work at once; the others wait for their turn, in order. */
export class Semaphore {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count = MAX_CONCURRENT) {
    this.free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The slot passes to the next in line without becoming free.
      if (next === undefined) this.free++;
      else next();
    }
  }
}
