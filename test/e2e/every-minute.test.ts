import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { everyMinute, withTimeout } from "../../scripts/every-minute.ts";

beforeEach(() => void vi.useFakeTimers({ now: new Date("2026-11-20T08:00:17.250Z") }));
afterEach(() => void vi.useRealTimers());

const watch = () => {
  const minutes: string[] = [];
  const stop = everyMinute((minute) => void minutes.push(minute.toISOString().slice(11)));
  return { minutes, stop };
};

it("everyMinute calls back at the start of every minute until it is stopped", () => {
  const { minutes, stop } = watch();
  vi.advanceTimersByTime(42_749);
  expect(minutes).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(minutes).toEqual(["08:01:00.000Z"]);
  vi.advanceTimersByTime(24 * 60 * 60_000);
  expect(minutes).toHaveLength(1441);
  stop();
  vi.advanceTimersByTime(120_000);
  expect(minutes).toHaveLength(1441);
});

it("everyMinute skips the minutes while the machine was asleep", () => {
  const { minutes } = watch();
  vi.setSystemTime(new Date("2026-11-20T11:29:30Z"));
  vi.advanceTimersToNextTimer();
  vi.advanceTimersToNextTimer();
  expect(minutes.map((minute) => minute.slice(0, 5))).toEqual(["11:30", "11:31"]);
});

it("everyMinute does not call back before the minute if a timer fires early", () => {
  const { minutes } = watch();
  vi.setSystemTime(new Date("2026-11-20T08:00:17.249Z"));
  vi.advanceTimersToNextTimer();
  expect(minutes).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(minutes).toEqual(["08:01:00.000Z"]);
});

it("withPatience reports a silent runtime once until it answers again, and every error that it answers", async () => {
  vi.useRealTimers();
  const silent = (_: Date, signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const failing = () => Promise.reject(new Error("500"));
  const fine = () => Promise.resolve();
  const runs = [silent, silent, fine, failing, failing, silent];
  const tick = withTimeout((minute, signal) => (runs.shift() ?? fine)(minute, signal), 20);
  const reports: string[] = [];
  while (runs.length > 0) reports.push(await tick(new Date()).then(String, ({ message }: Error) => message));
  const silence = "the runtime does not answer; start it again";
  expect(reports).toEqual([silence, "undefined", "undefined", "500", "500", silence]);
});
