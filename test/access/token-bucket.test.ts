import { describe, expect, it } from "vitest";
import { mergePeers, pruneSlots, newBucket, putBack, take } from "../../src/access/token-bucket.ts";
import type { OtherSlot, Policy } from "../../src/access/token-bucket.ts";
import { prng } from "./prng.ts";

const T = 1_800_000_000_000;
const policy: Policy = { capacity: 60, perMinute: 60 };
const slotOf = (slot: string, count: number, extra: Partial<OtherSlot> = {}): OtherSlot => {
  return { slot, count, tokens: policy.capacity, at: T, ...extra };
};

function newEmptyBucket(now = T) {
  const state = newBucket(policy, now);
  take(state, policy, 60, now);
  return state;
}

describe("take", () => {
  it("a bucket starts full, refuses when empty, and reports when to retry", () => {
    const state = newBucket(policy, T);
    expect(take(state, policy, 1, T)).toEqual({ admitted: true, remaining: 59, resetSeconds: 1 });
    expect(take(state, policy, 59, T)).toMatchObject({ admitted: true, remaining: 0, resetSeconds: 60 });
    expect(take(state, policy, 12, T)).toEqual({ admitted: false, remaining: 0, resetSeconds: 12 });
    expect(take(state, policy, 12, T + 11_999).admitted).toBe(false);
    expect(take(state, policy, 12, T + 12_000).admitted).toBe(true);
  });

  it("a request succeeds after the reported wait, for any fractions", () => {
    const odd: Policy = { capacity: 7, perMinute: 13 };
    const random = prng(3);
    const state = newBucket(odd, T);
    for (let now = T, i = 0; i < 2_000; i++) {
      const cost = 0.1 + random() * 6.9;
      const { admitted, resetSeconds } = take(state, odd, cost, now);
      if (admitted) continue;
      now += Math.ceil(resetSeconds) * 1000;
      expect(take(state, odd, cost, now).admitted).toBe(true);
    }
  });

  it("a cost above the capacity is refused, and a cost of zero is admitted even in debt", () => {
    const state = newBucket(policy, T);
    expect(take(state, policy, 61, T)).toEqual({ admitted: false, remaining: 60, resetSeconds: Infinity });
    take(state, policy, 60, T);
    for (const nothing of [0, -5, Number.NaN]) expect(take(state, policy, nothing, T).admitted).toBe(true);
    expect(state).toMatchObject({ tokens: 0, consumed: 60 });
    const closed: Policy = { capacity: 0, perMinute: 0 };
    expect(take(newBucket(closed, T), closed, 1, T)).toMatchObject({ admitted: false, resetSeconds: Infinity });
  });

  it("take never admits more than capacity + refill × time, and never refuses traffic below the rate", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = prng(seed);
      const some: Policy = { capacity: 1 + Math.floor(random() * 50), perMinute: 1 + Math.floor(random() * 300) };
      const state = newBucket(some, T);
      let admitted = 0;
      let now = T;
      for (let i = 0; i < 500; i++) {
        now += random() < 0.3 ? 0 : Math.floor(random() * 2_000);
        const cost = 1 + Math.floor(random() * 3);
        if (take(state, some, cost, now).admitted) admitted += cost;
        expect(admitted).toBeLessThanOrEqual(some.capacity + ((now - T) / 60_000) * some.perMinute + 1e-3);
      }
      for (let i = 0; i < 500; i++) {
        now += Math.ceil(60_000 / some.perMinute);
        if (i === 0) now += 60_000 * some.capacity;
        expect(take(state, some, 1, now).admitted).toBe(true);
      }
    }
  });
});

describe("clock", () => {
  it("a step back adds no tokens, and a swinging clock refills no minute twice", () => {
    const state = newEmptyBucket();
    for (let i = 0; i < 100; i++) {
      expect(take(state, policy, 1, T - 30_000).admitted).toBe(false);
      expect(take(state, policy, 1, T).admitted).toBe(false);
    }
    expect(take(state, policy, 1, T + 1_000).admitted).toBe(true);
  });

  it("the reported wait is correct while a small step back is waited out", () => {
    const state = newEmptyBucket();
    const { resetSeconds } = take(state, policy, 1, T - 20_000);
    expect(resetSeconds).toBe(21);
    expect(take(state, policy, 1, T - 20_000 + 21_000).admitted).toBe(true);
  });

  it("a large step back does not block the bucket: refill continues from there at the same rate", () => {
    const state = newEmptyBucket();
    const back = T - 86_400_000;
    expect(take(state, policy, 1, back).admitted).toBe(false);
    expect(take(state, policy, 30, back + 29_000).admitted).toBe(false);
    expect(take(state, policy, 30, back + 30_000).admitted).toBe(true);
    expect(take(state, policy, 1, Number.NaN).admitted).toBe(false);
    expect(take(state, policy, 1, back + 31_000).admitted).toBe(true);
  });
});

describe("mergePeers", () => {
  it("growth is subtracted once, however often, late or out of order it is reported", () => {
    const state = newBucket(policy, T);
    mergePeers(state, policy, [slotOf("a", 1_000)], T);
    expect(state.tokens).toBe(60);
    mergePeers(state, policy, [slotOf("a", 1_010)], T);
    mergePeers(state, policy, [slotOf("a", 1_010)], T);
    mergePeers(state, policy, [slotOf("a", 990)], T);
    mergePeers(state, policy, [], T);
    mergePeers(state, policy, [slotOf("a", 1_010)], T);
    expect(state.tokens).toBe(50);
    mergePeers(state, policy, [slotOf("a", 1_010), slotOf("new", 7)], T);
    expect(state.tokens).toBe(43);
    mergePeers(state, policy, [slotOf("a", 1_010), slotOf("old", 1_000_000)], T);
    expect(state.tokens).toBe(43 - 60);
  });

  it("debt is at most five capacities, and is paid back", () => {
    const state = newEmptyBucket();
    mergePeers(state, policy, [slotOf("a", 0)], T);
    mergePeers(state, policy, [slotOf("a", 1e9)], T);
    expect(state.tokens).toBe(-300);
    expect(take(state, policy, 1, T).resetSeconds).toBe(301);
    expect(take(state, policy, 1, T + 300_000).admitted).toBe(false);
    expect(take(state, policy, 1, T + 301_000).admitted).toBe(true);
  });

  it("takes elsewhere first use the refill that found this bucket full", () => {
    const state = newBucket(policy, T);
    mergePeers(state, policy, [slotOf("a", 0)], T);
    // Ten minutes of 50 a minute elsewhere and one request a minute here: together below the rate.
    for (let minute = 1; minute <= 10; minute++)
      expect(take(state, policy, 1, T + minute * 60_000).admitted).toBe(true);
    mergePeers(state, policy, [slotOf("a", 500, { tokens: 55, at: T + 600_000 })], T + 600_000);
    expect(state.tokens).toBeGreaterThan(50);
  });

  it("tokens are capped at the lowest balance of a slot, unless its clock is ahead", () => {
    const state = newBucket(policy, T);
    mergePeers(state, policy, [slotOf("future", 0, { tokens: -300, at: T + 3_600_000 })], T);
    expect(state.tokens).toBe(60);
    mergePeers(state, policy, [slotOf("a", 100, { tokens: -40, at: T - 10_000 }), slotOf("b", 5)], T);
    expect(state.tokens).toBe(-30);
    mergePeers(state, policy, [slotOf("c", 0, { tokens: -1e12 })], T);
    expect(state.tokens).toBe(-300);
  });

  it("slots that are no longer listed are deleted", () => {
    const state = newBucket(policy, T);
    mergePeers(state, policy, [slotOf("a", 1), slotOf("b", 1)], T);
    mergePeers(state, policy, [slotOf("b", 1)], T + 1_000);
    pruneSlots(state, T + 500);
    expect([...(state.peers?.keys() ?? [])]).toEqual(["b"]);
  });
});

describe("putBack", () => {
  it("putBack undoes a take, refill included, and never fills above the capacity", () => {
    const state = newEmptyBucket();
    expect(take(state, policy, 7.25, T + 10_000).admitted).toBe(true);
    putBack(state, policy, 7.25);
    expect(state).toMatchObject({ tokens: 10, consumed: 60, last: T + 10_000 });
    expect(take(state, policy, 60, T + 60_000).admitted).toBe(true);
    putBack(state, policy, 60);
    expect(state).toMatchObject({ tokens: 60, consumed: 60 });
  });

  it("putBack leaves only rounding errors, for any fractions", () => {
    const random = prng(9);
    const [state, untouched] = [newBucket(policy, T), newBucket(policy, T)];
    for (let i = 0, now = T; i < 5_000; i++) {
      now += random() * 1_000;
      const [undone, kept] = [random() * 8, random()];
      if (take(state, policy, undone, now).admitted) putBack(state, policy, undone);
      take(untouched, policy, 0, now);
      for (const each of [state, untouched]) take(each, policy, kept, now);
      expect(Math.abs(state.tokens - untouched.tokens)).toBeLessThan(1e-6);
      expect(Math.abs(state.consumed - untouched.consumed)).toBeLessThan(1e-6);
      expect(state.tokens).toBeLessThanOrEqual(policy.capacity);
    }
  });
});
