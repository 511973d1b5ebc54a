import { vi } from "vitest";

/**
 * Replace `Date.now` and `scheduler.wait` in the test's own isolate until `vi.restoreAllMocks()`: a wait takes no time and
 * turns the clock by as much.
 */
export function turnClock() {
  let now = Date.now();
  const due: { at: number; run: () => Promise<unknown> }[] = [];
  vi.spyOn(Date, "now").mockImplementation(() => now);
  vi.spyOn(scheduler, "wait").mockImplementation(async (ms) => {
    now += ms;
    for (const { run } of due.filter(({ at }) => at <= now)) await run();
    due.splice(0, due.length, ...due.filter(({ at }) => at > now));
  });
  return {
    /** Run something in the first wait that ends `ms` from now or later. */
    after(ms: number, run: () => Promise<unknown>): void {
      due.push({ at: now + ms, run });
    },
  };
}

/**
 * Hold every timer of exactly `ms` milliseconds that is set in the test's own isolate until `release()`: the test decides
 * when it fires, not the machine. Ends with `vi.restoreAllMocks()`.
 */
export function holdTimers(ms: number): { release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const real = globalThis.setTimeout;
  const held = (run: () => void, after?: number) => (after === ms ? void released.then(run) : real(run, after));
  vi.spyOn(globalThis, "setTimeout").mockImplementation(held as typeof setTimeout);
  return { release };
}

/**
 * The time of `work`, in times of `unit`, both measured on this machine within the same second. The least of up to five
 * tries, because another process may take the core in the middle of one; stops at the first that is below `enough`.
 */
export async function leastRatio(enough: number, work: () => unknown, unit: () => unknown): Promise<number> {
  let least = Infinity;
  for (let tries = 0; tries < 5 && least >= enough; tries++) {
    const unitMs = await timeOf(unit);
    least = Math.min(least, (await timeOf(work)) / Math.max(unitMs, 1));
  }
  return least;
}

/** Look at each character of a text ten times: a unit of work for `leastRatio`. */
export function scan(text: string): number {
  let sum = 0;
  for (let time = 0; time < 10; time++) for (let at = 0; at < text.length; at++) sum += text.charCodeAt(at) & time;
  return sum;
}

/** Look at each byte once: the same for bytes. */
export function scanBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at] ?? 0;
  return sum;
}

async function timeOf(work: () => unknown): Promise<number> {
  const from = await now();
  work();
  return (await now()) - from;
}

/** In workerd the clock stands still until something is awaited. */
async function now(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  return performance.now();
}
