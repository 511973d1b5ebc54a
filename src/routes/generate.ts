import { type Answer, generate } from "../generate.ts";
import { check } from "../generate/check.ts";
import type { Job } from "../generate/generation.ts";
import { enqueue } from "../generate/jobs.ts";
import { once } from "../generate/once.ts";
import { permitted } from "../generate/permitted.ts";
import { withPreset } from "../generate/preset.ts";
import { referencesOf } from "../image/request.ts";
import { Gate } from "../policy/gate.ts";
import { claimKeyOf } from "../policy/idempotency.ts";
import { asyncWaitMs } from "../policy/prefer.ts";
import { dropPictures, read } from "../store/pictures.ts";
import { newId } from "../store/records.ts";
import { splice } from "../stream/splice.ts";
import type { Asked, Dialect } from "../vendors/vendor.ts";
import { type AppContext, principalOf, publicOrigin, settings } from "./context.ts";
import { sendEvents } from "./events.ts";
import { failure } from "./failure.ts";
import { intake } from "./intake.ts";
import { accepted, answerWithin } from "./later.ts";
import { sendWhole } from "./pictures.ts";
import { refuseStrays } from "./strays.ts";

/** Serves one dialect: reads its request, has it drawn, and answers in its words, errors too. */
export function serve(dialect: Dialect): (c: AppContext) => Promise<Response> {
  return async (c) => {
    try {
      return await draw(c, dialect);
    } catch (thrown) {
      return failure(c, thrown, dialect);
    }
  };
}

async function draw(c: AppContext, dialect: Dialect): Promise<Response> {
  const config = settings(c);
  const receivedAt = Date.now();
  const id = newId(receivedAt);
  const principal = await principalOf(c);
  const gate = new Gate(c, config.limits);
  gate.admitRequest(principal);
  const claimKey = claimKeyOf(c.req.raw.headers, principal.id);
  const taken = { generation: id, env: c.env, settings: config, fingerprint: claimKey !== undefined };
  const { wire, pictures, fingerprint = "" } = await intake(c.req.raw, taken);
  let asked: Asked;
  try {
    asked = dialect.decode(wire, pictures, c.req.raw.headers);
    c.set("fields", asked.fields);
    check(asked.request, pictures, config.limits);
    refuseStrays(wire, pictures, asked.request);
    asked = await withPreset(asked, c.env, config);
    check(asked.request, pictures, config.limits);
    asked.request = permitted(principal, asked, config);
    if (referencesOf(asked.request).length > 0) gate.admitReferences(principal);
  } catch (error) {
    c.executionCtx.waitUntil(dropPictures(c.env.BUCKET, pictures));
    throw error;
  }
  // From here on it is a generation, with a record whatever becomes of it.
  const about = (generation: string) => c.header("easel-generation", generation);
  const job: Job = {
    id,
    asked,
    receivedAt,
    hoisted: pictures,
    dialect: dialect.name,
    principal: principal.id,
    origin: publicOrigin(c),
    env: c.env,
    settings: config,
    chosen: (record) => describe(c, dialect, record),
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  };
  const { idempotencyWaitMs: waitMs, idempotencyMs } = config.limits;
  const keepMs = () => idempotencyMs;
  const laterMs = asyncWaitMs(c.req.raw.headers);
  const later = laterMs !== undefined;
  if (claimKey === undefined) about(id);
  let work =
    claimKey === undefined
      ? (later ? enqueue : generate)(job)
      : once(job, { key: claimKey, fingerprint: `${dialect.name} ${fingerprint}`, waitMs, keepMs, later }, about);
  if (later) {
    const { record } = await work;
    const answer = await answerWithin(c, record.id, laterMs);
    describe(c, dialect, record);
    if (answer === undefined) return accepted(c, record);
    work = Promise.resolve(answer);
  }
  if (asked.stream !== true || dialect.events === undefined) return success(c, dialect, asked, await work);
  const events = work.then(({ record }) => {
    describe(c, dialect, record);
    return dialect.events?.(record, asked) ?? [];
  });
  return sendEvents(c, dialect, events, config.limits.streamQuietMs);
}

async function success(c: AppContext, dialect: Dialect, asked: Asked, { record, raw }: Answer): Promise<Response> {
  describe(c, dialect, record);
  if (raw !== undefined) {
    c.header("content-type", raw.contentType);
    return c.body(raw.body);
  }
  const [first] = record.images;
  if (asked.as === "picture" && first !== undefined) {
    // Where it stays, since the answer has no room for the record.
    c.header("content-location", first.url);
    return sendWhole(c, first);
  }
  c.header("content-type", "application/json");
  return c.body(splice(dialect.encode(record, asked), (picture) => read(c.env.BUCKET, picture.key)));
}

/** Says in headers who draws, and what was dropped or rewritten, in the caller's own names for its fields. */
function describe(c: AppContext, { fields = {} }: Dialect, record: Parameters<Job["chosen"]>[0]): void {
  // One that waits in the queue has none yet.
  if (record.vendor !== "") c.header("easel-vendor", record.vendor);
  c.header("easel-model", record.model);
  const warnings = record.warnings.map((warning) => {
    // What is no field here may be called as one of ours.
    if (warning.includes(" is not a field here")) return warning;
    const [both = ""] = /^\w+(?: and \w+)?/.exec(warning) ?? [];
    const names = both.split(" and ").map((name) => (Object.hasOwn(fields, name) ? fields[name] : name));
    return [...new Set(names)].join(" and ") + warning.slice(both.length);
  });
  c.header("easel-warnings", asciiJson(warnings));
}

/** A JSON text for a header: ASCII, with escapes for the rest. */
function asciiJson(value: unknown): string {
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escape);
}
