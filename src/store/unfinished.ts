import type { StoredRecord } from "./records.ts";

/** Longer than the queue keeps trying; what nobody has begun by then is given up. */
export const QUEUED_LONGEST_MS = 24 * 60 * 60_000;

/** Whether its end is still to come. */
export function isUnfinished({ status }: Pick<StoredRecord, "status">): boolean {
  return status === "queued" || status === "running";
}

/**
 * The record as it must be by now: a generation that never ended within `longestMs` was lost with its isolate, and one that
 * waits longer than a day will not be begun.
 */
export function asOf(record: StoredRecord, now: number, longestMs: number): StoredRecord {
  const { status, createdAt, startedAt = createdAt } = record;
  if (status === "queued" && now - Date.parse(createdAt) >= QUEUED_LONGEST_MS)
    return { ...record, status: "failed", error: NEVER_TAKEN };
  if (status === "running" && now - Date.parse(startedAt) >= longestMs)
    return { ...record, status: "failed", error: LOST };
  return record;
}

export const LOST = {
  code: "internal",
  message: "The generation was lost before it ended; the vendor may have charged for it.",
};
export const DISOWNED = {
  code: "internal",
  message: "The generation was too slow to begin; another was drawn in its place.",
};
export const NEVER_TAKEN = {
  code: "internal",
  message: "The generation was not taken from the queue within a day; nothing was drawn.",
};
