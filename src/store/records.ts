import type { ErrorDetail } from "../errors.ts";
import type { GenerationRecord } from "../image/record.ts";
import type { StoredPicture } from "../image/request.ts";
import { retryOnce, putJson } from "./objects.ts";
import { isId, createdAtOf } from "./ids.ts";

/** A record as R2 has it: whose it is, and pictures by key, since URLs depend on who asks. */
export interface StoredRecord extends Omit<GenerationRecord, "images"> {
  principal: string;
  images: StoredPicture[];
  /** When it left the queue, or as `createdAt` where it was in none. */
  startedAt?: string | undefined;
  /** What else its error says, for whoever asks the same again. */
  failure?: StoredFailure | undefined;
}

export interface StoredFailure extends Pick<ErrorDetail, "field" | "retryAfter" | "retryable"> {
  /** Whether the same may be drawn after all without paying twice: no vendor was asked, or will charge. */
  uncharged: boolean;
}

/** A generation that ends sooner has no start record: two writes that nobody would read. */
export const START_RECORD_AFTER_MS = 1_000;
/** By then a generation that runs has been noted; until then whoever has its id waits, since ids tell their age. */
const LATEST_START_RECORD_MS = 3_000;
const POLL_MSOfRecords = 100;

/** Several keys, because R2 takes one write a second per key: the last that is there counts. */
const folder = (id: string) => `generations/${id}/`;
const queuedKey = (id: string) => `${folder(id)}queued.json`;
const startKey = (id: string) => `${folder(id)}start.json`;
export const endKey = (id: string) => `${folder(id)}end.json`;
/** Touched now and then by whoever draws it. */
const aliveKey = (id: string) => `${folder(id)}alive`;

/** Notes that a generation waits in the queue. */
export function putQueued(bucket: R2Bucket, record: StoredRecord): Promise<unknown> {
  return putJson(bucket, queuedKey(record.id), record);
}

/** Takes it back: it could not be queued. */
export async function deleteQueued(bucket: R2Bucket, id: string): Promise<void> {
  await bucket.delete(queuedKey(id));
}

/** Notes that a generation began; from here on a vendor may have been asked. False where somebody else has begun it. */
export async function putStart(bucket: R2Bucket, record: StoredRecord): Promise<boolean> {
  return (await putJson(bucket, startKey(record.id), record, { onlyIf: { etagDoesNotMatch: "*" } })) !== null;
}

/** Notes how it ended; from here on its pictures can be seen. */
export function putEnd(bucket: R2Bucket, record: StoredRecord): Promise<unknown> {
  return putJson(bucket, endKey(record.id), record);
}

/** Keeps a generation that has not begun from beginning; false where it has begun, or is kept from it already. */
export async function fence(bucket: R2Bucket, record: StoredRecord): Promise<boolean> {
  const options = { onlyIf: { etagDoesNotMatch: "*" }, customMetadata: { disowned: "true" } };
  return (await retryOnce(() => putJson(bucket, startKey(record.id), record, options))) !== null;
}

/** Ends as failed what nobody else will end; what has ended, or was never noted, stays as it is. */
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

/** Takes the start back: no vendor drew anything, and it is to be begun again. */
export async function deleteStart(bucket: R2Bucket, id: string): Promise<void> {
  // A vendor may refuse within the second in which the start was written.
  await retryOnce(() => bucket.delete([startKey(id), aliveKey(id)]));
}

/** Shows that whoever draws it is still there. */
export async function heartbeat(bucket: R2Bucket, id: string): Promise<void> {
  await bucket.put(aliveKey(id), "");
}

/**
 * How far a generation with an owner is: `none` or `queued` where no vendor was asked yet, `disowned` where none will be,
 * `lost` where one may have been, and its owner gave no sign for `leaseMs`.
 */
export async function lifecycleOf(
  bucket: R2Bucket,
  id: string,
  now: number,
  leaseMs: number,
): Promise<{ at: "none" | "queued" | "disowned" | "running" | "lost" } | { at: "ended"; record: StoredRecord }> {
  const [end, start, alive, queued] = await Promise.all([
    bucket.get(endKey(id)),
    bucket.head(startKey(id)),
    bucket.head(aliveKey(id)),
    bucket.head(queuedKey(id)),
  ]);
  if (end !== null) return { at: "ended", record: await end.json<StoredRecord>() };
  if (start === null) return { at: queued === null ? "none" : "queued" };
  if (start.customMetadata?.["disowned"] !== undefined) return { at: "disowned" };
  const sign = Math.max(start.uploaded.getTime(), alive?.uploaded.getTime() ?? 0);
  return { at: now - sign < leaseMs ? "running" : "lost" };
}

/** The record as it stands; null if there is none. One that may not be noted yet is waited for. */
export async function getRecord(bucket: R2Bucket, id: string): Promise<StoredRecord | null> {
  if (!isId(id)) return null;
  for (;;) {
    const record = await readRecord(bucket, id);
    const age = Date.now() - createdAtOf(id);
    if (record !== null || age < 0 || age > LATEST_START_RECORD_MS) return record;
    await scheduler.wait(POLL_MSOfRecords);
  }
}

/** The record as it stands, if it is noted already. */
export async function readRecord(bucket: R2Bucket, id: string): Promise<StoredRecord | null> {
  const object =
    (await bucket.get(endKey(id))) ?? (await bucket.get(startKey(id))) ?? (await bucket.get(queuedKey(id)));
  return object === null ? null : await object.json<StoredRecord>();
}

/** Longer than the queue keeps trying; what nobody has begun by then is given up. */
export const MAX_QUEUED_MS = 24 * 60 * 60_000;

/** Whether its end is still to come. */
export function isUnfinished({ status }: Pick<StoredRecord, "status">): boolean {
  return status === "queued" || status === "running";
}

/**
 * The record as it must be by now: a generation that never ended within `longestMs` was lost with its isolate, and one that
 * waits longer than a day will not be begun.
 */
export function expireStale(record: StoredRecord, now: number, longestMs: number): StoredRecord {
  const { status, createdAt, startedAt = createdAt } = record;
  if (status === "queued" && now - Date.parse(createdAt) >= MAX_QUEUED_MS)
    return { ...record, status: "failed", error: QUEUE_TIMEOUT };
  if (status === "running" && now - Date.parse(startedAt) >= longestMs)
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

/** Between two looks: longer each time. */
const POLL_MSOfWait = { first: 250, longest: 1_000, growth: 1.5 };

/** Waits until a generation has ended, `ms` at most. */
export async function waitForEnd(bucket: R2Bucket, id: string, ms: number): Promise<void> {
  const until = Date.now() + ms;
  for (let pauseMs = POLL_MSOfWait.first; ; pauseMs = Math.min(POLL_MSOfWait.longest, pauseMs * POLL_MSOfWait.growth)) {
    const left = until - Date.now();
    if (left <= 0 || (await bucket.head(endKey(id))) !== null) return;
    await scheduler.wait(Math.min(pauseMs, left));
  }
}
