import { updateObject, type Version } from "./objects.ts";
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
export interface Clock {
  through: number;
  left: PendingTick[];
}

/** Read the clock; at the epoch if there is none, or one that cannot be read. */
export async function getClock(bucket: R2Bucket): Promise<Version<Clock>> {
  const object = await bucket.get(KEY);
  if (object === null) return { value: { through: 0, left: [] }, etag: undefined };
  const clock = await object.json<Partial<Clock> | null>().catch(() => null);
  const left = Array.isArray(clock?.left) ? clock.left.filter(isObject) : [];
  return { value: { through: Number(clock?.through) || 0, left }, etag: object.etag };
}

/**
 * Set the clock to `through` with the ticks that are `left`. `seen` is the clock as the caller read it. If another event has
 * set it since, the ticks which that event left stay too, except those handled here (`isHandled`).
 */
export async function setClock(
  bucket: R2Bucket,
  seen: Version<Clock>,
  { through, left }: Clock,
  isHandled: (tick: PendingTick) => boolean,
): Promise<void> {
  const read = () => getClock(bucket);
  await updateObject<Clock, void>(bucket, KEY, { read, seen, maxConflicts: MAX_CONFLICTS }, (current) => {
    const isAsSeen = current === seen;
    const others = isAsSeen ? [] : current.value.left.filter((tick) => !isHandled(tick));
    const write: Clock = {
      // A late event sets the clock back, unless a later event was faster.
      through: isAsSeen ? through : Math.max(through, current.value.through),
      left: lastOfEach([...others, ...left]),
    };
    return { write, result: () => undefined };
  });
}

/** Keep the last tick of each schedule: a missed picture is replaced by a newer one. */
function lastOfEach(ticks: readonly PendingTick[]): PendingTick[] {
  const last = new Map<string, PendingTick>();
  for (const tick of ticks) if ((last.get(tick.id)?.at ?? 0) <= tick.at) last.set(tick.id, tick);
  return [...last.values()];
}
