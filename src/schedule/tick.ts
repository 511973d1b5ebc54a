import type { ScheduleSummary } from "../store/schedules.ts";
import type { Tick } from "../store/ticks.ts";

export const MINUTE_MS = 60_000;

/** Return the start of the minute of a time. */
export function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

/** Check whether a tick was run manually: ticks of the clock are whole minutes. */
export function isManual(at: number): boolean {
  return at % MINUTE_MS !== 0;
}

/**
 * Check whether a tick still belongs to a schedule that may have been changed, disabled, or created again under the
 * same name.
 */
export function isStillScheduled(
  { id, enabled, since }: Pick<ScheduleSummary, "id" | "enabled" | "since">,
  tick: Omit<Tick, "name">,
): boolean {
  if (id !== tick.schedule) return false;
  // A queued tick has stored the `since` of its times; before that, the minute in which the times began counts.
  const isOfTheseTimes = tick.since === undefined ? tick.at >= minuteOf(since) : tick.since === since;
  return isManual(tick.at) || (enabled && isOfTheseTimes);
}

/** Format a tick for URLs and responses: `2027-01-31T12:00Z`; a manual one has its seconds too. */
export function formatTick(at: number): string {
  return new Date(at).toISOString().replace(/:00\.000Z$/, "Z");
}

const TICK = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;

/** Parse a tick to milliseconds since the epoch; undefined if the text is no tick. */
export function parseTick(text: string): number | undefined {
  const at = TICK.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
