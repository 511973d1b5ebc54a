import { describe, expect, it } from "vitest";
import { isStillScheduled, MINUTE_MS } from "../../src/schedule/tick.ts";

const at = Date.parse("2026-11-20T08:00:00Z");
const schedule = { id: "one", enabled: true, since: at - 10 * MINUTE_MS };
const tick = { schedule: "one", at };

describe("isStillScheduled", () => {
  it("a tick belongs to its schedule while that is the same, enabled, and has these times since before", () => {
    expect(isStillScheduled(schedule, tick)).toBe(true);
    expect(isStillScheduled({ ...schedule, id: "another" }, tick)).toBe(false);
    expect(isStillScheduled({ ...schedule, enabled: false }, tick)).toBe(false);
    expect(isStillScheduled({ ...schedule, since: at + MINUTE_MS }, tick)).toBe(false);
    // The times began in the same minute.
    expect(isStillScheduled({ ...schedule, since: at + 20_000 }, tick)).toBe(true);
  });

  it("a queued tick belongs to the times it was queued for, also within the same minute", () => {
    const queued = { ...tick, since: schedule.since };
    expect(isStillScheduled(schedule, queued)).toBe(true);
    expect(isStillScheduled({ ...schedule, since: at + 20_000 }, queued)).toBe(false);
  });

  it("a manual tick is valid at any time, but for the same schedule only", () => {
    const manual = { ...tick, at: at + 1 };
    expect(isStillScheduled({ ...schedule, enabled: false, since: at + MINUTE_MS }, manual)).toBe(true);
    expect(isStillScheduled({ ...schedule, id: "another" }, manual)).toBe(false);
  });
});
