import { type Answer, generate } from "../generate.ts";
import type { Job } from "../generate/job.ts";
import { enqueue } from "../generate/jobs.ts";
import { once, type Once } from "../generate/once.ts";
import { prepare } from "../generate/prepare.ts";
import { referencesOf } from "../image/request.ts";
import { Gate } from "../policy/gate.ts";
import { claimKeyOf } from "../policy/idempotency.ts";
import { asyncWaitMs } from "../policy/prefer.ts";
import { dropPictures, read } from "../store/pictures.ts";
import { newId } from "../store/ids.ts";
import { splice } from "../stream/splice.ts";
import type { Asked, Dialect } from "../vendors/vendor.ts";
import { type AppContext, principalOf, publicOrigin, settings } from "./context.ts";
import { describe } from "./describe.ts";
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
  const { limits } = config;
  const { headers } = c.req.raw;
  const receivedAt = Date.now();
  const id = newId(receivedAt);
  const principal = await principalOf(c);
  const gate = new Gate(c, limits);
  gate.admitRequest(principal);
  const claimKey = claimKeyOf(headers, principal.id);
  const taken = { generation: id, env: c.env, settings: config, fingerprint: claimKey !== undefined };
  const { wire, pictures, fingerprint = "" } = await intake(c.req.raw, taken);
  let asked: Asked;
  try {
    asked = dialect.decode(wire, pictures, headers);
    c.set("fields", asked.fields);
    asked = await prepare(asked, principal, pictures, { env: c.env, settings: config });
    refuseStrays(wire, pictures, asked.request);
    if (referencesOf(asked.request).length > 0) gate.admitReferences(principal);
  } catch (error) {
    c.executionCtx.waitUntil(dropPictures(c.env.BUCKET, pictures));
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
    settings: config,
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
  const { idempotencyWaitMs: waitMs, idempotencyMs } = job.settings.limits;
  if (claim !== undefined) return once(job, { ...claim, waitMs, keepMs: () => idempotencyMs, later }, about);
  about(job.id);
  return later ? enqueue(job) : generate(job);
}

/** 202, or what was queued where it ends in time. */
async function answerLater(c: AppContext, dialect: Dialect, asked: Asked, { record }: Answer, waitMs: number) {
  const ended = await answerWithin(c, record.id, waitMs);
  describe(c, dialect, record);
  return ended === undefined ? accepted(c, record) : answer(c, dialect, asked, Promise.resolve(ended));
}

/** What was drawn, or events about it while it is. */
async function answer(c: AppContext, dialect: Dialect, asked: Asked, work: Promise<Answer>): Promise<Response> {
  if (asked.stream !== true || dialect.events === undefined) return success(c, dialect, asked, await work);
  const events = work.then(({ record }) => {
    describe(c, dialect, record);
    return dialect.events?.(record, asked) ?? [];
  });
  return sendEvents(c, dialect, events, settings(c).limits.streamQuietMs);
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
