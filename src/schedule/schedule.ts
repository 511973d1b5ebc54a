import * as z from "zod/mini";
import type { Principal } from "../access/authenticate.ts";
import { invalidReason } from "../access/keys.ts";
import type { Env } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { isObject } from "../json.ts";
import { findKey } from "../store/api-keys.ts";
import type { Schedule, ScheduleSummary } from "../store/schedules.ts";
import { optional, parseWire } from "../vendors/request-schema.ts";
import { validateCron } from "./cron-syntax.ts";
import { nextTimes } from "./cron-times.ts";
import { jsonObject } from "./request.ts";
import { canonicalZone, similarZones } from "./timezone.ts";

const DEFAULT_ZONE = "UTC";
/** The number of future times in a response. */
const NEXT_TIMES_SHOWN = 5;
/** Fields that only responses have; a response may be sent back unchanged. */
const READ_ONLY_FIELDS = ["createdAt", "updatedAt", "next", "stopped", "latest", "history"];
const STOPPED_REASON = "The key that it draws with was revoked or has expired; the operator takes it up by PUT.";

const IANA_NAME = "must be an IANA name, as in Europe/Berlin";

const scheduleWire = z.strictObject({
  cron: z.string().check(z.maxLength(200, "must have at most 200 characters")),
  timezone: optional(z.string().check(z.minLength(1, IANA_NAME), z.maxLength(64, IANA_NAME))),
  request: jsonObject,
  rotate: optional(z.array(z.string()).check(z.minLength(1, "must have at least one text"), z.maxLength(366))),
  // Not z.int(): its error would name bounds of its own, which mean nothing here.
  keep: optional(
    z.number().check(z.minimum(1), z.maximum(1_000), z.refine(Number.isInteger, "must be a whole number")),
  ),
  enabled: optional(z.boolean()),
});

/** The fields of a schedule that a client sets. */
export type ScheduleInput = Pick<Schedule, "cron" | "timezone" | "request" | "rotate" | "keep" | "enabled">;

/** Parse a schedule from JSON; its request is parsed by requestForTick. Throws invalid_request. */
export function parseSchedule(wire: unknown, now: number): ScheduleInput {
  const {
    cron: line,
    timezone: name = DEFAULT_ZONE,
    enabled = true,
    ...terms
  } = parseWire(scheduleWire, withoutReadOnlyFields(wire));
  const fault = validateCron(line);
  if (fault !== undefined) rejectField("cron", `cron: ${fault}.`);
  const timezone = canonicalZone(name);
  if (timezone === undefined) {
    const similar = similarZones(name);
    const hint = similar.length === 0 ? `it ${IANA_NAME}` : `near it are ${similar.join(", ")}`;
    return rejectField("timezone", `timezone ${name} is not known; ${hint}.`);
  }
  const cron = line.trim().replace(/\s+/g, " ");
  if (nextTimes(cron, timezone, now, 1).length === 0)
    rejectField("cron", `cron: ${cron} never comes: no month that it names has such a day.`);
  return { cron, timezone, enabled, ...terms };
}

/** Return a schedule as its owner sees it, with its next times, or the reason why there are none. */
export function presentSchedule(schedule: Schedule, origin: string, now: number, stopped: boolean) {
  const { name, cron, timezone, request, rotate, keep, enabled, createdAt, updatedAt } = schedule;
  const url = `${origin}/s/${name}`;
  return {
    name,
    cron,
    timezone,
    request,
    rotate,
    keep: keep ?? null,
    enabled,
    createdAt,
    updatedAt,
    next: upcomingTimes(schedule, now, stopped),
    stopped: stopped ? STOPPED_REASON : null,
    latest: url,
    history: `${url}.json`,
  };
}

/** Return the next times, in ISO 8601 and UTC; none while the schedule is disabled or stopped. */
export function upcomingTimes(
  { cron, timezone, enabled }: Pick<Schedule, "cron" | "timezone" | "enabled">,
  now: number,
  stopped: boolean,
) {
  return enabled && !stopped
    ? nextTimes(cron, timezone, now, NEXT_TIMES_SHOWN).map((time) => new Date(time).toISOString())
    : [];
}

/** Return a request body without the fields that only responses have. */
function withoutReadOnlyFields(wire: unknown): unknown {
  if (!isObject(wire)) return wire;
  return Object.fromEntries(Object.entries(wire).filter(([name]) => !READ_ONLY_FIELDS.includes(name)));
}

function rejectField(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}

type HasPrincipal = Pick<ScheduleSummary, "principal">;

/**
 * Return the principal that a schedule generates for; undefined if its key is no longer valid, which stops the
 * schedule.
 */
export async function ownerOf({ principal }: HasPrincipal, { KV }: Pick<Env, "KV">): Promise<Principal | undefined> {
  if (principal === "admin") return { id: principal, kind: "admin" };
  const now = Date.now();
  const key = await findKey(KV, principal, now);
  return key === null || invalidReason(key, now) !== undefined ? undefined : { id: principal, kind: key.kind, key };
}

/**
 * Check whether a schedule is stopped because its key is no longer valid. If keys cannot be read, it counts as running.
 */
export async function isStopped(schedule: HasPrincipal, env: Pick<Env, "KV">): Promise<boolean> {
  return (await ownerOf(schedule, env).catch(() => schedule)) === undefined;
}
