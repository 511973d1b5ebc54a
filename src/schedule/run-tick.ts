import { type Env, configOf } from "../env.ts";
import { toGatewayError, GatewayError } from "../errors.ts";
import { enqueue } from "../generate/enqueue.ts";
import { newRecord } from "../generate/records.ts";
import { log } from "../log.ts";
import type { Principal } from "../access/authenticate.ts";
import { createdAtOf, newId } from "../store/ids.ts";
import { addToOwnerIndex } from "../store/owner-index.ts";
import { getRecord, putEnd } from "../store/records.ts";
import type { Schedule } from "../store/schedules.ts";
import { claimTick, nextCount } from "../store/ticks.ts";
import { isManual } from "./tick.ts";
import { ownerOf } from "./schedule.ts";
import { requestForTick } from "./request.ts";

/** What a tick is begun with. */
export interface Place {
  env: Env;
  waitUntil(work: Promise<unknown>): void;
}

/**
 * Has the picture of a tick drawn, once, however often it is called: by the queue, so that this takes no longer than R2 does.
 * Who died after the claim is followed by the next who comes, for the same generation. Throws where R2 or the queue fails;
 * then it may be called again.
 */
export async function beginTick(schedule: Schedule, at: number, place: Place): Promise<void> {
  const owner = await ownerOf(schedule, place.env);
  if (owner === undefined) return log("schedule.stopped", { schedule: schedule.name, key: schedule.principal });
  const { BUCKET } = place.env;
  const { claim, isOwner } = await claimTick(BUCKET, schedule.id, at, newId(Date.now()));
  const { generation } = claim;
  // Pruned, or noted within the time that its owner takes for it.
  if (!isOwner && (generation === "" || (await getRecord(BUCKET, generation)) !== null)) return;
  await queueTick(schedule, at, generation, owner, place);
}

/** Has a generation drawn for a tick of its own, whatever the cron line says. Throws as beginTick does, and forbidden where its key is good no longer. */
export async function runNow(schedule: Schedule, generation: string, place: Place): Promise<void> {
  const owner = await ownerOf(schedule, place.env);
  if (owner === undefined)
    throw new GatewayError("forbidden", "The key that this schedule draws with is good no longer.");
  const { BUCKET } = place.env;
  // The same generation, asked for again, is the same tick.
  for (let at = createdAtOf(generation); ; at++) {
    // A whole minute is the clock's.
    if (!isManual(at)) continue;
    const { claim, isOwner } = await claimTick(BUCKET, schedule.id, at, generation);
    // Pruned: what is gone is not drawn again.
    if (claim.generation === "") return;
    if (claim.generation !== generation) continue;
    // Who had it before may have died with it.
    if (isOwner || (await getRecord(BUCKET, generation)) === null)
      await queueTick(schedule, at, generation, owner, place);
    return;
  }
}

async function queueTick(
  schedule: Schedule,
  at: number,
  generation: string,
  owner: Principal,
  { env, waitUntil }: Place,
): Promise<void> {
  const config = configOf(env);
  const count = await nextCount(env.BUCKET, schedule.id, generation);
  const receivedAt = Date.now();
  try {
    const { asked, dialect } = await requestForTick(schedule, at, count, owner, { env, config });
    await enqueue({
      id: generation,
      asked,
      dialect,
      principal: schedule.principal,
      origin: config.publicUrl ?? schedule.origin,
      env,
      config,
      receivedAt,
      hoisted: [],
      tick: { name: schedule.name, schedule: schedule.id, at, since: isManual(at) ? undefined : schedule.since },
      waitUntil,
    });
  } catch (thrown) {
    const error = toGatewayError(thrown);
    if (error.retryable || error.code === "internal") throw thrown;
    // As it is now, nobody can draw it; that is how this tick ends.
    const record = newRecord({ id: generation, dialect: "", principal: schedule.principal, receivedAt }, "failed");
    const { code, message } = error;
    const end = { ...record, error: { code, message }, finishedAt: new Date().toISOString() };
    await Promise.all([putEnd(env.BUCKET, end), addToOwnerIndex(env.BUCKET, end)]);
  }
}
