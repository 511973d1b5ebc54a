import { JSON_TYPE, updateObject, type Version } from "./objects.ts";
import { isObject } from "../json.ts";
import type { ScheduleSummary } from "./schedules.ts";

const KEY = "cron.json";
const MAX_CONFLICTS = 5;

/** A due tick that is not started yet: the schedule's name and id, and the tick's time in milliseconds since the epoch. */
export interface PendingTick extends Pick<ScheduleSummary, "name" | "id"> {
  at: number;
  /** Set after a failed start. */
  failed?: boolean | undefined;
}

/** The minute up to which ticks have been handled, and the ticks up to then that are not started yet. */
export interface CronState {
  through: number;
  left: PendingTick[];
}

/** Read the state; at the epoch if there is none, or one that cannot be read. */
export async function getCronState(bucket: R2Bucket): Promise<Version<CronState>> {
  const object = await bucket.get(KEY);
  if (object === null) return { value: { through: 0, left: [] }, etag: undefined };
  const state = await object.json<Partial<CronState> | null>().catch(() => null);
  const left = Array.isArray(state?.left) ? state.left.filter(isObject) : [];
  return { value: { through: Number(state?.through) || 0, left }, etag: object.etag };
}

/**
 * Advance to `through` with the ticks that are `left`. `seen` is the state as the caller read it. If another event has
 * written it since, the ticks which that event left stay too, except those handled here (`isHandled`).
 */
export async function setCronState(
  bucket: R2Bucket,
  seen: Version<CronState>,
  { through, left }: CronState,
  isHandled: (tick: PendingTick) => boolean,
): Promise<void> {
  const read = () => getCronState(bucket);
  await updateObject<CronState, void>(bucket, KEY, { read, seen, maxConflicts: MAX_CONFLICTS }, (current) => {
    const isAsSeen = current.etag === seen.etag;
    const others = isAsSeen ? [] : current.value.left.filter((tick) => !isHandled(tick));
    const write: CronState = {
      // A late event moves the state back, unless a later event was faster.
      through: isAsSeen ? through : Math.max(through, current.value.through),
      left: lastOfEach([...others, ...left]),
    };
    return { write, options: JSON_TYPE, result: () => undefined };
  });
}

/** Keep the last tick of each schedule: a missed picture is replaced by a newer one. */
function lastOfEach(ticks: readonly PendingTick[]): PendingTick[] {
  const last = new Map<string, PendingTick>();
  for (const tick of ticks) if ((last.get(tick.id)?.at ?? 0) <= tick.at) last.set(tick.id, tick);
  return [...last.values()];
}
