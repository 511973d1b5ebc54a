import type { Attempt } from "../image/record.ts";
import type { StoredPicture } from "../image/request.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";
import { putJson, pagesOf } from "./objects.ts";
import type { Tick } from "./ticks.ts";

/** What a job is when nobody holds it: as JSON in R2, because a message has room for its id only. */
export interface StoredJob {
  id: string;
  asked: ParsedRequest;
  /** Name of the dialect it came in. */
  dialect: string;
  principal: string;
  /** Origin of the URLs in its record. */
  origin: string;
  /** When the request came, in milliseconds since the epoch. */
  receivedAt: number;
  /** Pictures that came with the request; dropped when the generation has ended. */
  hoisted: readonly StoredPicture[];
  /** Calls to vendors in tries that came to nothing. */
  attempts?: Attempt[] | undefined;
  /** The tick of a schedule that it is drawn for. */
  tick?: Tick | undefined;
}

const PREFIX = "jobs/";
export const jobKey = (id: string) => `${PREFIX}${id}.json`;

/** Notes when its message is to come; `resendStale` goes by that. */
export async function putJob(bucket: R2Bucket, job: StoredJob, due: number): Promise<void> {
  await putJson(bucket, jobKey(job.id), job, { customMetadata: { due: String(due) } });
}

/** The job; null where there is none any more, or none that can be read. */
export async function getJob(bucket: R2Bucket, id: string): Promise<StoredJob | null> {
  const object = await bucket.get(jobKey(id));
  const job = await object?.json<StoredJob | null>().catch((error: unknown) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  return job?.id === id ? job : null;
}

/** Whether it has not ended yet; what came with its request is still needed then. */
export async function isPending(bucket: R2Bucket, id: string): Promise<boolean> {
  return (await bucket.head(jobKey(id))) !== null;
}

/** Every job that has not ended, and when its message was to come, in milliseconds since the epoch. */
export async function* listPending(bucket: R2Bucket): AsyncGenerator<{ id: string; due: number }> {
  for await (const page of pagesOf(bucket, { prefix: PREFIX, include: ["customMetadata"] }))
    for (const { key, customMetadata, uploaded } of page) {
      const due = Number(customMetadata?.["due"] ?? uploaded.getTime());
      yield { id: key.slice(PREFIX.length).replace(/\.json$/, ""), due };
    }
}

export async function deleteJob(bucket: R2Bucket, id: string): Promise<void> {
  await bucket.delete(jobKey(id));
}
