import { type Env, settingsOf } from "../env.ts";
import { redact } from "../errors.ts";
import { Lanes } from "../generate/lanes.ts";
import { log } from "../log.ts";
import { type Due, getSchedule, getThrough, listSchedules, putThrough } from "../store/schedules.ts";
import { resendStale } from "./resend.ts";
import { beginTick, MINUTE_MS, type Place } from "./begin.ts";
import { lastTime } from "./times.ts";

/** How far back a missed tick is caught up. */
const CAUGHT_UP_MS = 24 * 60 * MINUTE_MS;
/** Schedules at once: a Worker has six connections, and one whose answer hangs must not be all of them. */
const PARALLEL = 6;

/** Every minute: begins what is due, and sends again what the queue lost. Neither waits for the other, or for a picture. */
export async function scheduled(
  { scheduledTime }: Pick<ScheduledController, "scheduledTime">,
  env: Env,
  ctx: Pick<ExecutionContext, "waitUntil">,
): Promise<void> {
  const place: Place = { env, waitUntil: (work) => ctx.waitUntil(work) };
  const tell = (error: unknown) => tellOf("cron.failed", error, env);
  await Promise.all([tickAll(scheduledTime, place).catch(tell), resendStale(env).catch(tell)]);
}

/**
 * Begins the ticks of the minute of `time`; and where minutes before it had no event, or their ticks could not be begun, of
 * each schedule the last one that was missed. An event that comes late, or twice, is for its own minute only.
 */
async function tickAll(time: number, place: Place): Promise<void> {
  const { BUCKET } = place.env;
  const minute = time - (time % MINUTE_MS);
  const through = await getThrough(BUCKET);
  const after = Math.max(through ?? 0, minute - CAUGHT_UP_MS);
  const lanes = new Lanes(PARALLEL);
  let begun = true;
  const work: Promise<void>[] = [];
  for await (const schedules of listSchedules(BUCKET)) {
    for (const due of schedules) {
      const at = dueAt(due, after, minute);
      if (at === undefined) continue;
      const begin = lanes.run(() => beginDue(due, at, place));
      work.push(
        begin.catch((error: unknown) => {
          begun = false;
          tellOf("tick.failed", error, place.env, { schedule: due.name, tick: new Date(at).toISOString() });
        }),
      );
    }
  }
  await Promise.all(work);
  // Whatever failed is looked at again next minute; for the others that is one look at their claim.
  if (begun && through !== minute) await putThrough(BUCKET, minute);
}

/**
 * The last tick after `after` and not after `minute`. An event is for its own minute whatever came before it; but none is
 * for a minute before the one in which the schedule was made, or enabled again.
 */
function dueAt({ cron, timezone, enabled, since }: Due, after: number, minute: number): number | undefined {
  const begins = since - (since % MINUTE_MS) - 1;
  const from = Math.max(begins, Math.min(Math.max(after, since), minute - 1));
  return enabled && from < minute ? lastTime(cron, timezone, from, minute) : undefined;
}

/** The schedule as it is now: it may have been changed or deleted since it was listed. */
async function beginDue({ name, id }: Due, at: number, place: Place): Promise<void> {
  const found = await getSchedule(place.env.BUCKET, name);
  if (found?.schedule.id === id && found.schedule.enabled) await beginTick(found.schedule, at, place);
}

function tellOf(event: string, error: unknown, env: Env, about: Record<string, unknown> = {}): void {
  log(event, { ...about, error: redact(String(error), settingsOf(env).secrets) });
}
