import type { GenerationRecord } from "../image/record.ts";
import type { Dialect, ParsedRequest } from "../vendors/vendor.ts";
import { type AppContext, principalOf, publicOrigin, configFor } from "./context.ts";
import { type Answer, generate } from "../generate/generate.ts";
import type { Job } from "../generate/generation.ts";
import { enqueue } from "../generate/enqueue.ts";
import { once, type Once } from "../generate/run-once.ts";
import { validate, rejectUnreadPictures } from "../generate/validate.ts";
import { referencesOf } from "../image/request.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { claimKeyOf } from "../store/claims.ts";
import { asyncWaitMs, accepted, answerWithin } from "./respond-async.ts";
import { deletePictures, readPicture } from "../store/pictures.ts";
import { newId } from "../store/ids.ts";
import { splice } from "../stream/splice.ts";
import { sendEvents } from "./event-stream.ts";
import { errorResponse } from "./error-response.ts";
import { readRequestBody } from "./request-body.ts";
import { sendWhole } from "./pictures.ts";

/** Says in headers who draws, and what was dropped or rewritten, in the caller's own names for its fields. */
function describe(
  c: AppContext,
  { fields = {} }: Dialect,
  record: Pick<GenerationRecord, "vendor" | "model" | "warnings">,
): void {
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

/** Serves one dialect: reads its request, has it drawn, and answers in its words, errors too. */
export function serve(dialect: Dialect): (c: AppContext) => Promise<Response> {
  return async (c) => {
    try {
      return await draw(c, dialect);
    } catch (thrown) {
      return errorResponse(c, thrown, dialect);
    }
  };
}

async function draw(c: AppContext, dialect: Dialect): Promise<Response> {
  const config = configFor(c);
  const { limits } = config;
  const { headers } = c.req.raw;
  const receivedAt = Date.now();
  const id = newId(receivedAt);
  const principal = await principalOf(c);
  const gate = new RequestLimits(c, limits);
  gate.admitRequest(principal);
  const claimKey = claimKeyOf(headers, principal.id);
  const taken = { generation: id, env: c.env, config, fingerprint: claimKey !== undefined };
  const { wire, pictures, fingerprint = "" } = await readRequestBody(c.req.raw, taken);
  let asked: ParsedRequest;
  try {
    asked = dialect.decode(wire, pictures, headers);
    c.set("fields", asked.fields);
    asked = await validate(asked, principal, pictures, { env: c.env, config });
    rejectUnreadPictures(wire, pictures, asked.request);
    if (referencesOf(asked.request).length > 0) gate.admitReferences(principal);
  } catch (error) {
    c.executionCtx.waitUntil(deletePictures(c.env.BUCKET, pictures));
    throw error;
  }
  // From here on it is a generation, with a record whatever becomes of it.
  const job: Job = {
    id,
    asked,
    receivedAt,
    hoisted: pictures,
    dialect: dialect.name,
    principal: principal.id,
    origin: publicOrigin(c),
    env: c.env,
    config,
    chosen: (record) => describe(c, dialect, record),
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  };
  const laterMs = asyncWaitMs(headers);
  const claim = claimKey === undefined ? undefined : { key: claimKey, fingerprint: `${dialect.name} ${fingerprint}` };
  const work = begin(c, job, claim, laterMs !== undefined);
  return laterMs === undefined ? answer(c, dialect, asked, work) : answerLater(c, dialect, asked, await work, laterMs);
}

/** Has the job drawn, or queued where that is for `later`; with a claim once, however often it is asked. */
function begin(c: AppContext, job: Job, claim: Pick<Once, "key" | "fingerprint"> | undefined, later: boolean) {
  const about = (generation: string) => c.header("easel-generation", generation);
  const { idempotencyWaitMs: waitMs, idempotencyMs } = job.config.limits;
  if (claim !== undefined) return once(job, { ...claim, waitMs, keepMs: () => idempotencyMs, later }, about);
  about(job.id);
  return later ? enqueue(job) : generate(job);
}

/** 202, or what was queued where it ends in time. */
async function answerLater(c: AppContext, dialect: Dialect, asked: ParsedRequest, { record }: Answer, waitMs: number) {
  const ended = await answerWithin(c, record.id, waitMs);
  describe(c, dialect, record);
  return ended === undefined ? accepted(c, record) : answer(c, dialect, asked, Promise.resolve(ended));
}

/** What was drawn, or events about it while it is. */
async function answer(c: AppContext, dialect: Dialect, asked: ParsedRequest, work: Promise<Answer>): Promise<Response> {
  if (asked.stream !== true || dialect.events === undefined) return success(c, dialect, asked, await work);
  const events = work.then(({ record }) => {
    describe(c, dialect, record);
    return dialect.events?.(record, asked) ?? [];
  });
  return sendEvents(c, dialect, events, configFor(c).limits.streamQuietMs);
}

async function success(
  c: AppContext,
  dialect: Dialect,
  asked: ParsedRequest,
  { record, raw }: Answer,
): Promise<Response> {
  describe(c, dialect, record);
  if (raw !== undefined) {
    c.header("content-type", raw.contentType);
    return c.body(raw.body);
  }
  const [first] = record.images;
  if (asked.responseFormat === "picture" && first !== undefined) {
    // Where it stays, since the answer has no room for the record.
    c.header("content-location", first.url);
    return sendWhole(c, first);
  }
  c.header("content-type", "application/json");
  return c.body(splice(dialect.encode(record, asked), (picture) => readPicture(c.env.BUCKET, picture.key)));
}
