import { readClaim } from "./claims.ts";
import { jobKey } from "./jobs.ts";
import { removeFromOwnerIndex } from "./owner-index.ts";
import { getRecord, readRecord } from "./records.ts";
import { getSchedule } from "./schedules.ts";
import { listTickPictures, listTicks, putTickPicture, type Tick, ticks } from "./ticks.ts";

/** At one tick; what is left is the next one's. Each takes a few of the operations that a Worker may do. */
const BATCH_SIZE = 50;
/** So long is a tick remembered whose picture is gone: an event that comes as late as this is of no tick any more. */
const CLAIM_RETENTION_MS = 24 * 60 * 60_000;

/** Notes what a tick came to, once its record has ended; it may be called again. A failure leaves the last picture where it is. */
export async function endTick(bucket: R2Bucket, { name, schedule: id, at }: Tick, generation: string): Promise<void> {
  const record = await getRecord(bucket, generation);
  const [picture] = record?.images ?? [];
  const stored = picture === undefined ? null : await getSchedule(bucket, name);
  // Deleted while it was drawn: the picture stays its owner's, at its own URL.
  if (picture === undefined || stored?.schedule.id !== id) return;
  await putTickPicture(bucket, id, { at, generation, picture });
  const { keep } = stored.schedule;
  if (keep !== undefined) await pruneTicks(bucket, id, keep, at);
}

/**
 * Keeps the latest `keep` pictures of a schedule, by its id: of the ticks before them goes all that was drawn, records too.
 * The claim stays for another day, empty, so that none is drawn again. `now` is the latest tick.
 */
async function pruneTicks(bucket: R2Bucket, schedule: string, keep: number, now: number): Promise<void> {
  const kept = await listTickPictures(bucket, schedule, keep);
  const oldest = kept.length < keep ? undefined : kept.at(-1)?.at;
  if (oldest === undefined) return;
  for (const { at, generation } of await listTickPictures(bucket, schedule, BATCH_SIZE, oldest)) {
    // First, or a late event would find it as good as never drawn.
    await bucket.put(ticks.claim(schedule, at), JSON.stringify({ generation: "", fingerprint: "", at: Date.now() }));
    await dropGeneration(bucket, generation);
    await bucket.delete(ticks.mark(schedule, at));
  }
  for (const at of await listTicks(bucket, schedule, BATCH_SIZE, Math.min(oldest, now - CLAIM_RETENTION_MS))) {
    const key = ticks.claim(schedule, at);
    const state = await readClaim(bucket, key);
    // Of one that failed the record is still there.
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
