import { invalidField } from "../errors.ts";
import { isName } from "../access/names.ts";
import { isStopped, upcomingTimes } from "../schedule/schedule.ts";
import { parseTick, formatTick } from "../schedule/tick.ts";
import { nextTimes } from "../schedule/cron-times.ts";
import { readClaim } from "../store/claims.ts";
import { awaitRecord } from "../store/records.ts";
import { type ScheduleSummary, getScheduleSummary } from "../store/schedules.ts";
import { type TickPicture, getTickPicture, listTickPictures, listTicks, ticks } from "../store/ticks.ts";
import { type AppContext, publicOrigin, pageSize } from "./context.ts";
import { allowAnyOrigin } from "./cors.ts";
import { notFound } from "./error-response.ts";
import { presentRecord } from "./generations.ts";
import { sendPicture } from "./pictures.ts";

/** Caches revalidate the latest picture after this time, or at the next tick. */
const LATEST_SECONDS = 60;
/** A past picture does not change, but may be pruned. */
const PAST_SECONDS = 3_600;
const DEFAULT_TICKS = 20;
const MAX_TICKS = 100;

/** Serve `GET /s/{name}`: the latest picture of a schedule, at a stable URL. The name is enough to view it. */
export async function serveLatest(c: AppContext): Promise<Response> {
  allowAnyOrigin(c);
  const schedule = await findSchedule(c, c.req.param("name"));
  const [latest] = schedule === null ? [] : await listTickPictures(c.env.BUCKET, schedule.id, 1);
  if (schedule === null || latest === undefined) return notFound(c, "There is no such picture, or not yet.");
  c.header("easel-tick", formatTick(latest.at));
  return sendPicture(c, latest.picture, `public, max-age=${maxAgeSeconds(schedule)}`);
}

/** Serve `GET /s/{name}/{tick}`: the picture of a past tick, at the URL listed in the history. */
export async function serveTick(c: AppContext): Promise<Response> {
  allowAnyOrigin(c);
  const at = parseTick(c.req.param("tick") ?? "");
  const schedule = at === undefined ? null : await findSchedule(c, c.req.param("name"));
  const past = schedule === null || at === undefined ? null : await getTickPicture(c.env.BUCKET, schedule.id, at);
  if (past === null) return notFound(c, "There is no picture of such a tick, or not any more.");
  c.header("easel-tick", formatTick(past.at));
  return sendPicture(c, past.picture, `public, max-age=${PAST_SECONDS}`);
}

/** Serve `GET /s/{name}.json?limit=&before=`: the ticks, latest first; `more` is the `before` of the next page. */
export async function serveHistory(c: AppContext): Promise<Response> {
  allowAnyOrigin(c);
  const schedule = await findSchedule(c, c.req.param("file")?.slice(0, -".json".length));
  if (schedule === null) return notFound(c, "There is no such schedule.");
  const limit = pageSize(c, DEFAULT_TICKS, MAX_TICKS);
  const beforeParam = c.req.query("before");
  const before = beforeParam === undefined ? undefined : parseTick(beforeParam);
  if (beforeParam !== undefined && before === undefined)
    throw invalidField("before", "must be a tick, as in 2027-01-31T12:00Z");
  const { BUCKET } = c.env;
  const { name, cron, timezone } = schedule;
  const [claimed, pictures, stopped] = await Promise.all([
    listTicks(BUCKET, schedule.id, limit, before),
    listTickPictures(BUCKET, schedule.id, limit, before),
    isStopped(schedule, c.env),
  ]);
  const pictureAt = new Map(pictures.map((picture) => [picture.at, picture]));
  const rows = await Promise.all(claimed.map((at) => tickRow(c, schedule, at, pictureAt.get(at))));
  const last = claimed.at(-1);
  c.header("cache-control", `public, max-age=${maxAgeSeconds(schedule)}`);
  return c.json({
    name,
    cron,
    timezone,
    next: upcomingTimes(schedule, Date.now(), stopped),
    latest: `${publicOrigin(c)}/s/${name}`,
    ticks: rows.filter((row) => row !== undefined),
    more: claimed.length < limit || last === undefined ? null : formatTick(last),
  });
}

/**
 * Return the state of a tick; undefined if nothing is left of it. It contains no prompt and no owner, because the
 * history is public.
 */
async function tickRow(c: AppContext, { name, id }: ScheduleSummary, at: number, stored: TickPicture | undefined) {
  const tick = formatTick(at);
  if (stored !== undefined) {
    const { type, width, height, bytes } = stored.picture;
    const url = `${publicOrigin(c)}/s/${name}/${tick}`;
    return { tick, status: "succeeded", generation: stored.generation, url, type, width, height, bytes };
  }
  const generation = (await readClaim(c.env.BUCKET, ticks.claim(id, at)))?.claim.generation ?? "";
  const record = await awaitRecord(c.env.BUCKET, generation);
  if (record === null) return undefined;
  const { status, error } = presentRecord(c, record);
  // The generation has ended, but its picture is not recorded for the tick yet.
  if (status === "succeeded") return { tick, status: "running", generation };
  return { tick, status, generation, ...(error && { error: error.code }) };
}

/** R2 is not read for an invalid name: a path may be longer than an R2 key. */
async function findSchedule(c: AppContext, name = ""): Promise<ScheduleSummary | null> {
  return isName(name) ? getScheduleSummary(c.env.BUCKET, name) : null;
}

/** Return the cache lifetime: it ends at the next tick at the latest. */
function maxAgeSeconds({ cron, timezone, enabled }: ScheduleSummary): number {
  const now = Date.now();
  const [next = Infinity] = enabled ? nextTimes(cron, timezone, now, 1) : [];
  return Math.min(LATEST_SECONDS, Math.floor((next - now) / 1000));
}
