import { GatewayError, invalidField } from "../errors.ts";
import type { Principal } from "../access/authenticate.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { nameParam, withoutName } from "../access/names.ts";
import { isStopped, ownerOf, parseSchedule, presentSchedule } from "../schedule/schedule.ts";
import { checkRequest } from "../schedule/request.ts";
import { newId } from "../store/ids.ts";
import { deleteSchedule, getSchedule, listSchedules, putSchedule, type Schedule } from "../store/schedules.ts";
import { deleteTicks } from "../store/ticks.ts";
import { type AppContext, principalOf, publicOrigin, configFor, runtimeOf } from "./context.ts";
import { etagMatches } from "./conditional.ts";
import { notFound } from "./error-response.ts";
import { jsonBody } from "./request-body.ts";
import { fingerprintMismatch } from "../generate/run-once.ts";
import { claimKeyOf, type Claim, acquireClaim, replaceClaim } from "../store/claims.ts";
import { runNow } from "../schedule/run-tick.ts";
import { readRecord } from "../store/records.ts";

const NONE = "There is no such schedule.";
/** Somebody else may be writing the same one. */
const TRIES = 5;

/** `PUT /v1/schedules/{name}`: makes a schedule, or another of it: 201 or 200. With `If-Match` only of the one that is meant. */
export async function replaceSchedule(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  const config = configFor(c);
  new RequestLimits(c, config.limits).admitRequest(principal);
  const name = nameParam(c.req.param("name"));
  const now = Date.now();
  const terms = parseSchedule(withoutName(await jsonBody(c), name), now);
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await getSchedule(c.env.BUCKET, name);
    if (found !== null && !mayUse(principal, found.schedule)) refuseName(`${name} is taken by another key`);
    checkMatch(c, found?.etag);
    if (found === null) await checkCount(c, principal);
    // The owner stays, whose key it is drawn with; where that is good no longer, it is who takes the schedule up.
    const owner = (found && (await ownerOf(found.schedule, c.env))) ?? principal;
    await checkRequest(terms, now, owner, { env: c.env, config });
    const schedule = changed(found?.schedule, {
      ...terms,
      name,
      id: newId(now),
      principal: owner.id,
      origin: publicOrigin(c),
      since: now,
      createdAt: new Date(now).toISOString(),
      updatedAt: new Date(now).toISOString(),
    });
    const etag = await putSchedule(c.env.BUCKET, schedule, found?.etag);
    if (etag === undefined) continue;
    c.header("etag", etag);
    if (found === null) c.status(201);
    return answer(c, schedule);
  }
  const message = "The schedule is being changed by others; try again.";
  throw new GatewayError("invalid_request", message, { status: 409, retryAfter: 1, retryable: true });
}

/** `GET /v1/schedules/{name}`: for its owner, with its next times. */
export async function serveSchedule(c: AppContext): Promise<Response> {
  const found = await own(c, await principalOf(c));
  if (found === undefined) return notFound(c, NONE);
  c.header("etag", found.etag);
  return answer(c, found.schedule, await isStopped(found.schedule, c.env));
}

/** `GET /v1/schedules`: the caller's, by name; the operator sees all. */
export async function serveSchedules(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  const data: object[] = [];
  for await (const page of listSchedules(c.env.BUCKET))
    for (const due of page) {
      const { name, cron, timezone, enabled } = due;
      if (mayUse(principal, due)) data.push({ name, cron, timezone, enabled });
    }
  c.header("cache-control", "no-store");
  return c.json({ object: "list", data });
}

/** `DELETE /v1/schedules/{name}`: it draws no more and its URLs are gone; its pictures stay, each at its own. */
export async function removeSchedule(c: AppContext): Promise<Response> {
  const found = await own(c, await principalOf(c));
  if (found === undefined) return notFound(c, NONE);
  checkMatch(c, found.etag);
  await deleteSchedule(c.env.BUCKET, found.schedule.name);
  c.executionCtx.waitUntil(deleteTicks(c.env.BUCKET, found.schedule.id));
  return answer(c, { ...found.schedule, enabled: false });
}

/** The schedule in the path; undefined where it is not the principal's. */
async function own(c: AppContext, principal: Principal) {
  const found = await getSchedule(c.env.BUCKET, nameParam(c.req.param("name")));
  return found !== null && mayUse(principal, found.schedule) ? found : undefined;
}

function mayUse({ kind, id }: Principal, schedule: Pick<Schedule, "principal">): boolean {
  return kind === "admin" || schedule.principal === id;
}

/** What of the schedule before it stays: what it drew, and what is due where its times are the same. */
function changed(before: Schedule | undefined, schedule: Schedule): Schedule {
  if (before === undefined) return schedule;
  const { id, createdAt, cron, timezone, enabled, since } = before;
  const goesOn = enabled && schedule.cron === cron && schedule.timezone === timezone;
  return { ...schedule, id, createdAt, since: goesOn ? since : schedule.since };
}

/** Each of them is due once a minute at most, so that together they draw no more than their key's bucket holds. */
async function checkCount(c: AppContext, { id, key }: Principal): Promise<void> {
  if (key === undefined) return;
  const most = key.perMinute ?? configFor(c).limits.keyPerMinute;
  let count = 0;
  for await (const page of listSchedules(c.env.BUCKET))
    count += page.filter(({ principal }) => principal === id).length;
  if (count >= most) refuseName(`would be one more than the ${most} schedules that this key may have`);
}

function checkMatch(c: AppContext, etag: string | undefined): void {
  const wanted = c.req.header("if-match");
  const there = (tags: string | undefined) => etag !== undefined && etagMatches(tags, etag);
  if (wanted !== undefined && !there(wanted))
    throw invalidField("If-Match", "is not the ETag of the schedule as it is now", { status: 412 });
  if (there(c.req.header("if-none-match")))
    throw invalidField("If-None-Match", "asks that there be no such schedule, and there is one", { status: 412 });
}

function refuseName(says: string): never {
  throw new GatewayError("forbidden", `name ${says}.`, { field: "name" });
}

function answer(c: AppContext, schedule: Schedule, stopped = false): Response {
  c.header("cache-control", "no-store");
  return c.json(presentSchedule(schedule, publicOrigin(c), Date.now(), stopped));
}

/** `POST /v1/schedules/{name}/run`: a tick now, which the next times do not depend on; 202 and where its record is. */
export async function runSchedule(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  new RequestLimits(c, configFor(c).limits).admitRequest(principal);
  const found = await own(c, principal);
  if (found === undefined) return notFound(c, NONE);
  const { schedule } = found;
  const offered = { generation: newId(Date.now()), fingerprint: `run ${schedule.id}`, at: Date.now() };
  const key = claimKeyOf(c.req.raw.headers, principal.id);
  const claim = key === undefined ? offered : await claimFor(c, key, offered);
  if (claim.fingerprint !== offered.fingerprint) throw fingerprintMismatch();
  const { generation } = claim;
  await runNow(schedule, generation, runtimeOf(c));
  c.header("easel-generation", generation);
  c.header("location", `/v1/generations/${generation}`);
  c.header("cache-control", "no-store");
  return c.json({ name: schedule.name, generation, latest: `${publicOrigin(c)}/s/${schedule.name}` }, 202);
}

/** The claim that holds for an Idempotency-Key: an old one has had its day, and one of a failure without a charge too. */
async function claimFor(c: AppContext, key: string, offered: Claim): Promise<Claim> {
  const held = await acquireClaim(c.env.BUCKET, key, offered);
  if (held.isOwner) return held.claim;
  const record = await readRecord(c.env.BUCKET, held.claim.generation);
  const isOver = offered.at - held.claim.at >= configFor(c).limits.idempotencyMs;
  if (!isOver && record?.failure?.uncharged !== true) return held.claim;
  if (await replaceClaim(c.env.BUCKET, key, held.etag, offered)) return offered;
  return (await acquireClaim(c.env.BUCKET, key, offered)).claim;
}
