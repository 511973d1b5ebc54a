import { GatewayError, invalidField } from "../errors.ts";
import type { Principal } from "../access/authenticate.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { nameParam, withoutName } from "../access/names.ts";
import { isStopped, ownerOf, parseSchedule, presentSchedule } from "../schedule/schedule.ts";
import { checkRequest } from "../schedule/request.ts";
import { newId } from "../store/ids.ts";
import { ConflictError } from "../store/objects.ts";
import {
  deleteSchedule,
  getSchedule,
  listSchedules,
  type Schedule,
  type StoredSchedule,
  updateSchedule,
} from "../store/schedules.ts";
import { deleteTicks } from "../store/ticks.ts";
import { type AppContext, authenticateRequest, publicOrigin, configFor, runtimeOf } from "./context.ts";
import { etagMatches } from "./conditional.ts";
import { notFound } from "./error-response.ts";
import { jsonBody } from "./request-body.ts";
import { fingerprintMismatch } from "../generate/run-once.ts";
import { claimKeyOf, type Claim, acquireClaim, replaceClaim } from "../store/claims.ts";
import { runNow } from "../schedule/run-tick.ts";
import { readRecord } from "../store/records.ts";

const NONE = "There is no such schedule.";

/** `PUT /v1/schedules/{name}`: create a schedule (201) or replace it (200); with `If-Match` only that version of it. */
export async function replaceSchedule(c: AppContext): Promise<Response> {
  const principal = await authenticateRequest(c);
  const runtime = runtimeOf(c);
  new RequestLimits(c, runtime.config.limits).admitRequest(principal);
  const name = nameParam(c.req.param("name"));
  const now = Date.now();
  const input = parseSchedule(withoutName(await jsonBody(c), name), now);
  const change = async (found: StoredSchedule | null): Promise<Schedule> => {
    if (found !== null && !mayUse(principal, found.schedule)) rejectName(`${name} is taken by another key`);
    checkMatch(c, found?.etag);
    if (found === null) await checkCount(c, principal);
    // The owner, whose API key generates the pictures, stays; once that key is invalid, the client becomes the owner.
    const owner = (found && (await ownerOf(found.schedule, c.env))) ?? principal;
    await checkRequest(input, now, owner, runtime);
    const time = new Date(now).toISOString();
    const times = { since: now, createdAt: time, updatedAt: time };
    const schedule = { ...input, name, id: newId(now), principal: owner.id, origin: publicOrigin(c), ...times };
    return found === null ? schedule : continued(found.schedule, schedule);
  };
  const { schedule, etag, isNew } = await updateSchedule(c.env.BUCKET, name, change).catch((error: unknown) => {
    throw error instanceof ConflictError ? changedByOthers() : error;
  });
  c.header("etag", etag);
  if (isNew) c.status(201);
  return answerSchedule(c, schedule);
}

/** `GET /v1/schedules/{name}`: the schedule with its next times, for its owner. */
export async function serveSchedule(c: AppContext): Promise<Response> {
  const found = await ownSchedule(c, await authenticateRequest(c));
  if (found === undefined) return notFound(c, NONE);
  c.header("etag", found.etag);
  return answerSchedule(c, found.schedule, await isStopped(found.schedule, c.env));
}

/** `GET /v1/schedules`: the schedules of the API key by name; for the operator all. */
export async function serveSchedules(c: AppContext): Promise<Response> {
  const principal = await authenticateRequest(c);
  const data: object[] = [];
  for await (const page of listSchedules(c.env.BUCKET))
    for (const schedule of page) {
      const { name, cron, timezone, enabled } = schedule;
      if (mayUse(principal, schedule)) data.push({ name, cron, timezone, enabled });
    }
  c.header("cache-control", "no-store");
  return c.json({ object: "list", data });
}

/** `DELETE /v1/schedules/{name}`: end the schedule and its `/s/` URLs; each picture stays at its own URL. */
export async function removeSchedule(c: AppContext): Promise<Response> {
  const found = await ownSchedule(c, await authenticateRequest(c));
  if (found === undefined) return notFound(c, NONE);
  checkMatch(c, found.etag);
  await deleteSchedule(c.env.BUCKET, found.schedule.name);
  c.executionCtx.waitUntil(deleteTicks(c.env.BUCKET, found.schedule.id));
  return answerSchedule(c, { ...found.schedule, enabled: false });
}

/** The schedule in the path; undefined if it is another principal's. */
async function ownSchedule(c: AppContext, principal: Principal) {
  const found = await getSchedule(c.env.BUCKET, nameParam(c.req.param("name")));
  return found !== null && mayUse(principal, found.schedule) ? found : undefined;
}

function mayUse({ kind, id }: Principal, schedule: Pick<Schedule, "principal">): boolean {
  return kind === "admin" || schedule.principal === id;
}

/** A new version of a schedule. It keeps the id, and while its times are unchanged also their start, so no tick is missed. */
function continued({ id, createdAt, cron, timezone, enabled, since }: Schedule, next: Schedule): Schedule {
  const hasSameTimes = enabled && next.cron === cron && next.timezone === timezone;
  return { ...next, id, createdAt, since: hasSameTimes ? since : next.since };
}

function changedByOthers(): GatewayError {
  const message = "The schedule is being changed by others; try again.";
  return new GatewayError("invalid_request", message, { status: 409, retryAfter: 1, retryable: true });
}

/** A schedule is due once a minute at most, so a key's schedules together stay within its requests per minute. */
async function checkCount(c: AppContext, { id, key }: Principal): Promise<void> {
  if (key === undefined) return;
  const maxCount = key.perMinute ?? configFor(c).limits.keyPerMinute;
  let count = 0;
  for await (const page of listSchedules(c.env.BUCKET))
    count += page.filter(({ principal }) => principal === id).length;
  if (count >= maxCount) rejectName(`would be one more than the ${maxCount} schedules that this key may have`);
}

function checkMatch(c: AppContext, etag: string | undefined): void {
  const ifMatch = c.req.header("if-match");
  const isNamed = (tags: string | undefined) => etag !== undefined && etagMatches(tags, etag);
  if (ifMatch !== undefined && !isNamed(ifMatch))
    throw invalidField("If-Match", "is not the ETag of the schedule as it is now", { status: 412 });
  if (isNamed(c.req.header("if-none-match")))
    throw invalidField("If-None-Match", "asks that there be no such schedule, and there is one", { status: 412 });
}

function rejectName(reason: string): never {
  throw new GatewayError("forbidden", `name ${reason}.`, { field: "name" });
}

function answerSchedule(c: AppContext, schedule: Schedule, stopped = false): Response {
  c.header("cache-control", "no-store");
  return c.json(presentSchedule(schedule, publicOrigin(c), Date.now(), stopped));
}

/** `POST /v1/schedules/{name}/run`: start a manual tick, independent of the cron times; 202 with the URL of its record. */
export async function runSchedule(c: AppContext): Promise<Response> {
  const principal = await authenticateRequest(c);
  new RequestLimits(c, configFor(c).limits).admitRequest(principal);
  const found = await ownSchedule(c, principal);
  if (found === undefined) return notFound(c, NONE);
  const { schedule } = found;
  const candidate = { generation: newId(Date.now()), fingerprint: `run ${schedule.id}`, at: Date.now() };
  const key = claimKeyOf(c.req.raw.headers, principal.id);
  const claim = key === undefined ? candidate : await claimFor(c, key, candidate);
  if (claim.fingerprint !== candidate.fingerprint) throw fingerprintMismatch();
  const { generation } = claim;
  await runNow(schedule, generation, runtimeOf(c));
  c.header("easel-generation", generation);
  c.header("location", `/v1/generations/${generation}`);
  c.header("cache-control", "no-store");
  return c.json({ name: schedule.name, generation, latest: `${publicOrigin(c)}/s/${schedule.name}` }, 202);
}

/** The claim of an Idempotency-Key. An expired claim is replaced, and that of a failure without a charge. */
async function claimFor(c: AppContext, key: string, candidate: Claim): Promise<Claim> {
  const held = await acquireClaim(c.env.BUCKET, key, candidate);
  if (held.isOwner) return held.claim;
  const record = await readRecord(c.env.BUCKET, held.claim.generation);
  const isOver = candidate.at - held.claim.at >= configFor(c).limits.idempotencyMs;
  if (!isOver && record?.failure?.uncharged !== true) return held.claim;
  if (await replaceClaim(c.env.BUCKET, key, held.etag, candidate)) return candidate;
  return (await acquireClaim(c.env.BUCKET, key, candidate)).claim;
}
