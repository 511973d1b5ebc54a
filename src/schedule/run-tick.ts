import { toGatewayError, GatewayError } from "../errors.ts";
import { enqueue } from "../generate/enqueue.ts";
import type { Runtime } from "../generate/runtime.ts";
import { newRecord } from "../generate/records.ts";
import { log } from "../log.ts";
import type { Principal } from "../access/authenticate.ts";
import { createdAtOf, newId } from "../store/ids.ts";
import { addToOwnerIndex } from "../store/owner-index.ts";
import { awaitRecord, putEnd } from "../store/records.ts";
import type { Schedule } from "../store/schedules.ts";
import { claimTick, nextCount } from "../store/ticks.ts";
import { isManual } from "./tick.ts";
import { ownerOf } from "./schedule.ts";
import { requestForTick } from "./request.ts";

/**
 * Enqueue the picture of a tick once, however often it is called, so that the cron event waits for R2 only. A tick whose first
 * run died after the claim continues with the same generation. Throws if R2 or the queue fails; the call can be repeated.
 */
export async function startTick(schedule: Schedule, at: number, runtime: Runtime): Promise<void> {
  const owner = await ownerOf(schedule, runtime.env);
  if (owner === undefined) return log("schedule.stopped", { schedule: schedule.name, key: schedule.principal });
  const { BUCKET } = runtime.env;
  const { claim, isOwner } = await claimTick(BUCKET, schedule.id, at, newId(Date.now()));
  const { generation } = claim;
  // Pruned, or recorded within the time that its owner needs.
  if (!isOwner && (generation === "" || (await awaitRecord(BUCKET, generation)) !== null)) return;
  await queueTick({ schedule, at, generation, owner }, runtime);
}

/** Enqueue a generation for a manual tick. Throws as startTick does, and forbidden if the schedule's API key is no longer valid. */
export async function runNow(schedule: Schedule, generation: string, runtime: Runtime): Promise<void> {
  const owner = await ownerOf(schedule, runtime.env);
  if (owner === undefined)
    throw new GatewayError("forbidden", "The key that this schedule draws with is good no longer.");
  const { BUCKET } = runtime.env;
  // A repeated call with the same generation finds the same tick.
  for (let at = createdAtOf(generation); ; at++) {
    // Whole minutes belong to the cron line.
    if (!isManual(at)) continue;
    const { claim, isOwner } = await claimTick(BUCKET, schedule.id, at, generation);
    // Pruned: a deleted picture is not generated again.
    if (claim.generation === "") return;
    if (claim.generation !== generation) continue;
    // The earlier owner of the claim may have died before it recorded anything.
    if (isOwner || (await awaitRecord(BUCKET, generation)) === null)
      await queueTick({ schedule, at, generation, owner }, runtime);
    return;
  }
}

/** A claimed tick: its schedule, its time, its generation, and the principal that it runs for. */
interface ClaimedTick {
  schedule: Schedule;
  at: number;
  generation: string;
  owner: Principal;
}

async function queueTick({ schedule, at, generation: id, owner }: ClaimedTick, runtime: Runtime): Promise<void> {
  const { env, config } = runtime;
  const count = await nextCount(env.BUCKET, schedule.id, id);
  const receivedAt = Date.now();
  const { name, principal } = schedule;
  try {
    const { parsed, dialect } = await requestForTick(schedule, at, count, owner, runtime);
    const origin = config.publicUrl ?? schedule.origin;
    const tick = { name, schedule: schedule.id, at, since: isManual(at) ? undefined : schedule.since };
    await enqueue({ id, parsed, dialect, principal, origin, receivedAt, uploads: [], tick }, runtime);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    if (error.retryable || error.code === "internal") throw thrown;
    // No vendor can serve it with the current configuration: the tick ends with this failure.
    const record = newRecord({ id, dialect: "", principal, receivedAt }, "failed");
    const { code, message } = error;
    const end = { ...record, error: { code, message }, finishedAt: new Date().toISOString() };
    await Promise.all([putEnd(env.BUCKET, end), addToOwnerIndex(env.BUCKET, end)]);
  }
}
