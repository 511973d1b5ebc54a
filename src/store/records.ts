import type { ErrorDetail } from "../errors.ts";
import type { GenerationRecord } from "../image/record.ts";
import type { StoredPicture } from "../image/request.ts";
import { poll } from "../concurrency.ts";
import { retryOnce, putJson } from "./objects.ts";
import { isId, createdAtOf } from "./ids.ts";

/** A record as R2 has it: with its owner, and pictures by key, because URLs depend on the reader. */
export interface StoredRecord extends Omit<GenerationRecord, "images"> {
  principal: string;
  images: StoredPicture[];
  /** When the run began: after the upload, and after the queue. */
  startedAt?: string | undefined;
  /** What else its error says, for a client that repeats the request. */
  failure?: StoredFailure | undefined;
}

export interface StoredFailure extends Pick<ErrorDetail, "field" | "retryAfter" | "retryable"> {
  /** True if the request can be repeated without paying twice: no vendor was called, or none will charge. */
  uncharged: boolean;
}

/** A generation that ends sooner has no start record: it would be two writes that no client reads. */
export const START_RECORD_AFTER_MS = 1_000;
/** By then a running generation has a record. Until then a reader of its id waits: ids contain their time. */
const LATEST_START_RECORD_MS = 3_000;

/** Several objects per generation, because R2 accepts one write a second per key: of those that exist, the last state counts. */
const folderOf = (id: string) => `generations/${id}/`;
const queuedKey = (id: string) => `${folderOf(id)}queued.json`;
const startKey = (id: string) => `${folderOf(id)}start.json`;
export const endKey = (id: string) => `${folderOf(id)}end.json`;
/** Its upload time is the last heartbeat. */
const aliveKey = (id: string) => `${folderOf(id)}alive`;

/** Record that a generation waits in the queue. */
export function putQueued(bucket: R2Bucket, record: StoredRecord): Promise<unknown> {
  return putJson(bucket, queuedKey(record.id), record);
}

/** Undo `putQueued`, if the queue did not accept the message. */
export async function deleteQueued(bucket: R2Bucket, id: string): Promise<void> {
  await bucket.delete(queuedKey(id));
}

/** Record that a generation started: from now on a vendor may have been called. False if another run has started it. */
export async function putStart(bucket: R2Bucket, record: StoredRecord): Promise<boolean> {
  return (await putJson(bucket, startKey(record.id), record, { onlyIf: { etagDoesNotMatch: "*" } })) !== null;
}

/** Record how a generation ended: from now on its pictures are served. */
export function putEnd(bucket: R2Bucket, record: StoredRecord): Promise<unknown> {
  return putJson(bucket, endKey(record.id), record);
}

/**
 * Fence off a generation that has not started, with a start record that marks it so. Returns false if it has started, or
 * is fenced already.
 */
export async function fence(bucket: R2Bucket, record: StoredRecord): Promise<boolean> {
  const options = { onlyIf: { etagDoesNotMatch: "*" }, customMetadata: { disowned: "true" } };
  return (await retryOnce(() => putJson(bucket, startKey(record.id), record, options))) !== null;
}

/** Record a failure for a generation that no run will end. A generation that has ended, or has no record, stays unchanged. */
export async function putFailedIfUnfinished(
  bucket: R2Bucket,
  id: string,
  error: StoredRecord["error"],
  failure: StoredFailure,
): Promise<void> {
  const record = await readRecord(bucket, id);
  if (record === null) return;
  const failed = { ...record, status: "failed", error, failure, finishedAt: new Date().toISOString() } as const;
  await putJson(bucket, endKey(id), failed, { onlyIf: { etagDoesNotMatch: "*" } });
}

/** Delete the start record: no vendor generated anything, and the generation will be started again. */
export async function deleteStart(bucket: R2Bucket, id: string): Promise<void> {
  // A vendor may refuse within a second of the start record's write.
  await retryOnce(() => bucket.delete([startKey(id), aliveKey(id)]));
}

/** Show that the run of a generation is still alive. */
export async function heartbeat(bucket: R2Bucket, id: string): Promise<void> {
  await bucket.put(aliveKey(id), "");
}

/**
 * The state of a generation. `none` and `queued`: no run has started, or the last one was rolled back; nothing was charged.
 * `fenced`: none will start. `running`: the last heartbeat is younger than `leaseMs`. `lost`: it is older, and a vendor may
 * have been called.
 */
export type Lifecycle =
  | { state: "none" | "queued" | "fenced" | "running" | "lost" }
  | { state: "ended"; record: StoredRecord };

/** Read the state of a generation: one operation if it has ended, four if not. */
export async function lifecycleOf(bucket: R2Bucket, id: string, now: number, leaseMs: number): Promise<Lifecycle> {
  const end = await bucket.get(endKey(id));
  if (end !== null) return { state: "ended", record: await end.json<StoredRecord>() };
  const [start, alive, queued] = await Promise.all([
    bucket.head(startKey(id)),
    bucket.head(aliveKey(id)),
    bucket.head(queuedKey(id)),
  ]);
  if (start === null) return { state: queued === null ? "none" : "queued" };
  if (start.customMetadata?.["disowned"] !== undefined) return { state: "fenced" };
  const lastSign = Math.max(start.uploaded.getTime(), alive?.uploaded.getTime() ?? 0);
  return { state: now - lastSign < leaseMs ? "running" : "lost" };
}

/** Read a generation's record; null if there is none. Waits for the record of a generation that has just started. */
export async function awaitRecord(bucket: R2Bucket, id: string): Promise<StoredRecord | null> {
  if (!isId(id)) return null;
  const createdAt = createdAtOf(id);
  const look = async () => (await readRecord(bucket, id)) ?? (Date.now() < createdAt ? null : undefined);
  return (await poll(look, { firstMs: 100, deadline: createdAt + LATEST_START_RECORD_MS })) ?? null;
}

/** Read a generation's record, if it is written already. */
export async function readRecord(bucket: R2Bucket, id: string): Promise<StoredRecord | null> {
  const object =
    (await bucket.get(endKey(id))) ?? (await bucket.get(startKey(id))) ?? (await bucket.get(queuedKey(id)));
  return object === null ? null : await object.json<StoredRecord>();
}

/** Longer than the queue retries: a generation that has not started by then never will. */
export const MAX_QUEUED_MS = 24 * 60 * 60_000;

/** True for a record whose end is still to come. */
export function isUnfinished({ status }: Pick<StoredRecord, "status">): boolean {
  return status === "queued" || status === "running";
}

/**
 * The record as it must be by now: a generation that runs for longer than `maxRunMs` was lost with its isolate, and one that
 * has been queued for more than a day will not start.
 */
export function expireStale(record: StoredRecord, now: number, maxRunMs: number): StoredRecord {
  const { status, createdAt, startedAt = createdAt } = record;
  if (status === "queued" && now - Date.parse(createdAt) >= MAX_QUEUED_MS)
    return { ...record, status: "failed", error: QUEUE_TIMEOUT };
  if (status === "running" && now - Date.parse(startedAt) >= maxRunMs)
    return { ...record, status: "failed", error: LOST };
  return record;
}

export const LOST = {
  code: "internal",
  message: "The generation was lost before it ended; the vendor may have charged for it.",
};
export const FENCED = {
  code: "internal",
  message: "The generation was too slow to begin; another was drawn in its place.",
};
export const QUEUE_TIMEOUT = {
  code: "internal",
  message: "The generation was not taken from the queue within a day; nothing was drawn.",
};

/** Wait until a generation has ended, `ms` at most. */
export async function waitForEnd(bucket: R2Bucket, id: string, ms: number): Promise<void> {
  const look = async () => ((await bucket.head(endKey(id))) === null ? undefined : true);
  await poll(look, { firstMs: 250, growth: 1.5, maxMs: 1_000, deadline: Date.now() + ms });
}
