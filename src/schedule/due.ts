import type { Due } from "../store/schedules.ts";
import type { Tick } from "../store/ticks.ts";

export const MINUTE_MS = 60_000;

/** The whole minute that a time is in. */
export function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

/** Whether a tick was run by hand, whatever the clock says: a whole minute is the clock's. */
export function isByHand(at: number): boolean {
  return at % MINUTE_MS !== 0;
}

/** Whether a tick is still wanted of a schedule that may have been changed, disabled, or made anew under the same name. */
export function isWanted(
  { id, enabled, since }: Pick<Due, "id" | "enabled" | "since">,
  tick: Omit<Tick, "name">,
): boolean {
  if (id !== tick.schedule) return false;
  // One that is queued has noted which times it is of; before that, the minute in which they began counts.
  const isOfThese = tick.since === undefined ? tick.at >= minuteOf(since) : tick.since === since;
  return isByHand(tick.at) || (enabled && isOfThese);
}
