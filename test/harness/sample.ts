import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** `TEST_SEED`, or a random number: it decides which seeds a sampled test tries. */
    seed: number;
    /** True with `TEST_ALL=1`: sampled tests try every seed. */
    all: boolean;
  }
}

/** `count` of the seeds from `first` to `last`, chosen by this run's seed. */
export function sampled(first: number, last: number, count: number): number[] {
  const seeds = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  if (inject("all")) return seeds;
  const from = inject("seed") % seeds.length;
  return [...seeds, ...seeds].slice(from, from + count);
}

/** How a sampled test that failed is run again; the message of its assertions. */
export function again(): string {
  return inject("all") ? "TEST_ALL=1 tries the same again" : `TEST_SEED=${inject("seed")} tries the same again`;
}
