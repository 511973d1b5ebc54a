import type { Attempt } from "../image/record.ts";
import type { StoredPicture } from "../image/request.ts";
import { isObject } from "../json.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";
import { putJson, pagesOf } from "./objects.ts";
import type { Tick } from "./ticks.ts";

/** One accepted request, as plain data: what a job in R2 holds, and what the pipeline runs. */
export interface Generation {
  id: string;
  parsed: ParsedRequest;
  /** Name of the dialect that the request came in. */
  dialect: string;
  principal: string;
  /** Origin of the URLs in its record. */
  origin: string;
  /** When the request came, in milliseconds since the epoch. */
  receivedAt: number;
  /** Pictures that came with the request; deleted when the generation has ended. */
  uploads: readonly StoredPicture[];
  /** Calls to vendors in earlier tries. */
  attempts?: readonly Attempt[] | undefined;
  /** The tick of the schedule that it is generated for. */
  tick?: Tick | undefined;
}

/** A job's JSON: the names of the first release, which stored jobs keep. */
interface StoredJob extends Omit<Generation, "parsed" | "uploads"> {
  asked: Pick<ParsedRequest, "request" | "warnings" | "stream" | "fields"> & {
    assumed?: ParsedRequest["defaulted"];
    most?: ParsedRequest["maxSize"];
    as?: ParsedRequest["responseFormat"];
    preset?: { name: string; given: readonly string[] } | undefined;
  };
  hoisted: readonly StoredPicture[];
}

const PREFIX = "jobs/";
export const jobKey = (id: string) => `${PREFIX}${id}.json`;

/** Store a job. `due` is when its message will arrive, in milliseconds since the epoch; `resendStale` reads it. */
export async function putJob(bucket: R2Bucket, generation: Generation, due: number): Promise<void> {
  const job = encodeJob(generation);
  await putJson(bucket, jobKey(job.id), job, { customMetadata: { due: String(due) } });
}

/** Read a job; null if there is none, or one that cannot be read. */
export async function getJob(bucket: R2Bucket, id: string): Promise<Generation | null> {
  const object = await bucket.get(jobKey(id));
  const job = await object?.json<StoredJob | null>().catch((error: unknown) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  return job?.id === id && isObject(job.asked) && Array.isArray(job.hoisted) ? decodeJob(job) : null;
}

function encodeJob({ parsed, uploads, ...rest }: Generation): StoredJob {
  const { defaulted, maxSize, responseFormat, preset, ...same } = parsed;
  const given = preset && { name: preset.name, given: preset.setFields };
  return {
    ...rest,
    asked: { ...same, assumed: defaulted, most: maxSize, as: responseFormat, preset: given },
    hoisted: uploads,
  };
}

function decodeJob({ asked, hoisted, ...rest }: StoredJob): Generation {
  const { assumed, most, as, preset, ...same } = asked;
  const setFields = preset && { name: preset.name, setFields: preset.given };
  return {
    ...rest,
    parsed: { ...same, defaulted: assumed, maxSize: most, responseFormat: as, preset: setFields },
    uploads: hoisted,
  };
}

/** True until a job has ended: until then its reference pictures are needed. */
export async function isPending(bucket: R2Bucket, id: string): Promise<boolean> {
  return (await bucket.head(jobKey(id))) !== null;
}

/** Yield every job that has not ended, with the time at which its message was due, in milliseconds since the epoch. */
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
