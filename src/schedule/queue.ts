import { type Env, type Config, configOf } from "../env.ts";
import { toGatewayError } from "../errors.ts";
import { forget } from "../generate/enqueue.ts";
import { Lanes } from "../generate/semaphore.ts";
import { AlreadyBegun } from "../generate/recorder.ts";
import { generate } from "../generate/generate.ts";
import { log } from "../log.ts";
import { redact } from "../redact.ts";
import { isId } from "../store/ids.ts";
import { getJob, putJob, type StoredJob } from "../store/jobs.ts";
import { lifecycleOf, putFailedIfUnfinished, FENCED, LOST, QUEUE_TIMEOUT, MAX_QUEUED_MS } from "../store/records.ts";
import { type Cancellation, UNDELIVERABLE, cancellationReason } from "./cancellation.ts";

/** Where nobody says how long to wait: so long at first, then twice as long each time, and no longer than this. */
const FIRST_SECONDS = 2;
const LONGEST_SECONDS = 300;
/** What a queue can hold a message back for. */
const QUEUE_SECONDS = 12 * 3_600;
/** Up to so much of it is added, since what failed together would come back together. */
const SPREAD = 0.25;

/** Whole seconds until a job that has been tried `tries` times is tried again: never less than the vendor's Retry-After. */
export function retryDelay(tries: number, retryAfter: number | undefined, random: () => number): number {
  const seconds = retryAfter ?? Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (tries - 1));
  return Math.min(QUEUE_SECONDS, Math.ceil(seconds * (1 + random() * SPREAD)));
}

/** How often a job is tried; wrangler.toml's max_retries is one less. */
export const TRIES = 10;
/** Cloudflare ends a batch after 15 minutes; a job whose vendor takes as long as it may must be over by then. */
const BATCH_MS = 14 * 60_000;
/** However long a vendor may take, a batch that has just come begins what it can. */
const BEGINNING_MS = 60_000;

/** What never will be a job. */
class InvalidMessage extends Error {}

/** What the messages of one batch share. */
export interface Batch {
  env: Env;
  config: Config;
  ctx: Pick<ExecutionContext, "waitUntil">;
  /** When it came, in milliseconds since the epoch. */
  from: number;
  calls: Lanes;
}

/** The generation that a message is about; undefined where it is about none. */
function idOf({ body }: Message): string | undefined {
  const { generation } = (body ?? {}) as { generation?: unknown };
  return typeof generation === "string" && isId(generation) ? generation : undefined;
}

/**
 * Has the job of a message drawn. Undefined where the message is done with, else in how many seconds it is to come again.
 * It may have come before, or be here twice at once: who has begun is seen in the record, and so is how it ended.
 */
async function draw(message: Message, batch: Batch): Promise<number | undefined> {
  const id = idOf(message);
  if (id === undefined) throw new InvalidMessage("the message names no generation");
  const found = await look(id, batch);
  if (found === "over") return undefined;
  // Its end will be there when this message comes again, or nobody will be at it any more.
  if (found === "running") return leaseSeconds(batch);
  if (found.job === null) throw new InvalidMessage("there is no such job");
  const now = Date.now();
  if (now - found.job.receivedAt >= MAX_QUEUED_MS) return giveUp(id, found.job, QUEUE_TIMEOUT, batch);
  if (now - batch.from > Math.max(BEGINNING_MS, BATCH_MS - batch.config.limits.answerMs)) return 1;
  const reason = await cancellationReason(found.job, batch.env);
  return reason === undefined ? attempt(found.job, message.attempts, batch) : giveUp(id, found.job, reason, batch);
}

/** Ends the record of what the queue has given up, unless somebody is drawing it after all. */
async function handleDeadLetter(message: Message, batch: Batch): Promise<undefined> {
  const id = idOf(message);
  log("job.dead", { generation: id });
  const found = id === undefined ? "over" : await look(id, batch);
  if (id !== undefined && typeof found === "object") await giveUp(id, found.job, UNDELIVERABLE, batch);
}

/** The job, where it is still to be drawn; one that was lost is ended here. */
async function look(id: string, { env, config }: Batch): Promise<"over" | "running" | { job: StoredJob | null }> {
  const job = await getJob(env.BUCKET, id);
  const { at } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
  if (at === "running") return at;
  if (at === "none" || at === "queued") return { job };
  if (at === "lost") await putFailedIfUnfinished(env.BUCKET, id, LOST, { uncharged: false });
  if (at === "disowned") await putFailedIfUnfinished(env.BUCKET, id, FENCED, { uncharged: true });
  await forget(env.BUCKET, id, job);
  return "over";
}

async function attempt(job: StoredJob, tries: number, batch: Batch): Promise<number | undefined> {
  const { env, config, ctx, calls } = batch;
  const { id } = job;
  const again = tries < TRIES;
  // Each try adds its own, in the job as it is kept for the next one.
  job.attempts ??= [];
  try {
    const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work);
    // Its references must outlive a try that failed.
    await generate({
      ...job,
      hoisted: [],
      env,
      config,
      owned: true,
      queued: true,
      again,
      lanes: calls,
      waitUntil,
    });
  } catch (thrown) {
    if (thrown instanceof AlreadyBegun) return leaseSeconds(batch);
    const error = toGatewayError(thrown);
    if (again && error.retryable) {
      const delay = retryDelay(tries, error.retryAfter, Math.random);
      log("job.again", { generation: id, tries, delay, error: error.code });
      // Where that cannot be noted, a message more is sent than need be.
      await putJob(env.BUCKET, job, Date.now() + delay * 1000).catch(() => undefined);
      return delay;
    }
    // The end record is the commit: where it could not be written, what became of it is seen next time.
    const { at } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
    if (at !== "ended") return leaseSeconds(batch);
  }
  await forget(env.BUCKET, id, job);
  return undefined;
}

/** Ends as failed what no vendor has drawn, nor will. */
async function giveUp(
  id: string,
  job: StoredJob | null,
  error: Cancellation,
  { env: { BUCKET } }: Batch,
): Promise<undefined> {
  await putFailedIfUnfinished(BUCKET, id, error, { uncharged: true });
  await forget(BUCKET, id, job);
}

function leaseSeconds({ config }: Batch): number {
  return Math.ceil(config.limits.leaseMs / 1000);
}

/** Jobs at once, and calls to vendors for all of them: a Worker has six connections, and R2 needs some of them. */
const PARALLEL = 4;

/**
 * The consumer of both queues: has jobs drawn, and ends those that could not be. Each message is settled by itself; none is
 * ever thrown back with its batch.
 */
export async function consume({ queue, messages }: MessageBatch, env: Env, ctx: Batch["ctx"]): Promise<void> {
  const handle = queue.endsWith("-dead") ? handleDeadLetter : draw;
  const batch: Batch = { env, config: configOf(env), ctx, from: Date.now(), calls: new Lanes(PARALLEL) };
  const lanes = new Lanes(PARALLEL);
  await Promise.all(messages.map((message) => lanes.run(() => settle(message, handle, batch))));
}

async function settle(message: Message, handle: typeof draw, batch: Batch): Promise<void> {
  let delaySeconds: number | undefined;
  try {
    delaySeconds = await handle(message, batch);
  } catch (thrown) {
    const { attempts } = message;
    log("job.failed", { generation: idOf(message), attempts, error: redact(String(thrown), batch.config.secrets) });
    // Waiting mends no poison: it goes to the dead letters as fast as it can.
    delaySeconds = thrown instanceof InvalidMessage ? 0 : retryDelay(attempts, undefined, Math.random);
  }
  if (delaySeconds === undefined) message.ack();
  else message.retry({ delaySeconds });
}
