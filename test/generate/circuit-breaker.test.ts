import { describe, expect, it } from "vitest";
import { admit, type Breaker, Breakers, CLOSED, type Outcome, settle } from "../../src/generate/circuit-breaker.ts";

const NOW = 1_000_000;
const rateLimited = (retryAfterSeconds?: number): Outcome => ({ failed: "rate_limited", retryAfterSeconds });

/** The breaker after these outcomes, `stepMs` apart, the last of them at NOW. */
function breakerAfter(outcomes: Outcome[], stepMs = 10, from: Breaker = CLOSED): Breaker {
  return outcomes.reduce((state, outcome, n) => settle(state, outcome, NOW - (outcomes.length - 1 - n) * stepMs), from);
}
const rateLimitedTimes = (count: number) => Array.from({ length: count }, () => rateLimited());
const isAdmitted = (breaker: Breaker, now: number) => "breaker" in admit(breaker, now);

describe("opens", () => {
  it("after 20 failures in a row, and no sooner", () => {
    expect(isAdmitted(breakerAfter(rateLimitedTimes(19)), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW)).toBe(false);
  });
  it("only if they came within 30 seconds", () => {
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20), 1_500), NOW)).toBe(false);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20), 1_600), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(500), 1_600), NOW)).toBe(true);
  });
  it("not where any other answer came between", () => {
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(19), "answered", ...rateLimitedTimes(19)]), NOW)).toBe(true);
  });
  it("whether or not faults of our own came between", () => {
    const faults = Array.from({ length: 50 }, () => "nothing" as const);
    expect(isAdmitted(breakerAfter(faults), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(10), ...faults, ...rateLimitedTimes(9)]), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(10), ...faults, ...rateLimitedTimes(10)]), NOW)).toBe(false);
  });
});

describe("stays open", () => {
  it("for 5 seconds, or for as long as the vendor asks", () => {
    expect(admit(breakerAfter(rateLimitedTimes(20)), NOW)).toEqual({ waitMs: 5_000, code: "rate_limited" });
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW + 4_999)).toBe(false);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW + 5_000)).toBe(true);
    expect(admit(breakerAfter([...rateLimitedTimes(19), rateLimited(17)]), NOW)).toEqual({
      waitMs: 17_000,
      code: "rate_limited",
    });
  });
  it("as long as any of those under way is told", () => {
    const open = breakerAfter([...rateLimitedTimes(19), rateLimited(17)]);
    expect(admit(settle(open, rateLimited(1), NOW + 1), NOW + 1)).toEqual({ waitMs: 16_999, code: "rate_limited" });
    expect(admit(settle(open, rateLimited(30), NOW + 1), NOW + 1)).toEqual({ waitMs: 30_000, code: "rate_limited" });
  });
});

describe("a probe", () => {
  const open = breakerAfter(rateLimitedTimes(20));
  const probing = (() => {
    const probe = admit(open, NOW + 5_000);
    if (!("breaker" in probe)) throw new Error("no probe");
    return probe.breaker;
  })();

  it("goes alone", () => {
    expect(isAdmitted(probing, NOW + 5_001)).toBe(false);
    expect(isAdmitted(probing, NOW + 64_999)).toBe(false);
  });
  it("closes it by any answer that is no failure", () => {
    expect(settle(probing, "answered", NOW + 6_000)).toEqual(CLOSED);
  });
  it("opens it anew by a failure", () => {
    expect(admit(settle(probing, rateLimited(), NOW + 6_000), NOW + 6_000)).toEqual({
      waitMs: 5_000,
      code: "rate_limited",
    });
  });
  it("makes room for another where nothing was learned", () => {
    expect(isAdmitted(settle(probing, "nothing", NOW + 6_000), NOW + 6_000)).toBe(true);
    expect(isAdmitted(probing, NOW + 65_000)).toBe(true);
  });
});

it("keeps vendors apart, and says what the vendor said, with the time to wait", () => {
  const breakers = new Breakers();
  for (let n = 0; n < 20; n++) breakers.settle("a", { failed: "vendor_error", retryAfterSeconds: 7 }, NOW);
  expect(() => breakers.admit("a", NOW + 100)).toThrow(
    expect.objectContaining({ code: "vendor_error", retryAfter: 7, message: expect.stringContaining("7 s") }),
  );
  expect(() => breakers.admit("b", NOW)).not.toThrow();
  breakers.settle("a", "answered", NOW);
  expect(() => breakers.admit("a", NOW)).not.toThrow();
});

it("survives a clock that is set back by an hour", () => {
  const before = NOW - 3_600_000;
  expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), before)).toBe(true);
  const probe = admit(breakerAfter(rateLimitedTimes(20)), NOW + 5_000);
  expect("breaker" in probe && isAdmitted(probe.breaker, before)).toBe(true);
});
