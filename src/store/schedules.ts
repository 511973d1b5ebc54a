import { putJson, pagesOf } from "./objects.ts";

/** A schedule as R2 has it, in one object: what is to be drawn, and when. */
export interface Schedule extends ScheduleSummary {
  /** As it came: `{dialect, body}`, or the canonical request. */
  request: Record<string, unknown>;
  /** Texts for `{{item}}`, in turn. */
  rotate?: string[] | undefined;
  /** Pictures to keep; absent: all. */
  keep?: number | undefined;
  /** Origin of the URLs in its records. */
  origin: string;
  /** ISO 8601. */
  createdAt: string;
  updatedAt: string;
}

/** What tells whether a schedule is due: in its object's metadata too, so that a listing is all it takes to find out. */
export interface ScheduleSummary {
  name: string;
  /** Made anew for each schedule: nothing of one that was deleted is ever taken for that of a later one of its name. */
  id: string;
  /** Whose it is, and whose generations its ticks are. */
  principal: string;
  cron: string;
  timezone: string;
  enabled: boolean;
  /** Since when it is due at these times, in milliseconds since the epoch; nothing before was missed. */
  since: number;
}

const PREFIX = "schedules/";
const scheduleKey = (name: string) => `${PREFIX}${name}.json`;

/** A schedule with its ETag; null where there is none of this name. */
export async function getSchedule(
  bucket: R2Bucket,
  name: string,
): Promise<{ schedule: Schedule; etag: string } | null> {
  const object = await bucket.get(scheduleKey(name));
  return object === null ? null : { schedule: await object.json<Schedule>(), etag: object.httpEtag };
}

/** What of a schedule its metadata tells; null where there is none of this name. */
export async function getScheduleSummary(bucket: R2Bucket, name: string): Promise<ScheduleSummary | null> {
  const object = await bucket.head(scheduleKey(name));
  return object === null ? null : summaryOf(object);
}

/** Writes a schedule in the place of the one with `etag`, or where there is none; its ETag, or undefined where somebody was faster. */
export async function putSchedule(
  bucket: R2Bucket,
  schedule: Schedule,
  etag: string | undefined,
): Promise<string | undefined> {
  const { name, id, cron, timezone, enabled, since, principal } = schedule;
  const put = await putJson(bucket, scheduleKey(name), schedule, {
    onlyIf: etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: etag.replaceAll('"', "") },
    customMetadata: { id, cron, timezone, enabled: String(enabled), since: String(since), principal },
  });
  return put?.httpEtag;
}

/** Deletes a schedule; its ticks are dropTicks'. */
export async function deleteSchedule(bucket: R2Bucket, name: string): Promise<void> {
  await bucket.delete(scheduleKey(name));
}

/** All schedules, a page of up to a thousand at a time. */
export async function* listSchedules(bucket: R2Bucket): AsyncGenerator<ScheduleSummary[]> {
  for await (const page of pagesOf(bucket, { prefix: PREFIX, include: ["customMetadata"] })) yield page.map(summaryOf);
}

function summaryOf({ key, customMetadata = {} }: R2Object): ScheduleSummary {
  const { id = "", principal = "", cron = "", timezone = "", enabled, since } = customMetadata;
  const name = key.slice(PREFIX.length, -".json".length);
  return { name, id, principal, cron, timezone, enabled: enabled === "true", since: Number(since) };
}
