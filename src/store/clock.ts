import { isObject } from "../json.ts";
import { retryOnce, putJson } from "./objects.ts";
import type { ScheduleSummary } from "./schedules.ts";

const KEY = "cron.json";
const TRIES = 5;

/** A tick of a schedule that is due: by its name and id, and when, in milliseconds since the epoch. */
export interface PendingTick extends Pick<ScheduleSummary, "name" | "id"> {
  at: number;
  /** Set where it was tried, in vain. */
  failed?: boolean | undefined;
}

/** Up to which minute ticks have been dealt with, and those of them that are still to be begun. */
export interface Clock {
  through: number;
  left: PendingTick[];
}

/** How far the clock is, with its ETag; at the beginning of time where it never went, or cannot be read. */
export async function getClock(bucket: R2Bucket): Promise<Clock & { etag?: string }> {
  const object = await bucket.get(KEY);
  if (object === null) return { through: 0, left: [] };
  const clock = await object.json<Partial<Clock> | null>().catch(() => null);
  const left = Array.isArray(clock?.left) ? clock.left.filter(isObject) : [];
  return { through: Number(clock?.through) || 0, left, etag: object.etag };
}

/**
 * Sets the clock that was `seen` to `through`, with what is `left`. Where another event has set it since, what that one
 * left stays too, but for what was dealt with here, as `isDone` tells.
 */
export async function setClock(
  bucket: R2Bucket,
  seen: Clock & { etag?: string },
  { through, left }: Clock,
  isDone: (tick: PendingTick) => boolean,
): Promise<void> {
  let before = seen;
  let all = left;
  for (let tries = 0; tries < TRIES; tries++) {
    const onlyIf = before.etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: before.etag };
    // An event that comes late sets it back, unless a later one has been faster meanwhile.
    const clock: Clock = { through: tries === 0 ? through : Math.max(through, before.through), left: lastOfEach(all) };
    if ((await retryOnce(() => putJson(bucket, KEY, clock, { onlyIf }))) !== null) return;
    before = await getClock(bucket);
    all = [...before.left.filter((tick) => !isDone(tick)), ...left];
  }
  throw new Error("other events set the clock each time");
}

/** Of what could not be begun, only the last tick of each schedule: pictures by the clock are for now. */
function lastOfEach(ticks: readonly PendingTick[]): PendingTick[] {
  const last = new Map<string, PendingTick>();
  for (const tick of ticks) if ((last.get(tick.id)?.at ?? 0) <= tick.at) last.set(tick.id, tick);
  return [...last.values()];
}
