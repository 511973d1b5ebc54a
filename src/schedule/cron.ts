import { type Env, configOf } from "../env.ts";
import { redact, log } from "../log.ts";
import type { Runtime } from "../generate/runtime.ts";
import { Semaphore } from "../concurrency.ts";
import { getCronState, type PendingTick, setCronState } from "../store/cron-state.ts";
import { getSchedule, listSchedules, type ScheduleSummary } from "../store/schedules.ts";
import { lastTime } from "./cron-times.ts";
import { resendStale } from "./resend.ts";
import { startTick } from "./run-tick.ts";
import { isStillScheduled, MINUTE_MS, minuteOf } from "./tick.ts";

/** How far back a missed tick is caught up. */
const CATCH_UP_MS = 24 * 60 * MINUTE_MS;
/** Schedules at once: a Worker has six connections. */
const MAX_PARALLEL = 6;

/** Every minute: start the due ticks, and send the messages again that the queue has lost. Neither waits for the other, or for a picture. */
export async function scheduled(
  { scheduledTime }: Pick<ScheduledController, "scheduledTime">,
  env: Env,
  ctx: Pick<ExecutionContext, "waitUntil">,
): Promise<void> {
  const runtime: Runtime = { env, config: configOf(env), waitUntil: (work) => ctx.waitUntil(work) };
  const report = (error: unknown) => logFailure("cron.failed", error, runtime);
  await Promise.all([startTicks(scheduledTime, runtime).catch(report), resendStale(env).catch(report)]);
}

/**
 * Start the ticks of the minute of `time`, the ticks that could not be started before, and for each schedule without an
 * event since then its last missed tick. A late or repeated event counts for its own minute only.
 */
async function startTicks(time: number, runtime: Runtime): Promise<void> {
  const { env, config } = runtime;
  const { ticksPerEvent } = config.limits;
  const minute = minuteOf(time);
  const state = await getCronState(env.BUCKET);
  const { through, left } = state.value;
  const due = await dueTicks(Math.max(through, minute - CATCH_UP_MS), minute, runtime);
  const isSame = (one: PendingTick) => (other: PendingTick) => one.id === other.id && one.at === other.at;
  const pending = left.filter((tick) => tick.at > minute - CATCH_UP_MS && !due.some(isSame(tick)));
  // Deferred ticks first, failed ones last, so that neither starves the rest.
  const ticks = [...pending.filter(({ failed }) => !failed), ...due, ...pending.filter(({ failed }) => failed)];
  const handled = ticks.slice(0, ticksPerEvent);
  const slots = new Semaphore(MAX_PARALLEL);
  const failed = await Promise.all(handled.map((tick) => slots.run(() => tryToStart(tick, runtime))));
  const rest = [...failed.filter((tick) => tick !== undefined), ...ticks.slice(ticksPerEvent)];
  if (through === minute && left.length + rest.length === 0) return;
  await setCronState(env.BUCKET, state, { through: minute, left: rest }, (tick) => handled.some(isSame(tick)));
}

/** The ticks of the minute, and the missed ones since `after`. */
async function dueTicks(after: number, minute: number, runtime: Runtime): Promise<PendingTick[]> {
  const ticks: PendingTick[] = [];
  for await (const schedules of listSchedules(runtime.env.BUCKET))
    for (const schedule of schedules) {
      const { name, id } = schedule;
      try {
        const at = dueAt(schedule, after, minute);
        if (at !== undefined) ticks.push({ name, id, at });
      } catch (error) {
        // An unreadable schedule must not stop the others.
        logFailure("tick.failed", error, runtime, { schedule: name });
      }
    }
  return ticks;
}

/**
 * The last tick after `after` and not after `minute`. The event's own minute always counts, but no minute before the one
 * in which the schedule was created or enabled again.
 */
function dueAt({ cron, timezone, enabled, since }: ScheduleSummary, after: number, minute: number): number | undefined {
  const from = Math.max(minuteOf(since) - 1, Math.min(Math.max(after, since), minute - 1));
  return enabled && from < minute ? lastTime(cron, timezone, from, minute) : undefined;
}

/** Start a tick of the current schedule, which may have been changed or deleted. Returns a tick that could not be started. */
async function tryToStart(tick: PendingTick, runtime: Runtime): Promise<PendingTick | undefined> {
  const { name, id, at } = tick;
  try {
    const found = await getSchedule(runtime.env.BUCKET, name);
    if (found !== null && isStillScheduled(found.schedule, { schedule: id, at }))
      await startTick(found.schedule, at, runtime);
    return undefined;
  } catch (error) {
    logFailure("tick.failed", error, runtime, { schedule: name, tick: new Date(at).toISOString() });
    return { ...tick, failed: true };
  }
}

function logFailure(event: string, error: unknown, { config }: Runtime, about: Record<string, unknown> = {}): void {
  log(event, { ...about, error: redact(String(error), config.secrets) });
}
