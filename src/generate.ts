import type { Env, Settings } from "./env.ts";
import { asGatewayError, type GatewayError, redact } from "./errors.ts";
import { exchange, type Exchange, type Exchanged } from "./exchange.ts";
import type { Attempt, GenerationRecord, StoredPicture } from "./image/request.ts";
import { log } from "./log.ts";
import { Breakers, type Outcome } from "./policy/breaker.ts";
import { route, type Route } from "./route.ts";
import { dropPictures, spillTo } from "./store/pictures.ts";
import { putEnd, putStart, type StoredRecord } from "./store/records.ts";
import { Tap } from "./stream/tap.ts";
import type { Asked } from "./vendors/vendor.ts";

/** One accepted request. */
export interface Job {
  id: string;
  asked: Asked;
  /** Name of the dialect it came in. */
  dialect: string;
  principal: string;
  /** Origin of the URLs in its record. */
  origin: string;
  env: Env;
  settings: Settings;
  /** Pictures that came with the request; dropped when the generation has ended. */
  hoisted: readonly StoredPicture[];
  /** Whether the client may get a vendor's bytes as they are. */
  passThrough: boolean;
  /** Keeps the isolate at work after the answer, or after the client left. */
  waitUntil(work: Promise<unknown>): void;
}

/** What to answer: the record of a finished generation, or a vendor's bytes while it goes on. */
export interface Answer {
  record: GenerationRecord;
  raw?: { body: ReadableStream<Uint8Array>; contentType: string };
}

/** Calls to one vendor at once: a Worker has six connections, and R2 needs some of them. */
const PARALLEL = 4;
/** A generation that ends sooner is recorded once, at its end. */
const START_RECORD_MS = 1_000;
/** R2 takes one write a second per key: a record that was refused is tried once more after this. */
const RECORD_AGAIN_MS = 1_100;

const breakers = new Breakers();

/**
 * The pipeline: choose a vendor, have it draw, keep its pictures, write the record. Throws a GatewayError; the record
 * then says failed. Work goes on when the caller no longer waits.
 */
export async function generate(job: Job): Promise<Answer> {
  const record = begin(job);
  const work = run(job, record);
  job.waitUntil(
    work
      .then(({ done }) => done)
      .catch(() => undefined)
      .then(() => dropPictures(job.env.BUCKET, job.hoisted)),
  );
  return (await work).answer;
}

interface Running {
  answer: Answer;
  /** Settles when the generation has ended, also for a pass-through. */
  done: Promise<unknown>;
}

async function run(job: Job, record: StoredRecord): Promise<Running> {
  try {
    const chosen = route(job.asked.request, job.dialect, job.settings);
    const { provider } = chosen.target;
    Object.assign(record, {
      vendor: provider.name,
      model: chosen.request.model,
      warnings: [...job.asked.warnings, ...chosen.warnings],
    });
    if (job.passThrough && provider.passThrough === true && provider.name === job.dialect)
      return await passThrough(job, record, chosen);
    await drawAll(job, record, chosen);
    return { answer: { record: publicRecord(record, job.origin) }, done: Promise.resolve() };
  } catch (thrown) {
    throw await fail(job, record, thrown);
  }
}

function begin(job: Job): StoredRecord {
  const { id, dialect, principal, asked } = job;
  const createdAt = new Date().toISOString();
  return {
    id,
    status: "running",
    dialect,
    principal,
    vendor: "",
    model: asked.request.model,
    images: [],
    warnings: asked.warnings,
    attempts: [],
    createdAt,
  };
}

async function passThrough(job: Job, record: StoredRecord, chosen: Route): Promise<Running> {
  const { holdBytes, clientStallMs, answerBytes } = job.settings.limits;
  const started = start(job, record);
  const tap = new Tap({ holdBytes, stallMs: clientStallMs, spill: () => spillTo(job.env.BUCKET, job.id, answerBytes) });
  const drawn = timed(record, exchangeFor(job, chosen, counter(), tap));
  const done = drawn.then(
    async (result) => {
      // The client has its picture, whether or not that can be noted.
      await succeed(job, record, [result]).catch((error: unknown) => logLost(job, error));
      await tap.close();
    },
    async (thrown: unknown) => {
      if (!tap.released) throw thrown;
      const error = await fail(job, record, thrown);
      // What could not be stored came whole all the same: the client has its picture.
      await (error.code === "internal" ? tap.close() : tap.abort(error));
    },
  );
  await Promise.race([tap.flowing, done]);
  // Whoever learns the id from the headers can ask for the record.
  await started;
  return {
    answer: { record: publicRecord(record, job.origin), raw: { body: tap.readable, contentType: tap.contentType } },
    done,
  };
}

/** Asks the vendor for n pictures, in as many calls as it takes; some pictures are an answer, with a warning. */
async function drawAll(job: Job, record: StoredRecord, chosen: Route): Promise<void> {
  const timer = setTimeout(() => job.waitUntil(start(job, record)), START_RECORD_MS);
  try {
    const wanted = chosen.request.n;
    const counts = Array.from({ length: Math.ceil(wanted / chosen.spec.n) }, (_, call) =>
      Math.min(chosen.spec.n, wanted - call * chosen.spec.n),
    );
    const results: Exchanged[] = [];
    const errors: GatewayError[] = [];
    const slot = counter();
    const worker = async () => {
      for (let n = counts.shift(); n !== undefined; n = counts.shift()) {
        const part = { ...chosen, request: { ...chosen.request, n } };
        await timed(record, exchangeFor(job, part, slot)).then(
          (result) => results.push(result),
          (thrown: unknown) => errors.push(asGatewayError(thrown)),
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, counts.length) }, worker));
    const [first] = errors;
    const made = results.reduce((sum, result) => sum + result.pictures.length, 0);
    if (made === 0 && first !== undefined) throw first;
    if (made < wanted)
      record.warnings.push(
        `${made} of ${wanted} pictures could be made${first === undefined ? "" : ` (${first.code})`}`,
      );
    await succeed(job, record, results);
  } finally {
    clearTimeout(timer);
  }
}

function exchangeFor(job: Job, chosen: Route, slot: () => number, tap?: Tap): Exchange {
  return { generation: job.id, route: chosen, settings: job.settings, bucket: job.env.BUCKET, slot, tap };
}

function counter(): () => number {
  let next = 0;
  return () => next++;
}

/** One call to a vendor, unless its breaker is open; the record gets an attempt only for a call that was made. */
async function timed(record: StoredRecord, work: Exchange): Promise<Exchanged> {
  const { provider } = work.route.target;
  const vendor = provider.name;
  const from = Date.now();
  // A vendor inside this process is never overloaded; it only says so when it is told to.
  const guarded = provider.answer === undefined;
  if (guarded) breakers.admit(vendor, from);
  const attempt: Attempt = { vendor, ms: 0 };
  record.attempts.push(attempt);
  try {
    const exchanged = await exchange(work);
    if (guarded) breakers.settle(vendor, "answered", Date.now());
    return exchanged;
  } catch (thrown) {
    const error = asGatewayError(thrown);
    attempt.error = error.code;
    if (guarded) breakers.settle(vendor, outcomeOf(error), Date.now());
    throw error;
  } finally {
    attempt.ms = Date.now() - from;
  }
}

/** What a failed call tells of the vendor's load. */
function outcomeOf({ code, vendorStatus, retryAfter }: GatewayError): Outcome {
  if (code === "rate_limited" || vendorStatus === 503) return { busy: code, retryAfterSeconds: retryAfter };
  // Without a status, only these come from an answer that was understood.
  return vendorStatus !== undefined || code === "content_rejected" || code === "no_image" ? "answered" : "silent";
}

/** Notes that the generation runs; a note that fails is no reason to stop. */
async function start(job: Job, record: StoredRecord): Promise<void> {
  await putStart(job.env.BUCKET, record).catch((error: unknown) => logLost(job, error));
}

function logLost(job: Job, error: unknown): void {
  log("record.failed", { generation: job.id, error: redact(String(error), job.settings.secrets) });
}

async function succeed(job: Job, record: StoredRecord, results: Exchanged[]): Promise<void> {
  const texts = results.flatMap(({ text }) => text ?? []);
  record.images = results.flatMap(({ pictures }) => pictures);
  record.text = texts.length === 0 ? undefined : texts.join("\n");
  record.usage = results[0]?.usage;
  await end(job, record, "succeeded");
}

/** Ends the generation as failed and returns the error to answer. */
async function fail(job: Job, record: StoredRecord, thrown: unknown): Promise<GatewayError> {
  const error = asGatewayError(thrown);
  record.error = { code: error.code, message: error.message };
  // Only a record that could not be written gets here with pictures; nobody will ask for them.
  await dropPictures(job.env.BUCKET, record.images);
  record.images = [];
  await end(job, record, "failed", error).catch((failure: unknown) => logLost(job, failure));
  return error;
}

async function end(
  job: Job,
  record: StoredRecord,
  status: "succeeded" | "failed",
  error?: GatewayError,
): Promise<void> {
  record.status = status;
  record.finishedAt = new Date().toISOString();
  const { id, dialect, vendor, model, attempts, images } = record;
  log("generation", {
    generation: id,
    status,
    dialect,
    vendor,
    model,
    attempts: attempts.map(({ vendor: name, ms, error: code }) => ({ vendor: name, ms, error: code })),
    pictures: images.length,
    bytes: images.reduce((sum, image) => sum + image.bytes, 0),
    error: error?.code,
    vendorStatus: error?.vendorStatus,
    cause: error?.code === "internal" ? redact(String(error.cause), job.settings.secrets) : undefined,
  });
  await putEnd(job.env.BUCKET, record).catch(async () => {
    await scheduler.wait(RECORD_AGAIN_MS);
    await putEnd(job.env.BUCKET, record);
  });
}

/** The record as clients see it. */
export function publicRecord(record: StoredRecord, origin: string): GenerationRecord {
  const { principal: _, images, ...rest } = record;
  return { ...rest, images: images.map((image, n) => ({ ...image, url: `${origin}/images/${record.id}/${n}` })) };
}
