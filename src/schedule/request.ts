import * as z from "zod/mini";
import type { Env, Config } from "../env.ts";
import { toGatewayError, type GatewayError, translateField, renameField, invalidField } from "../errors.ts";
import { selectCandidates } from "../models/candidates.ts";
import { validate } from "../generate/validate.ts";
import type { Principal } from "../access/authenticate.ts";
import { isObject } from "../json.ts";
import type { Schedule } from "../store/schedules.ts";
import { vendors } from "../vendors/index.ts";
import { parseWire } from "../vendors/request-schema.ts";
import type { ParsedRequest, Dialect } from "../vendors/vendor.ts";
import { localTime } from "./cron-times.ts";
import { checkVariables, fill, fillText } from "./variables.ts";

const dialects = new Map(
  vendors
    .flatMap(({ dialect }) => dialect ?? [])
    .toReversed()
    .map((dialect) => [dialect.name, dialect]),
);
/** In whose words a request without `dialect` is. */
const OWN = "easel";

/** As it came: what zod copies loses a field that is called __proto__, and then nobody refuses it. */
export const jsonObject = z.custom<Record<string, unknown>>(isObject, {
  error: ({ input }) => (input === undefined ? "is required" : "must be an object"),
});

const inDialect = z.strictObject({ dialect: z.enum([...dialects.keys()]), body: jsonObject });

/** What a schedule draws, of the schedule itself. */
type Drawing = Pick<Schedule, "request" | "rotate" | "timezone">;

/** What is asked at the tick `at`, the `count`th that is drawn. Throws what it cannot be drawn for, by the schedule's own field. */
export async function requestForTick(
  schedule: Drawing,
  at: number,
  count: number,
  owner: Principal,
  place: { env: Env; config: Config },
): Promise<{ asked: ParsedRequest; dialect: string }> {
  const { request, rotate = [], timezone } = schedule;
  const { dialect, body, path } = dialectOf(request);
  const values = { ...localTime(at, timezone), counter: String(count) };
  const item = rotate[(count - 1) % rotate.length];
  try {
    const wire = fill(body, { ...values, item: item && fillText(item, values) });
    const asked = await validate(dialect.decode(wire, [], new Headers()), owner, [], place);
    return { asked, dialect: dialect.name };
  } catch (thrown) {
    throw prefixField(path, dialect, toGatewayError(thrown));
  }
}

/** Throws where a schedule's request cannot be drawn, with any of its texts to rotate. */
export async function checkRequest(
  schedule: Drawing,
  now: number,
  owner: Principal,
  place: { env: Env; config: Config },
): Promise<void> {
  const { path, body, dialect } = dialectOf(schedule.request);
  checkVariables(body, path, schedule.rotate);
  for (let count = 1; count <= (schedule.rotate?.length ?? 1); count++) {
    const { asked } = await requestForTick(schedule, now, count, owner, place);
    try {
      if (asked.request.n > 1) throw invalidField("n", "must be 1: a tick is one picture");
      selectCandidates(asked, dialect.name, place);
    } catch (thrown) {
      throw prefixField(path, dialect, toGatewayError(thrown));
    }
  }
}

/** The dialect that a request is in, its body, and where in the schedule that is. */
function dialectOf(request: Record<string, unknown>): { dialect: Dialect; body: unknown; path: string } {
  let [name, body, path]: [string, unknown, string] = [OWN, request, "request"];
  if ("dialect" in request) {
    try {
      ({ dialect: name, body } = parseWire(inDialect, request));
    } catch (thrown) {
      throw prefixed("request", toGatewayError(thrown));
    }
    path = "request.body";
  }
  const dialect = dialects.get(name);
  if (dialect === undefined) throw new Error(`no dialect ${name}`);
  return { dialect, body, path };
}

/** The error in the words of the request's own dialect, and its field as the schedule's. */
function prefixField(path: string, dialect: Dialect, error: GatewayError): GatewayError {
  return prefixed(path, translateField(dialect, error));
}

function prefixed(path: string, error: GatewayError): GatewayError {
  return error.field === undefined ? error : renameField(error, `${path}.${error.field}`);
}
