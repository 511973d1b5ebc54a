import { JSON_TYPE, pagesOf, updateObject } from "./objects.ts";

/** A schedule as stored in R2, in one object: the request to generate, and its times. */
export interface Schedule extends ScheduleSummary {
  /** As received: `{dialect, body}`, or the canonical request. */
  request: Record<string, unknown>;
  /** Texts for `{{item}}`, used in rotation. */
  rotate?: string[] | undefined;
  /** Number of pictures to keep; absent: all. */
  keep?: number | undefined;
  /** The origin for the URLs in its records. */
  origin: string;
  /** ISO 8601. */
  createdAt: string;
  updatedAt: string;
}

/**
 * The fields that decide whether a schedule is due. They are also in the object's metadata, so that one listing is
 * enough.
 */
export interface ScheduleSummary {
  name: string;
  /** New for each schedule: data of a deleted schedule is never used for a later one of the same name. */
  id: string;
  /** The owner of the schedule and of the generations of its ticks. */
  principal: string;
  cron: string;
  timezone: string;
  enabled: boolean;
  /** The time from which these cron times apply, in milliseconds since the epoch; earlier ticks were not missed. */
  since: number;
}

/** Conflicts with other writers before the client gets a 409. */
const MAX_CONFLICTS = 5;

const PREFIX = "schedules/";
const scheduleKey = (name: string) => `${PREFIX}${name}.json`;

/** A schedule with its ETag, quoted as in HTTP. */
export interface StoredSchedule {
  schedule: Schedule;
  etag: string;
}

/** Read a schedule; null if there is none of this name. */
export async function getSchedule(bucket: R2Bucket, name: string): Promise<StoredSchedule | null> {
  const object = await bucket.get(scheduleKey(name));
  return object === null ? null : { schedule: await object.json<Schedule>(), etag: object.httpEtag };
}

/** Return the summary of a schedule from its metadata; null if there is none of this name. */
export async function getScheduleSummary(bucket: R2Bucket, name: string): Promise<ScheduleSummary | null> {
  const object = await bucket.head(scheduleKey(name));
  return object === null ? null : summaryOf(object);
}

/**
 * Create or change a schedule by compare-and-swap: `change` gets the current one and returns the new one, again if another
 * write came first. Throws what `change` throws, or ConflictError after several tries.
 */
export async function updateSchedule(
  bucket: R2Bucket,
  name: string,
  change: (found: StoredSchedule | null) => Promise<Schedule>,
): Promise<StoredSchedule & { isNew: boolean }> {
  const read = async () => {
    const found = await getSchedule(bucket, name);
    return { value: found, etag: found?.etag.replaceAll('"', "") };
  };
  const options = { read, maxConflicts: MAX_CONFLICTS };
  let written: { schedule: Schedule; isNew: boolean } | undefined;
  return updateObject(bucket, scheduleKey(name), options, async ({ value: found }, mayBeStored) => {
    // R2 has stored a write that it reported as failed: `change` would take it for another client's.
    if (mayBeStored && written !== undefined && isSame(written.schedule, found?.schedule))
      return { keep: { ...written, etag: found?.etag ?? "" } };
    const schedule = await change(found);
    const isNew = found === null;
    written = { schedule, isNew };
    const { id, cron, timezone, enabled, since, principal } = schedule;
    const customMetadata = { id, cron, timezone, enabled: String(enabled), since: String(since), principal };
    const result = ({ httpEtag }: R2Object) => ({ schedule, etag: httpEtag, isNew });
    return { write: schedule, options: { ...JSON_TYPE, customMetadata }, result };
  });
}

function isSame(written: Schedule, stored: Schedule | undefined): boolean {
  return JSON.stringify(written) === JSON.stringify(stored);
}

/** Delete a schedule; its ticks are deleted by deleteTicks. */
export async function deleteSchedule(bucket: R2Bucket, name: string): Promise<void> {
  await bucket.delete(scheduleKey(name));
}

/** List all schedules, in pages of up to a thousand. */
export async function* listSchedules(bucket: R2Bucket): AsyncGenerator<ScheduleSummary[]> {
  for await (const page of pagesOf(bucket, { prefix: PREFIX, include: ["customMetadata"] })) yield page.map(summaryOf);
}

function summaryOf({ key, customMetadata = {} }: R2Object): ScheduleSummary {
  const { id = "", principal = "", cron = "", timezone = "", enabled, since } = customMetadata;
  const name = key.slice(PREFIX.length, -".json".length);
  return { name, id, principal, cron, timezone, enabled: enabled === "true", since: Number(since) };
}
