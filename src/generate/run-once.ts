import { type ErrorCode, type ErrorDetail, GatewayError } from "../errors.ts";
import { generate, type Answer } from "./generate.ts";
import { log } from "../log.ts";
import { redact } from "../redact.ts";
import { acquireClaim, type Claim, type ClaimState, releaseClaim, replaceClaim } from "../store/claims.ts";
import { isPending } from "../store/jobs.ts";
import { areStored, deletePictures } from "../store/pictures.ts";
import { fence, getRecord, lifecycleOf, type StoredRecord, FENCED } from "../store/records.ts";
import type { Job } from "./generation.ts";
import { enqueue } from "./enqueue.ts";
import { newRecord, publicRecord } from "./records.ts";

/** What is to be drawn once for all who ask for it. */
export interface Once {
  /** R2 key of its claim. */
  key: string;
  /** A hash of what is asked; the same key for something else is refused. */
  fingerprint: string;
  /** How long one that comes second waits for the first. */
  waitMs: number;
  /** How long what came of it counts, after which it is drawn anew; without a record nobody knows what came of it. */
  keepMs(record: StoredRecord | undefined): number;
  /** Called by the one that draws, before it does; what it throws lets go of the claim. */
  begin?(): void;
  /** Set where it is queued rather than drawn at once: the answer is its record as it stands. */
  later?: boolean | undefined;
}

const GONE = "The picture of the request with this key has been deleted here; use a new key.";

/** Between two looks at what another draws: longer each time, and not all at once. */
const POLL_MS = { first: 200, longest: 1_500, growth: 1.3 };

/**
 * One generation, however many ask for it at once or again: the first has it drawn, the others are answered from what is
 * stored. Throws what the first one's failure was, or idempotency_conflict: 422 for another body, 409 where it goes on, or
 * where nobody knows whether it was drawn. `about` is told whose generation the answer is.
 */
export async function once(job: Job, what: Once, about: (generation: string) => void): Promise<Answer> {
  const drop = () => job.waitUntil(deletePictures(job.env.BUCKET, job.hoisted));
  const other = await settle(job, what).catch((error: unknown) => {
    drop();
    throw error;
  });
  about(other?.id ?? job.id);
  if (other === undefined) return draw(job, what);
  drop();
  job.chosen?.(other);
  if (what.later === true) return { record: publicRecord(other, job.origin) };
  if (!(await areStored(job.env.BUCKET, other.images))) throw conflict(GONE);
  return answerOf(other, job.origin);
}

/** The record of who came first, once it has ended, or `later` as it stands; undefined where it is up to us. */
async function settle(job: Job, what: Once): Promise<StoredRecord | undefined> {
  const { BUCKET } = job.env;
  const offered = (): Claim => ({ generation: job.id, fingerprint: what.fingerprint, at: Date.now() });
  const until = Date.now() + what.waitMs;
  let pauseMs = POLL_MS.first;
  let held = await acquireClaim(BUCKET, what.key, offered());
  while (!held.isOwner) {
    const seen = await look(job, what, held);
    if (typeof seen === "object") return seen;
    if (seen === "free") {
      if (await replaceClaim(BUCKET, what.key, held.etag, offered())) return undefined;
    } else {
      const isNoted = what.later === true && seen === "running";
      const record = isNoted ? await getRecord(BUCKET, held.claim.generation) : null;
      if (record !== null) return record;
      if (Date.now() >= until) throw conflict("A request with this key is being drawn.", { retryAfter: 2 });
      // Each waits by itself: the runtime cancels a request that waits for what another one has begun.
      await scheduler.wait(pauseMs * (0.75 + Math.random() / 2));
      pauseMs = Math.min(POLL_MS.longest, pauseMs * POLL_MS.growth);
    }
    held = await acquireClaim(BUCKET, what.key, offered());
  }
  return undefined;
}

/** What has become of somebody else's claim: `none` where its owner has not begun yet. */
async function look(job: Job, what: Once, { claim }: ClaimState): Promise<"free" | "none" | "running" | StoredRecord> {
  const { leaseMs } = job.config.limits;
  const now = Date.now();
  const progress = await lifecycleOf(job.env.BUCKET, claim.generation, now, leaseMs);
  const record = progress.at === "ended" ? progress.record : undefined;
  const over = progress.at === "ended" || progress.at === "lost";
  if (over && now - claim.at >= what.keepMs(record)) return "free";
  // Whoever came before it ended shares what it came to, and does not try again in its turn: they may be hundreds.
  const isPast = record?.finishedAt !== undefined && Date.parse(record.finishedAt) < job.receivedAt;
  if (isPast && record.failure?.uncharged === true) return "free";
  if (claim.fingerprint !== what.fingerprint) throw usedForAnother();
  if (record !== undefined) return record;
  // No vendor was asked, and its owner is gone, or so slow that it is kept from asking any: nobody pays twice.
  if (progress.at === "disowned") return "free";
  if (progress.at === "none") {
    const isOurs = now - claim.at > leaseMs && (await fence(job.env.BUCKET, inPlaceOf(job, claim)));
    return isOurs ? "free" : "none";
  }
  if (progress.at === "running" || progress.at === "queued") return "running";
  // Of a job the consumer notes what became of it; until then its record is the answer, as it was before.
  if (what.later === true && (await isPending(job.env.BUCKET, claim.generation))) return "running";
  const lost = "What became of the request with this key is not known, and it may have been charged; use a new key.";
  throw conflict(lost);
}

/** The record of a generation that is kept from beginning. */
function inPlaceOf(job: Job, { generation }: Claim): StoredRecord {
  return { ...newRecord({ ...job, id: generation }, "failed"), error: FENCED, failure: { uncharged: true } };
}

async function draw(job: Job, { key, begin, later = false }: Once): Promise<Answer> {
  try {
    begin?.();
    return await (later ? enqueue(job) : generate({ ...job, owned: true }));
  } catch (thrown) {
    job.waitUntil(letGo(job, key));
    throw thrown;
  }
}

/** Lets go of a claim whose generation left no record: others would wait for it until its lease is over. Never throws. */
async function letGo({ id, env, config }: Job, key: string): Promise<void> {
  try {
    const { at } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
    if (at === "none") await releaseClaim(env.BUCKET, key, id);
  } catch (error) {
    log("claim.failed", { generation: id, error: redact(String(error), config.secrets) });
  }
}

/** An ended generation as an answer. Throws what it failed with. */
export function answerOf(record: StoredRecord, origin: string): Answer {
  const { error, failure } = record;
  if (error !== undefined) throw new GatewayError(error.code as ErrorCode, error.message, failure);
  return { record: publicRecord(record, origin) };
}

/** 422: the Idempotency-Key of another request. */
export function usedForAnother(): GatewayError {
  return conflict("This key was used for another request; use a new one.", { status: 422 });
}

function conflict(message: string, { status = 409, retryAfter }: Pick<ErrorDetail, "status" | "retryAfter"> = {}) {
  const detail = { status, retryAfter, retryable: retryAfter !== undefined };
  return new GatewayError("idempotency_conflict", message, detail);
}
