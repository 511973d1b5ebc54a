import { type Env, configOf } from "../env.ts";
import { redact, log } from "../log.ts";
import { cleanUpJob } from "../generate/enqueue.ts";
import { generate } from "../generate/generate.ts";
import { AlreadyStartedError, RetryLaterError, type Runtime } from "../generate/runtime.ts";
import { MAX_CONCURRENT, Semaphore } from "../concurrency.ts";
import { isId } from "../store/ids.ts";
import { type Generation, getJob, putJob } from "../store/jobs.ts";
import { FENCED, lifecycleOf, LOST, MAX_QUEUED_MS, putFailedIfUnfinished, QUEUE_TIMEOUT } from "../store/records.ts";
import { type Cancellation, cancellationReason, UNDELIVERABLE } from "./cancellation.ts";

/** Exponential backoff if there is no Retry-After: the first delay, doubled each time, up to the longest. */
const FIRST_SECONDS = 2;
const LONGEST_SECONDS = 300;
/** The longest delay that a queue accepts. */
const QUEUE_SECONDS = 12 * 3_600;
/** Up to this share of a delay is added at random: jobs that failed together must not return together. */
const SPREAD = 0.25;

/** Whole seconds until a job that was tried `tries` times is tried again: never less than the vendor's Retry-After. */
export function retryDelay(tries: number, retryAfter: number | undefined, random: () => number): number {
  const seconds = retryAfter ?? Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (tries - 1));
  return Math.min(QUEUE_SECONDS, Math.ceil(seconds * (1 + random() * SPREAD)));
}

/** Tries of a job; wrangler.toml's max_retries is one less. */
export const TRIES = 10;
/** Cloudflare ends a batch after 15 minutes; a job that starts must be able to end before. */
const BATCH_MS = 14 * 60_000;
/** A batch that has just come starts its jobs, however long a vendor may take. */
const STARTING_MS = 60_000;

/** Delay of a job that came too late in its batch. */
const FULL_BATCH_SECONDS = 1;

/** A message that will never be a job. */
class InvalidMessage extends Error {}

/** What the messages of one batch share. */
interface Batch extends Runtime {
  /** When the batch came, in milliseconds since the epoch. */
  receivedAt: number;
}

/** Handles a message: undefined if it is done, else the seconds until its redelivery. */
type Handler = (message: Message, batch: Batch) => Promise<number | undefined>;

/**
 * The consumer of both queues: runs jobs, and ends those that could not be delivered. Each message is acknowledged by
 * itself; no message is redelivered because of another.
 */
export async function consume(
  { queue, messages }: MessageBatch,
  env: Env,
  ctx: Pick<ExecutionContext, "waitUntil">,
): Promise<void> {
  const handle = queue.endsWith("-dead") ? handleDeadLetter : handleJob;
  const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work);
  const batch = { env, config: configOf(env), waitUntil, slots: new Semaphore(), receivedAt: Date.now() };
  const jobs = new Semaphore(MAX_CONCURRENT);
  await Promise.all(messages.map((message) => jobs.run(() => acknowledge(message, handle, batch))));
}

async function acknowledge(message: Message, handle: Handler, batch: Batch): Promise<void> {
  let delaySeconds: number | undefined;
  try {
    delaySeconds = await handle(message, batch);
  } catch (thrown) {
    const { attempts } = message;
    const error = redact(String(thrown), batch.config.secrets);
    log("job.failed", { generation: generationIn(message), attempts, error });
    // Waiting does not repair an invalid message: it goes to the dead letters as fast as possible.
    delaySeconds = thrown instanceof InvalidMessage ? 0 : retryDelay(attempts, undefined, Math.random);
  }
  if (delaySeconds === undefined) message.ack();
  else message.retry({ delaySeconds });
}

/** The generation that a message names; undefined if it names none. */
function generationIn({ body }: Message): string | undefined {
  const { generation } = (body ?? {}) as { generation?: unknown };
  return typeof generation === "string" && isId(generation) ? generation : undefined;
}

/**
 * Run the job of a message. The message may have come before, or twice at once: the generation's record shows that it has
 * started, and how it ended.
 */
async function handleJob(message: Message, batch: Batch): Promise<number | undefined> {
  const id = generationIn(message);
  if (id === undefined) throw new InvalidMessage("the message names no generation");
  const found = await findJob(id, batch);
  if (found === "over") return undefined;
  // Redeliver after one lease: by then it has ended, or its lease has expired.
  if (found === "running") return leaseSeconds(batch);
  const { job } = found;
  if (job === null) throw new InvalidMessage("there is no such job");
  const now = Date.now();
  if (now - job.receivedAt >= MAX_QUEUED_MS) return giveUp(id, job, QUEUE_TIMEOUT, batch);
  const startsUntil = batch.receivedAt + Math.max(STARTING_MS, BATCH_MS - batch.config.limits.answerMs);
  if (now > startsUntil) return FULL_BATCH_SECONDS;
  const reason = await cancellationReason(job, batch.env);
  return reason === undefined ? runJob(job, message.attempts, batch) : giveUp(id, job, reason, batch);
}

/** Record a dead letter's generation as failed, unless it runs. */
async function handleDeadLetter(message: Message, batch: Batch): Promise<undefined> {
  const id = generationIn(message);
  log("job.dead", { generation: id });
  const found = id === undefined ? "over" : await findJob(id, batch);
  if (id !== undefined && typeof found === "object") await giveUp(id, found.job, UNDELIVERABLE, batch);
}

/** The job, if it has not started; a generation that was lost or fenced off is ended here. */
async function findJob(id: string, { env, config }: Batch): Promise<"over" | "running" | { job: Generation | null }> {
  const job = await getJob(env.BUCKET, id);
  const { state } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
  if (state === "running") return state;
  if (state === "none" || state === "queued") return { job };
  if (state === "lost") await putFailedIfUnfinished(env.BUCKET, id, LOST, { uncharged: false });
  if (state === "fenced") await putFailedIfUnfinished(env.BUCKET, id, FENCED, { uncharged: true });
  await cleanUpJob(env.BUCKET, id, job);
  return "over";
}

async function runJob(job: Generation, tries: number, batch: Batch): Promise<number | undefined> {
  const { env, config } = batch;
  const { id } = job;
  const isLastTry = tries >= TRIES;
  try {
    await generate(job, batch, { mode: { kind: "queued", isLastTry } });
  } catch (thrown) {
    if (thrown instanceof AlreadyStartedError) return leaseSeconds(batch);
    if (thrown instanceof RetryLaterError) {
      const delay = retryDelay(tries, thrown.retryAfter, Math.random);
      log("job.again", { generation: id, tries, delay, error: thrown.code });
      const due = Date.now() + delay * 1000;
      // If the new due time cannot be stored, the message is sent once more than needed.
      await putJob(env.BUCKET, { ...job, attempts: thrown.attempts }, due).catch(() => undefined);
      return delay;
    }
    // The end record is the commit: if it could not be written, the next delivery sees what became of the job.
    const { state } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
    if (state !== "ended") return leaseSeconds(batch);
  }
  await cleanUpJob(env.BUCKET, id, job);
  return undefined;
}

/** Record a job as failed that no vendor has generated, nor will. */
async function giveUp(
  id: string,
  job: Generation | null,
  error: Cancellation,
  { env: { BUCKET } }: Batch,
): Promise<undefined> {
  await putFailedIfUnfinished(BUCKET, id, error, { uncharged: true });
  await cleanUpJob(BUCKET, id, job);
}

function leaseSeconds({ config }: Batch): number {
  return Math.ceil(config.limits.leaseMs / 1000);
}
