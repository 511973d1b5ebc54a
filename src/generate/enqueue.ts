import { GatewayError } from "../errors.ts";
import { type Candidates, selectCandidates } from "../models/candidates.ts";
import { deleteJob, type Generation, putJob } from "../store/jobs.ts";
import { settleAll } from "../store/objects.ts";
import { addToOwnerIndex, removeFromOwnerIndex } from "../store/owner-index.ts";
import { deletePictures } from "../store/pictures.ts";
import { deleteQueued, putQueued, type StoredRecord } from "../store/records.ts";
import { recordTickPicture } from "../store/tick-retention.ts";
import type { GenerationResult } from "./generate.ts";
import type { Runtime } from "./runtime.ts";
import { newRecord, withUrls } from "./records.ts";

/** A message of the queue. */
export interface JobMessage {
  generation: string;
}

/**
 * Put a generation into the queue as a job and return its record. Throws if no vendor can serve it, or internal (503) if R2
 * or the queue does not accept it; then nothing is left of it.
 */
export async function enqueue(
  generation: Generation,
  runtime: Runtime,
  selected?: Candidates,
): Promise<GenerationResult> {
  const { parsed, dialect, origin, uploads } = generation;
  try {
    // A request that no vendor can serve is rejected now.
    const [{ request }] = selected ?? selectCandidates(parsed, dialect, runtime);
    const record = { ...newRecord(generation, "queued"), model: request.model };
    await submit(runtime.env, generation, record);
    return { record: withUrls(record, origin) };
  } catch (error) {
    runtime.waitUntil(deletePictures(runtime.env.BUCKET, uploads));
    throw error;
  }
}

async function submit({ BUCKET, QUEUE }: Runtime["env"], generation: Generation, record: StoredRecord): Promise<void> {
  const { id } = generation;
  try {
    // The job first: a reader of the record relies on it.
    await putJob(BUCKET, generation, Date.now());
    await settleAll([putQueued(BUCKET, record), addToOwnerIndex(BUCKET, record)]);
    await sendMessage(QUEUE, id);
  } catch (cause) {
    await Promise.allSettled([deleteQueued(BUCKET, id), removeFromOwnerIndex(BUCKET, record), deleteJob(BUCKET, id)]);
    const message = "The request could not be queued; nothing was drawn.";
    throw new GatewayError("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
  }
}

/** Send the message of a job. A second message does no harm. */
export async function sendMessage(queue: Queue, id: string): Promise<void> {
  await queue.send({ generation: id } satisfies JobMessage, { contentType: "json" });
}

/** Delete a job whose generation has ended, with its reference pictures, and complete its tick. */
export async function cleanUpJob(bucket: R2Bucket, id: string, job: Generation | null): Promise<void> {
  if (job?.tick !== undefined) await recordTickPicture(bucket, job.tick, id);
  if (job !== null) await deletePictures(bucket, job.uploads);
  await deleteJob(bucket, id);
}
