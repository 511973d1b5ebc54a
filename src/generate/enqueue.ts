import { GatewayError } from "../errors.ts";
import type { Answer } from "./generate.ts";
import { settleAll } from "../store/objects.ts";
import { deleteJob, putJob, type StoredJob } from "../store/jobs.ts";
import { removeFromOwnerIndex, addToOwnerIndex } from "../store/owner-index.ts";
import { deletePictures } from "../store/pictures.ts";
import { deleteQueued, putQueued, type StoredRecord } from "../store/records.ts";
import { endTick } from "../store/tick-retention.ts";
import { selectCandidates } from "../models/candidates.ts";
import type { Job } from "./generation.ts";
import { newRecord, publicRecord } from "./records.ts";

/** What goes through the queue. */
export interface JobMessage {
  generation: string;
}

/**
 * Puts a job into the queue, to be drawn whether or not anybody waits for it, and answers its record. Throws what it can
 * never be drawn for, or internal (503) where R2 or the queue refuses it; then nothing is left of it.
 */
export async function enqueue(job: Job): Promise<Answer> {
  const { id, asked, dialect, principal, origin, receivedAt, hoisted, tick, env } = job;
  try {
    // What nobody can draw is told at once.
    const [{ request }] = selectCandidates(asked, dialect, job);
    const record = { ...newRecord(job, "queued"), model: request.model };
    await submit(env, { id, asked, dialect, principal, origin, receivedAt, hoisted, tick }, record);
    return { record: publicRecord(record, origin) };
  } catch (error) {
    job.waitUntil(deletePictures(env.BUCKET, hoisted));
    throw error;
  }
}

async function submit({ BUCKET, QUEUE }: Job["env"], job: StoredJob, record: StoredRecord): Promise<void> {
  const { id } = job;
  try {
    // First: whoever finds a record relies on its job.
    await putJob(BUCKET, job, Date.now());
    await settleAll([putQueued(BUCKET, record), addToOwnerIndex(BUCKET, record)]);
    await send(QUEUE, id);
  } catch (cause) {
    await Promise.allSettled([deleteQueued(BUCKET, id), removeFromOwnerIndex(BUCKET, record), deleteJob(BUCKET, id)]);
    const message = "The request could not be queued; nothing was drawn.";
    throw new GatewayError("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
  }
}

/** Sends the message that has it drawn. More than one is no harm. */
export async function send(queue: Queue, id: string): Promise<void> {
  await queue.send({ generation: id } satisfies JobMessage, { contentType: "json" });
}

/** Removes what is not needed once its record has ended. */
export async function forget(bucket: R2Bucket, id: string, job: StoredJob | null): Promise<void> {
  if (job?.tick !== undefined) await endTick(bucket, job.tick, id);
  if (job !== null) await deletePictures(bucket, job.hoisted);
  await deleteJob(bucket, id);
}
