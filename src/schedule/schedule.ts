import type { Env } from "../env.ts";
import type { Principal } from "../access/authenticate.ts";
import { invalidReason } from "../access/keys.ts";
import { findKey } from "../store/api-keys.ts";
import type { ScheduleSummary, Schedule } from "../store/schedules.ts";
import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import { isObject } from "../json.ts";
import { optional, parseWire } from "../vendors/request-schema.ts";
import { validateCron } from "./cron-syntax.ts";
import { jsonObject } from "./request.ts";
import { nextTimes } from "./cron-times.ts";
import { nearZones, zoneOf } from "./timezone.ts";

type Owned = Pick<ScheduleSummary, "principal">;

/** Who a schedule draws for; undefined where the key is good no longer: what it began must end with it. */
export async function ownerOf({ principal }: Owned, { KV }: Pick<Env, "KV">): Promise<Principal | undefined> {
  if (principal === "admin") return { id: principal, kind: "admin" };
  const now = Date.now();
  const key = await findKey(KV, principal, now);
  return key === null || invalidReason(key, now) !== undefined ? undefined : { id: principal, kind: key.kind, key };
}

/** Whether it draws nothing because its key is good no longer. While keys cannot be looked up, nobody knows: it is taken for good. */
export async function isStopped(owned: Owned, env: Pick<Env, "KV">): Promise<boolean> {
  return (await ownerOf(owned, env).catch(() => owned)) === undefined;
}

const DEFAULT_ZONE = "UTC";
/** How many times to come an answer shows. */
const NEXT_TIMES_SHOWN = 5;
/** What an answer has besides: it may be sent back as it came. */
const READ_ONLY_FIELDS = ["createdAt", "updatedAt", "next", "stopped", "latest", "history"];
const STOPPED = "The key that it draws with was revoked or has expired; the operator takes it up by PUT.";

const IANA = "must be an IANA name, as in Europe/Berlin";

const scheduleWire = z.strictObject({
  cron: z.string().check(z.maxLength(200, "must have at most 200 characters")),
  timezone: optional(z.string().check(z.minLength(1, IANA), z.maxLength(64, IANA))),
  request: jsonObject,
  rotate: optional(z.array(z.string()).check(z.minLength(1, "must have at least one text"), z.maxLength(366))),
  // An int would have bounds of its own, which say nothing here.
  keep: optional(
    z.number().check(z.minimum(1), z.maximum(1_000), z.refine(Number.isInteger, "must be a whole number")),
  ),
  enabled: optional(z.boolean()),
});

/** What a client says of a schedule. */
export type ScheduleInput = Pick<Schedule, "cron" | "timezone" | "request" | "rotate" | "keep" | "enabled">;

/** Reads a schedule as JSON has it; its request is askedAt's to read. Throws invalid_request. */
export function parseSchedule(wire: unknown, now: number): ScheduleInput {
  const {
    cron: line,
    timezone: name = DEFAULT_ZONE,
    enabled = true,
    ...terms
  } = parseWire(scheduleWire, withoutReadOnlyFields(wire));
  const fault = validateCron(line);
  if (fault !== undefined) refuse("cron", `cron: ${fault}.`);
  const timezone = zoneOf(name);
  if (timezone === undefined) {
    const near = nearZones(name);
    const meant = near.length === 0 ? `it ${IANA}` : `near it are ${near.join(", ")}`;
    return refuse("timezone", `timezone ${name} is not known; ${meant}.`);
  }
  const cron = line.trim().replace(/\s+/g, " ");
  if (nextTimes(cron, timezone, now, 1).length === 0)
    refuse("cron", `cron: ${cron} never comes: no month that it names has such a day.`);
  return { cron, timezone, enabled, ...terms };
}

/** A schedule as its owner sees it, with its next times, or why there are none. */
export function scheduleWireOf(schedule: Schedule, origin: string, now: number, stopped: boolean) {
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
    next: timesToCome(schedule, now, stopped),
    stopped: stopped ? STOPPED : null,
    latest: url,
    history: `${url}.json`,
  };
}

/** Its next times, in ISO 8601 and UTC; none while it is not enabled, or stopped with its key. */
export function timesToCome(
  { cron, timezone, enabled }: Pick<Schedule, "cron" | "timezone" | "enabled">,
  now: number,
  stopped: boolean,
) {
  return enabled && !stopped
    ? nextTimes(cron, timezone, now, NEXT_TIMES_SHOWN).map((time) => new Date(time).toISOString())
    : [];
}

/** What a client says itself, of a body that may be an earlier answer. */
function withoutReadOnlyFields(wire: unknown): unknown {
  if (!isObject(wire)) return wire;
  return Object.fromEntries(Object.entries(wire).filter(([name]) => !READ_ONLY_FIELDS.includes(name)));
}

function refuse(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}
