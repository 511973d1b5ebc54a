import { asGatewayError, type GatewayError } from "./errors.ts";
import { choose, type Route } from "./generate/choose.ts";
import { exchange, type Exchanged } from "./generate/exchange.ts";
import { Generation, type Job } from "./generate/generation.ts";
import type { Exchange } from "./generate/receive.ts";
import type { GenerationRecord } from "./image/record.ts";
import type { Limits } from "./policy/limits.ts";
import { dropPictures, spillTo } from "./store/pictures.ts";
import { Tap } from "./stream/tap.ts";

/** What to answer: the record of a finished generation, or a vendor's bytes while it goes on. */
export interface Answer {
  record: GenerationRecord;
  raw?: { body: ReadableStream<Uint8Array>; contentType: string };
}

/** Calls to one vendor at once: a Worker has six connections, and R2 needs some of them. */
const PARALLEL = 4;

/**
 * The pipeline: choose a vendor, have it draw, keep its pictures, write the record. Throws a GatewayError; the record
 * then says failed. Work goes on when the caller no longer waits.
 */
export async function generate(job: Job): Promise<Answer> {
  const work = run(new Generation(job));
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

async function run(generation: Generation): Promise<Running> {
  const { job, record } = generation;
  try {
    const chosen = choose(job.asked.request, job.dialect, job.settings);
    const { provider } = chosen.target;
    record.vendor = provider.name;
    record.model = chosen.request.model;
    record.warnings = [...job.asked.warnings, ...chosen.warnings];
    job.chosen(record);
    if (provider.passThrough === true && provider.name === job.dialect) {
      return await passThrough(generation, chosen);
    }
    await drawAll(generation, chosen);
    return { answer: { record: generation.public }, done: Promise.resolve() };
  } catch (thrown) {
    throw await generation.fail(thrown);
  }
}

async function passThrough(generation: Generation, chosen: Route): Promise<Running> {
  const { id, env, settings } = generation.job;
  const { holdBytes, clientStallMs, answerBytes } = settings.limits;
  const tap = new Tap({ holdBytes, stallMs: clientStallMs, spill: () => spillTo(env.BUCKET, id, answerBytes) });
  const drawn = exchange(exchangeFor(generation, chosen, counter(), tap), generation.record.attempts);
  const done = drawn.then(
    async (result) => {
      // The client has its picture, whether or not that can be noted.
      await generation.succeed([result]).catch((error: unknown) => generation.logLost(error));
      await tap.close();
    },
    async (thrown: unknown) => {
      if (!tap.released) throw thrown;
      const error = await generation.fail(thrown);
      // What could not be stored came whole all the same: the client has its picture.
      await (error.code === "internal" ? tap.close() : tap.abort());
    },
  );
  await Promise.race([tap.flowing, done]);
  return { answer: { record: generation.public, raw: { body: tap.readable, contentType: tap.contentType } }, done };
}

/** Asks the vendor for n pictures, in as many calls as it takes; some pictures are an answer, with a warning. */
async function drawAll(generation: Generation, chosen: Route): Promise<void> {
  const { record } = generation;
  const { request, spec } = chosen;
  const slot = counter();
  const next = counter();
  const results: (Exchanged | undefined)[] = Array.from({ length: Math.ceil(request.n / spec.n) });
  const errors: GatewayError[] = [];
  const worker = async () => {
    for (let call = next(); call < results.length; call = next()) {
      const n = Math.min(spec.n, request.n - call * spec.n);
      const work = exchangeFor(generation, { ...chosen, request: { ...request, n } }, slot);
      results[call] = await exchange(work, record.attempts).catch((thrown: unknown) => {
        errors.push(asGatewayError(thrown));
        return undefined;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, results.length) }, worker));
  const drawn = results.filter((result) => result !== undefined);
  const made = drawn.reduce((sum, { pictures }) => sum + pictures.length, 0);
  const [error] = errors;
  if (made === 0 && error !== undefined) throw error;
  if (made < request.n) {
    const why = error === undefined ? "" : ` (${error.code})`;
    record.warnings.push(`${made} of ${request.n} pictures could be made${why}`);
  }
  await generation.succeed(drawn);
}

function exchangeFor({ job }: Generation, chosen: Route, slot: () => number, tap?: Tap): Exchange {
  return { generation: job.id, route: chosen, settings: job.settings, bucket: job.env.BUCKET, slot, tap };
}

function counter(): () => number {
  let next = 0;
  return () => next++;
}

/** No generation runs longer: its request, and as many rounds of calls as its pictures may take. In milliseconds. */
export function longestMs({ requestMs, answerMs, pictures }: Limits): number {
  return requestMs + answerMs * Math.ceil(pictures / PARALLEL);
}
