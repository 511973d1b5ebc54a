import { type ErrorCode, GatewayError } from "../errors.ts";
import { generate, type Answer } from "../generate.ts";
import { claim, type Claim, type Held, release, takeOver } from "../store/claims.ts";
import { dropPictures } from "../store/pictures.ts";
import { progressOf, type StoredRecord } from "../store/records.ts";
import { type Job, publicRecord } from "./generation.ts";

/** What is to be drawn once for all who ask for it. */
export interface Once {
  /** R2 key of its claim. */
  key: string;
  /** A hash of what is asked; the same key for something else is refused. */
  fingerprint: string;
  /** How long one that comes second waits for the first. */
  waitMs: number;
  /** How long the claim counts; a later one begins anew. */
  keepMs: number;
}

const POLL_MS = 200;

/**
 * One generation, however many ask for it at once or again: the first has it drawn, the others are answered from what is
 * stored. Throws what the first one's failure was, or idempotency_conflict: 422 for another body, 409 where it goes on, or
 * where nobody knows whether it was drawn. `about` is told whose generation the answer is.
 */
export async function once(job: Job, what: Once, about: (generation: string) => void): Promise<Answer> {
  const drop = () => job.waitUntil(dropPictures(job.env.BUCKET, job.hoisted));
  const other = await settle(job, what).catch((error: unknown) => {
    drop();
    throw error;
  });
  about(other?.id ?? job.id);
  if (other === undefined) return draw(job, what);
  drop();
  return answerOf(other, job);
}

/** The record of who came first, once it has ended; undefined where it is up to us. */
async function settle(job: Job, what: Once): Promise<StoredRecord | undefined> {
  const { BUCKET } = job.env;
  const offered = (): Claim => ({ generation: job.id, fingerprint: what.fingerprint, at: Date.now() });
  const until = Date.now() + what.waitMs;
  let held = await claim(BUCKET, what.key, offered());
  for (;;) {
    if (held.mine) return undefined;
    const seen = await look(job, what, held);
    if (seen === "free") {
      if (await takeOver(BUCKET, what.key, held.etag, offered())) return undefined;
    } else if (seen !== "waiting") return seen;
    else if (Date.now() >= until) throw conflict("A request with this key is being drawn.", { retryAfter: 2 });
    else await scheduler.wait(POLL_MS);
    held = await claim(BUCKET, what.key, offered());
  }
}

/** What has become of somebody else's claim. */
async function look(job: Job, what: Once, { claim }: Held): Promise<"free" | "waiting" | StoredRecord> {
  const { leaseMs } = job.settings.limits;
  const now = Date.now();
  if (now - claim.at > what.keepMs) return "free";
  if (claim.fingerprint !== what.fingerprint) {
    throw conflict("This key was used for another request; use a new one.", { status: 422 });
  }
  const progress = await progressOf(job.env.BUCKET, claim.generation, now, leaseMs);
  if (progress.at === "ended") return progress.record;
  // No vendor was asked, and its owner is gone: it can be drawn without paying twice.
  if (progress.at === "none") return now - claim.at > leaseMs ? "free" : "waiting";
  if (progress.at === "running") return "waiting";
  const lost = "What became of the request with this key is not known, and it may have been charged; use a new key.";
  throw conflict(lost, {});
}

async function draw(job: Job, { key }: Once): Promise<Answer> {
  try {
    return await generate({ ...job, owned: true });
  } catch (thrown) {
    const again = thrown instanceof GatewayError && (thrown.retryable || thrown.elsewhere);
    if (again) await release(job.env.BUCKET, key);
    throw thrown;
  }
}

function answerOf(record: StoredRecord, { origin }: Job): Answer {
  const { error } = record;
  if (error !== undefined) throw new GatewayError(error.code as ErrorCode, error.message);
  return { record: publicRecord(record, origin) };
}

function conflict(
  message: string,
  { status = 409, retryAfter }: { status?: number; retryAfter?: number },
): GatewayError {
  const detail = { status, retryAfter, retryable: retryAfter !== undefined };
  return new GatewayError("idempotency_conflict", message, detail);
}
