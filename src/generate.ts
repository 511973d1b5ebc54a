import { attempt } from "./attempt.ts";
import { asGatewayError, type GatewayError } from "./errors.ts";
import type { Exchanged } from "./exchange.ts";
import type { Exchange } from "./receive.ts";
import { Generation, type Job } from "./generation.ts";
import type { GenerationRecord } from "./image/request.ts";
import type { Limits } from "./policy/limits.ts";
import { route, type Route } from "./route.ts";
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
    const chosen = route(job.asked.request, job.dialect, job.settings);
    const { provider } = chosen.target;
    record.vendor = provider.name;
    record.model = chosen.request.model;
    record.warnings = [...job.asked.warnings, ...chosen.warnings];
    if (job.passThrough && provider.passThrough === true && provider.name === job.dialect) {
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
  const drawn = attempt(generation.record.attempts, exchangeFor(generation, chosen, counter(), tap));
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
      await (error.code === "internal" ? tap.close() : tap.abort(error));
    },
  );
  await Promise.race([tap.flowing, done]);
  return { answer: { record: generation.public, raw: { body: tap.readable, contentType: tap.contentType } }, done };
}

/** Asks the vendor for n pictures, in as many calls as it takes; some pictures are an answer, with a warning. */
async function drawAll(generation: Generation, chosen: Route): Promise<void> {
  const { record } = generation;
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
      await attempt(record.attempts, exchangeFor(generation, part, slot)).then(
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
    record.warnings.push(`${made} of ${wanted} pictures could be made${first === undefined ? "" : ` (${first.code})`}`);
  await generation.succeed(results);
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
