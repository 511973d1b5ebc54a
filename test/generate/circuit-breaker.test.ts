import { describe, expect, it } from "vitest";
import {
  admit,
  admitCall,
  afterCall,
  type Breaker,
  CLOSED,
  type Outcome,
  recordOutcome,
} from "../../src/generate/circuit-breaker.ts";

const NOW = 1_000_000;
const rateLimited = (retryAfterSeconds?: number): Outcome => ({ failed: "rate_limited", retryAfterSeconds });

/** Return the breaker after these outcomes, `stepMs` apart, the last one at NOW. */
function breakerAfter(outcomes: Outcome[], stepMs = 10, from: Breaker = CLOSED): Breaker {
  return outcomes.reduce(
    (state, outcome, n) => afterCall(state, outcome, NOW - (outcomes.length - 1 - n) * stepMs),
    from,
  );
}
const rateLimitedTimes = (count: number) => Array.from({ length: count }, () => rateLimited());
const isAdmitted = (breaker: Breaker, now: number) => "breaker" in admit(breaker, now);

describe("an opening breaker", () => {
  it("the breaker opens after 20 failures in a row, and not sooner", () => {
    expect(isAdmitted(breakerAfter(rateLimitedTimes(19)), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW)).toBe(false);
  });
  it("the breaker opens only if the failures came within 30 seconds", () => {
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20), 1_500), NOW)).toBe(false);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20), 1_600), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(500), 1_600), NOW)).toBe(true);
  });
  it("the breaker stays closed if any other response came between", () => {
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(19), "answered", ...rateLimitedTimes(19)]), NOW)).toBe(true);
  });
  it("the breaker ignores internal faults between the failures", () => {
    const faults = Array.from({ length: 50 }, () => "unknown" as const);
    expect(isAdmitted(breakerAfter(faults), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(10), ...faults, ...rateLimitedTimes(9)]), NOW)).toBe(true);
    expect(isAdmitted(breakerAfter([...rateLimitedTimes(10), ...faults, ...rateLimitedTimes(10)]), NOW)).toBe(false);
  });
});

describe("an open breaker", () => {
  it("the breaker stays open for 5 seconds, or as long as the vendor requests", () => {
    expect(admit(breakerAfter(rateLimitedTimes(20)), NOW)).toEqual({ waitMs: 5_000, code: "rate_limited" });
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW + 4_999)).toBe(false);
    expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), NOW + 5_000)).toBe(true);
    expect(admit(breakerAfter([...rateLimitedTimes(19), rateLimited(17)]), NOW)).toEqual({
      waitMs: 17_000,
      code: "rate_limited",
    });
  });
  it("the breaker stays open for the longest wait that a call under way reports", () => {
    const open = breakerAfter([...rateLimitedTimes(19), rateLimited(17)]);
    expect(admit(afterCall(open, rateLimited(1), NOW + 1), NOW + 1)).toEqual({ waitMs: 16_999, code: "rate_limited" });
    expect(admit(afterCall(open, rateLimited(30), NOW + 1), NOW + 1)).toEqual({ waitMs: 30_000, code: "rate_limited" });
  });
});

describe("a probe", () => {
  const open = breakerAfter(rateLimitedTimes(20));
  const probing = (() => {
    const probe = admit(open, NOW + 5_000);
    if (!("breaker" in probe)) throw new Error("no probe");
    return probe.breaker;
  })();

  it("a probe is the only call until it ends", () => {
    expect(isAdmitted(probing, NOW + 5_001)).toBe(false);
    expect(isAdmitted(probing, NOW + 64_999)).toBe(false);
  });
  it("a probe without a failure closes the breaker", () => {
    expect(afterCall(probing, "answered", NOW + 6_000)).toEqual(CLOSED);
  });
  it("a failed probe opens the breaker again", () => {
    expect(admit(afterCall(probing, rateLimited(), NOW + 6_000), NOW + 6_000)).toEqual({
      waitMs: 5_000,
      code: "rate_limited",
    });
  });
  it("a probe without a result lets another one through", () => {
    expect(isAdmitted(afterCall(probing, "unknown", NOW + 6_000), NOW + 6_000)).toBe(true);
    expect(isAdmitted(probing, NOW + 65_000)).toBe(true);
  });
});

it("breakers of vendors are separate, and an open one repeats the vendor's error with the time to wait", () => {
  for (let n = 0; n < 20; n++) recordOutcome("a", { failed: "vendor_error", retryAfterSeconds: 7 }, NOW);
  expect(() => admitCall("a", NOW + 100)).toThrow(
    expect.objectContaining({ code: "vendor_error", retryAfter: 7, message: expect.stringContaining("7 s") }),
  );
  expect(() => admitCall("b", NOW)).not.toThrow();
  recordOutcome("a", "answered", NOW);
  expect(() => admitCall("a", NOW)).not.toThrow();
});

it("a clock set back by an hour does not block the breaker", () => {
  const before = NOW - 3_600_000;
  expect(isAdmitted(breakerAfter(rateLimitedTimes(20)), before)).toBe(true);
  const probe = admit(breakerAfter(rateLimitedTimes(20)), NOW + 5_000);
  expect("breaker" in probe && isAdmitted(probe.breaker, before)).toBe(true);
});
