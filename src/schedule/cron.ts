import { type Env, configOf } from "../env.ts";
import { Lanes } from "../generate/semaphore.ts";
import { log } from "../log.ts";
import { redact } from "../redact.ts";
import { type PendingTick, getClock, setClock } from "../store/clock.ts";
import { type ScheduleSummary, getSchedule, listSchedules } from "../store/schedules.ts";
import { beginTick, type Place } from "./run-tick.ts";
import { isStillScheduled, MINUTE_MS, minuteOf } from "./tick.ts";
import { resendStale } from "./resend.ts";
import { lastTime } from "./cron-times.ts";

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
 * Begins the ticks of the minute of `time`, those that could not be begun before, and of each schedule whose ticks had no
 * event the last one. An event that comes late, or twice, is for its own minute only.
 */
async function tickAll(time: number, place: Place): Promise<void> {
  const { BUCKET } = place.env;
  const minute = minuteOf(time);
  const clock = await getClock(BUCKET);
  const due = await dueTicks(Math.max(clock.through, minute - CAUGHT_UP_MS), minute, place);
  const isSame = (one: PendingTick) => (other: PendingTick) => one.id === other.id && one.at === other.at;
  const left = clock.left.filter((tick) => tick.at > minute - CAUGHT_UP_MS && !due.some(isSame(tick)));
  // Who has waited for its turn comes first, and who had it in vain last: neither is to keep the others from theirs.
  const ticks = [...left.filter(({ failed }) => !failed), ...due, ...left.filter(({ failed }) => failed)];
  const { ticksPerEvent } = configOf(place.env).limits;
  const turns = ticks.slice(0, ticksPerEvent);
  const lanes = new Lanes(PARALLEL);
  const failed = (await Promise.all(turns.map((tick) => lanes.run(() => begin(tick, place))))).flat();
  const rest = [...failed, ...ticks.slice(ticksPerEvent)];
  if (clock.through === minute && clock.left.length + rest.length === 0) return;
  await setClock(BUCKET, clock, { through: minute, left: rest }, (tick) => turns.some(isSame(tick)));
}

/** What is due in the minute, or had no event since `after`. */
async function dueTicks(after: number, minute: number, { env }: Place): Promise<PendingTick[]> {
  const ticks: PendingTick[] = [];
  for await (const schedules of listSchedules(env.BUCKET))
    for (const due of schedules) {
      const { name, id } = due;
      try {
        const at = dueAt(due, after, minute);
        if (at !== undefined) ticks.push({ name, id, at });
      } catch (error) {
        // One that cannot be read is not to stop the others' clock.
        tellOf("tick.failed", error, env, { schedule: name });
      }
    }
  return ticks;
}

/**
 * The last tick after `after` and not after `minute`. An event is for its own minute whatever came before it; but none is
 * for a minute before the one in which the schedule was made, or enabled again.
 */
function dueAt({ cron, timezone, enabled, since }: ScheduleSummary, after: number, minute: number): number | undefined {
  const from = Math.max(minuteOf(since) - 1, Math.min(Math.max(after, since), minute - 1));
  return enabled && from < minute ? lastTime(cron, timezone, from, minute) : undefined;
}

/** Begins a tick of the schedule as it is now: it may have been changed or deleted. Those that could not be begun are returned. */
async function begin(tick: PendingTick, place: Place): Promise<PendingTick[]> {
  const { name, id, at } = tick;
  try {
    const found = await getSchedule(place.env.BUCKET, name);
    if (found !== null && isStillScheduled(found.schedule, { schedule: id, at }))
      await beginTick(found.schedule, at, place);
    return [];
  } catch (error) {
    tellOf("tick.failed", error, place.env, { schedule: name, tick: new Date(at).toISOString() });
    return [{ ...tick, failed: true }];
  }
}

function tellOf(event: string, error: unknown, env: Env, about: Record<string, unknown> = {}): void {
  log(event, { ...about, error: redact(String(error), configOf(env).secrets) });
}
