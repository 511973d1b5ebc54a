/** When to look again: the first pause, its growth per look, the longest pause, and a random part so that callers spread. */
export interface PollOptions {
  firstMs: number;
  growth?: number;
  maxMs?: number;
  /** Share of a pause that is random, from 0 to 1. */
  jitter?: number;
  /** Milliseconds since the epoch; after it there is no further look. */
  deadline: number;
}

/**
 * Call `look` until it returns a value; undefined after the deadline. Each request polls for itself: the runtime cancels
 * a request that awaits a promise of another request.
 */
export async function poll<T>(look: () => Promise<T | undefined>, options: PollOptions): Promise<T | undefined> {
  const { firstMs, growth = 1, maxMs = firstMs, jitter = 0, deadline } = options;
  for (let pauseMs = firstMs; ; pauseMs = Math.min(maxMs, pauseMs * growth)) {
    const found = await look();
    if (found !== undefined) return found;
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) return undefined;
    await scheduler.wait(Math.min(leftMs, pauseMs * (1 + (Math.random() - 0.5) * jitter)));
  }
}

/** Wait for `work` to settle, `ms` at most; false if it is still pending. Never throws. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, timeout]).finally(() => clearTimeout(timer));
}

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
