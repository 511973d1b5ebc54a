import * as z from "zod/mini";
import { toGatewayError, type GatewayError, translateField, renameField, invalidField } from "../errors.ts";
import { selectCandidates } from "../models/candidates.ts";
import type { Runtime } from "../generate/runtime.ts";
import { validate } from "../generate/validate.ts";
import type { Principal } from "../access/authenticate.ts";
import { isObject } from "../json.ts";
import type { Schedule } from "../store/schedules.ts";
import { vendors } from "../vendors/index.ts";
import { parseWire } from "../vendors/request-schema.ts";
import type { ParsedRequest, Dialect } from "../vendors/vendor.ts";
import { localTime } from "./cron-times.ts";
import { checkVariables, fillVariables, fillText } from "./variables.ts";

const dialects = new Map(
  vendors
    .flatMap(({ dialect }) => dialect ?? [])
    .toReversed()
    .map((dialect) => [dialect.name, dialect]),
);
/** The dialect of a request without `dialect`. */
const DEFAULT_DIALECT = "easel";

/** The object itself: a copy by zod loses a field named __proto__, and no check would reject it. */
export const jsonObject = z.custom<Record<string, unknown>>(isObject, {
  error: ({ input }) => (input === undefined ? "is required" : "must be an object"),
});

const inDialect = z.strictObject({ dialect: z.enum([...dialects.keys()]), body: jsonObject });

/** The fields of a schedule that make its request. */
type RequestSource = Pick<Schedule, "request" | "rotate" | "timezone">;

/** Make the request of the tick `at`, the `count`th of the schedule. Throws an error that names the schedule's own field. */
export async function requestForTick(
  schedule: RequestSource,
  at: number,
  count: number,
  owner: Principal,
  runtime: Pick<Runtime, "env" | "config">,
): Promise<{ parsed: ParsedRequest; dialect: string }> {
  const { request, rotate = [], timezone } = schedule;
  const { dialect, body, path } = dialectOf(request);
  const values = { ...localTime(at, timezone), counter: String(count) };
  const item = rotate[(count - 1) % rotate.length];
  try {
    const wire = fillVariables(body, { ...values, item: item && fillText(item, values) });
    const parsed = await validate(dialect.decode(wire, [], new Headers()), owner, [], runtime);
    return { parsed, dialect: dialect.name };
  } catch (thrown) {
    throw prefixField(path, dialect, toGatewayError(thrown));
  }
}

/** Check a schedule's request with each of its `rotate` texts. Throws if no vendor can serve one of them. */
export async function checkRequest(
  schedule: RequestSource,
  now: number,
  owner: Principal,
  runtime: Pick<Runtime, "env" | "config">,
): Promise<void> {
  const { path, body, dialect } = dialectOf(schedule.request);
  checkVariables(body, path, schedule.rotate);
  for (let count = 1; count <= (schedule.rotate?.length ?? 1); count++) {
    const { parsed } = await requestForTick(schedule, now, count, owner, runtime);
    try {
      if (parsed.request.n > 1) throw invalidField("n", "must be 1: a tick is one picture");
      selectCandidates(parsed, dialect.name, runtime);
    } catch (thrown) {
      throw prefixField(path, dialect, toGatewayError(thrown));
    }
  }
}

/** The dialect of a request, its body, and the body's path in the schedule. */
function dialectOf(request: Record<string, unknown>): { dialect: Dialect; body: unknown; path: string } {
  let [name, body, path]: [string, unknown, string] = [DEFAULT_DIALECT, request, "request"];
  if ("dialect" in request) {
    try {
      ({ dialect: name, body } = parseWire(inDialect, request));
    } catch (thrown) {
      throw prefixPath("request", toGatewayError(thrown));
    }
    path = "request.body";
  }
  const dialect = dialects.get(name);
  if (dialect === undefined) throw new Error(`no dialect ${name}`);
  return { dialect, body, path };
}

/** The error with the field as the request's dialect calls it, prefixed with its path in the schedule. */
function prefixField(path: string, dialect: Dialect, error: GatewayError): GatewayError {
  return prefixPath(path, translateField(dialect, error));
}

function prefixPath(path: string, error: GatewayError): GatewayError {
  return error.field === undefined ? error : renameField(error, `${path}.${error.field}`);
}
