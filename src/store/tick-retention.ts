import { readClaim } from "./claims.ts";
import { jobKey } from "./jobs.ts";
import { removeFromOwnerIndex } from "./owner-index.ts";
import { awaitRecord, readRecord } from "./records.ts";
import { getSchedule } from "./schedules.ts";
import { listTickPictures, listTicks, putTickPicture, type Tick, ticks } from "./ticks.ts";

/** Ticks pruned per run; the next tick continues. Each takes a few of the operations that a Worker may make. */
const BATCH_SIZE = 50;
/** The claim of a pruned tick is kept for this long, so that a late cron event cannot generate the tick again. */
const CLAIM_RETENTION_MS = 24 * 60 * 60_000;

/**
 * Record the picture of a tick once its generation has ended; may be called again. A failure leaves the last picture in
 * place.
 */
export async function recordTickPicture(
  bucket: R2Bucket,
  { name, schedule: id, at }: Tick,
  generation: string,
): Promise<void> {
  const record = await awaitRecord(bucket, generation);
  const [picture] = record?.images ?? [];
  const stored = picture === undefined ? null : await getSchedule(bucket, name);
  // The schedule was deleted during the generation: the picture stays with its owner, at its own URL.
  if (picture === undefined || stored?.schedule.id !== id) return;
  await putTickPicture(bucket, id, { at, generation, picture });
  const { keep } = stored.schedule;
  if (keep !== undefined) await pruneTicks(bucket, id, keep, at);
}

/**
 * Keep the latest `keep` pictures of a schedule, given by its id, and delete the generations of earlier ticks with
 * their records. The claim stays for another day, emptied, so that no tick is generated again. `now` is the latest
 * tick.
 */
async function pruneTicks(bucket: R2Bucket, schedule: string, keep: number, now: number): Promise<void> {
  const kept = await listTickPictures(bucket, schedule, keep);
  const oldest = kept.length < keep ? undefined : kept.at(-1)?.at;
  if (oldest === undefined) return;
  for (const { at, generation } of await listTickPictures(bucket, schedule, BATCH_SIZE, oldest)) {
    // First: otherwise a late event would find no claim and generate the tick again.
    await bucket.put(ticks.claim(schedule, at), JSON.stringify({ generation: "", fingerprint: "", at: Date.now() }));
    await dropGeneration(bucket, generation);
    await bucket.delete(ticks.mark(schedule, at));
  }
  for (const at of await listTicks(bucket, schedule, BATCH_SIZE, Math.min(oldest, now - CLAIM_RETENTION_MS))) {
    const key = ticks.claim(schedule, at);
    const state = await readClaim(bucket, key);
    // A failed tick has no picture, but its record still exists.
    if (state !== undefined && state.claim.generation !== "") await dropGeneration(bucket, state.claim.generation);
    await bucket.delete(key);
  }
}

async function dropGeneration(bucket: R2Bucket, id: string): Promise<void> {
  const record = await readRecord(bucket, id);
  if (record !== null) await removeFromOwnerIndex(bucket, record);
  const folders = [`pictures/${id}/`, `generations/${id}/`];
  const pages = await Promise.all(folders.map((prefix) => bucket.list({ prefix })));
  const keys = pages.flatMap(({ objects }) => objects.map(({ key }) => key));
  await bucket.delete([...keys, jobKey(id)]);
}
