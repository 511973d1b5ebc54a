import { afterEach, describe, expect, it, vi } from "vitest";
import { poll, Semaphore, settlesWithin } from "../src/concurrency.ts";

afterEach(() => vi.restoreAllMocks());

/** A clock that only moves while code waits; returns the pauses. */
function turnableClock(): number[] {
  const pauses: number[] = [];
  let now = 0;
  vi.spyOn(Date, "now").mockImplementation(() => now);
  vi.spyOn(scheduler, "wait").mockImplementation(async (ms: number) => {
    pauses.push(ms);
    now += ms;
  });
  return pauses;
}

describe("poll", () => {
  it("the pauses grow up to the longest, and the last one ends at the deadline", async () => {
    const pauses = turnableClock();
    const look = vi.fn<() => Promise<undefined>>().mockResolvedValue(undefined);
    expect(await poll(look, { firstMs: 100, growth: 2, maxMs: 300, deadline: 1_000 })).toBeUndefined();
    expect(pauses).toEqual([100, 200, 300, 300, 100]);
    expect(look).toHaveBeenCalledTimes(6);
  });

  it("the first value ends it, also a null", async () => {
    turnableClock();
    const look = vi.fn<() => Promise<null | undefined>>().mockResolvedValueOnce(undefined).mockResolvedValueOnce(null);
    expect(await poll(look, { firstMs: 1, deadline: 10 })).toBeNull();
    expect(look).toHaveBeenCalledTimes(2);
  });
});

describe("settlesWithin", () => {
  it("work that fails in time has settled", async () => {
    expect(await settlesWithin(Promise.reject(new Error("no")), 60_000)).toBe(true);
  });

  it("work that is pending after the time has not settled", async () => {
    expect(await settlesWithin(new Promise(() => undefined), 1)).toBe(false);
  });
});

it("a semaphore runs as many pieces of work at once as it has slots, in order, and frees the slot of one that fails", async () => {
  const slots = new Semaphore(2);
  const events: string[] = [];
  const releases: (() => void)[] = [];
  const work = ["a", "b", "c", "d"].map((name) =>
    slots.run(async () => {
      events.push(name);
      await new Promise<void>((resolve) => releases.push(resolve));
      if (name === "a") throw new Error("no");
    }),
  );
  const settled = Promise.allSettled(work);
  await scheduler.wait(0);
  expect(events).toEqual(["a", "b"]);
  releases[0]?.();
  await scheduler.wait(0);
  expect(events).toEqual(["a", "b", "c"]);
  for (let n = 1; n < 4; n++) {
    releases[n]?.();
    await scheduler.wait(0);
  }
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
});
