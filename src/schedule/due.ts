import type { Due } from "../store/schedules.ts";
import type { Tick } from "../store/ticks.ts";

export const MINUTE_MS = 60_000;

/** The whole minute that a time is in. */
export function minuteOf(time: number): number {
  return time - (time % MINUTE_MS);
}

/** Whether a tick is still one of this schedule: it may have been changed, disabled, or made anew under the same name. */
export function isDue(
  { id, enabled, since }: Pick<Due, "id" | "enabled" | "since">,
  { schedule, at }: Pick<Tick, "schedule" | "at">,
): boolean {
  // One between the minutes was run by hand, whatever the clock says.
  const isByHand = at % MINUTE_MS !== 0;
  return id === schedule && (isByHand || (enabled && at >= minuteOf(since)));
}
