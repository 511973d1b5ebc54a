import type { ScheduleSummary } from "../store/schedules.ts";
import type { Tick } from "../store/ticks.ts";

export const MINUTE_MS = 60_000;

/** The whole minute that a time is in. */
export function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

/** Whether a tick was run by hand, whatever the clock says: a whole minute is the clock's. */
export function isManual(at: number): boolean {
  return at % MINUTE_MS !== 0;
}

/** Whether a tick is still wanted of a schedule that may have been changed, disabled, or made anew under the same name. */
export function isStillScheduled(
  { id, enabled, since }: Pick<ScheduleSummary, "id" | "enabled" | "since">,
  tick: Omit<Tick, "name">,
): boolean {
  if (id !== tick.schedule) return false;
  // One that is queued has noted which times it is of; before that, the minute in which they began counts.
  const isOfTheseTimes = tick.since === undefined ? tick.at >= minuteOf(since) : tick.since === since;
  return isManual(tick.at) || (enabled && isOfTheseTimes);
}

/** A tick as URLs and answers have it: `2027-01-31T12:00Z`; one that was run by hand has its seconds too. */
export function formatTick(at: number): string {
  return new Date(at).toISOString().replace(/:00\.000Z$/, "Z");
}

const TICK = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;

/** Milliseconds since the epoch; undefined where a text is no tick. */
export function parseTick(text: string): number | undefined {
  const at = TICK.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
