/** Where nobody says how long to wait: so long at first, then twice as long each time, and no longer than this. */
const FIRST_SECONDS = 2;
const LONGEST_SECONDS = 300;
/** What a queue can hold a message back for. */
const QUEUE_SECONDS = 12 * 3_600;
/** Up to so much of it is added, since what failed together would come back together. */
const SPREAD = 0.25;

/** Whole seconds until a job that has been tried `tries` times is tried again: never less than the vendor's Retry-After. */
export function retryDelay(tries: number, retryAfter: number | undefined, random: () => number): number {
  const seconds = retryAfter ?? Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (tries - 1));
  return Math.min(QUEUE_SECONDS, Math.ceil(seconds * (1 + random() * SPREAD)));
}
