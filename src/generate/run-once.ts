import { type ErrorCode, type ErrorDetail, GatewayError } from "../errors.ts";
import { redact, log } from "../log.ts";
import type { Candidates } from "../models/candidates.ts";
import { acquireClaim, type Claim, type ClaimState, releaseClaim, replaceClaim } from "../store/claims.ts";
import { type Generation, isPending } from "../store/jobs.ts";
import { areStored, deletePictures } from "../store/pictures.ts";
import { fence, FENCED, awaitRecord, lifecycleOf, type StoredRecord } from "../store/records.ts";
import { poll } from "../concurrency.ts";
import { enqueue } from "./enqueue.ts";
import { generate, type GenerationResult } from "./generate.ts";
import type { Runtime } from "./runtime.ts";
import type { VendorSelected } from "./recorder.ts";
import { newRecord, withUrls } from "./records.ts";

/** How to run a generation once for all requests with the same claim. */
export interface RunOnceOptions {
  /** R2 key of the claim. */
  key: string;
  /** A hash of the request; the same key with another hash is rejected. */
  fingerprint: string;
  /** How long a later request waits for the result of the first. */
  waitMs: number;
  /** How long a result is valid before it is generated anew. Without a record the outcome is unknown. */
  ttlMs(record: StoredRecord | undefined): number;
  /** Called before the generation starts; if it throws, the claim is released. */
  beforeStart?(): void;
  /** Set to put the generation into the queue: the result is its record, unfinished. */
  queued?: boolean | undefined;
  candidates?: Candidates | undefined;
  /** Called with the id of the generation that the result is of. */
  onGeneration?(id: string): void;
  onVendorSelected?: VendorSelected | undefined;
}

const GONE = "The picture of the request with this key has been deleted here; use a new key.";

/** Pauses between two looks at another request's generation. */
const POLL = { firstMs: 200, growth: 1.3, maxMs: 1_500, jitter: 0.5 };

/**
 * Run one generation per claim. The first request runs it; later requests get its stored result, or the error it failed
 * with, unless nothing was charged: then the next request runs it again. Throws idempotency_conflict: 422 for another body, 409 while it runs, or if its outcome is unknown.
 */
export async function runOnce(
  generation: Generation,
  runtime: Runtime,
  options: RunOnceOptions,
): Promise<GenerationResult> {
  const { BUCKET } = runtime.env;
  const deleteUploads = () => runtime.waitUntil(deletePictures(BUCKET, generation.uploads));
  const other = await awaitOwner(generation, runtime, options).catch((error: unknown) => {
    deleteUploads();
    throw error;
  });
  options.onGeneration?.(other === "ours" ? generation.id : other.id);
  if (other === "ours") return start(generation, runtime, options);
  deleteUploads();
  options.onVendorSelected?.(other);
  if (options.queued === true) return { record: withUrls(other, generation.origin) };
  if (!(await areStored(BUCKET, other.images))) throw conflict(GONE);
  return resultOf(other, generation.origin);
}

/** Acquire the claim, or wait for the record of its owner: until it has ended, or not at all if `queued`. */
async function awaitOwner(
  generation: Generation,
  runtime: Runtime,
  options: RunOnceOptions,
): Promise<StoredRecord | "ours"> {
  const { BUCKET } = runtime.env;
  const candidate = (): Claim => ({ generation: generation.id, fingerprint: options.fingerprint, at: Date.now() });
  const look = async (): Promise<StoredRecord | "ours" | undefined> => {
    const held = await acquireClaim(BUCKET, options.key, candidate());
    if (held.isOwner) return "ours";
    const seen = await inspectClaim(generation, runtime, options, held);
    if (typeof seen === "object") return seen;
    if (seen === "free") return (await replaceClaim(BUCKET, options.key, held.etag, candidate())) ? "ours" : undefined;
    const isRecorded = options.queued === true && seen === "unfinished";
    return isRecorded ? ((await awaitRecord(BUCKET, held.claim.generation)) ?? undefined) : undefined;
  };
  const seen = await poll(look, { ...POLL, deadline: Date.now() + options.waitMs });
  if (seen === undefined) throw conflict("A request with this key is being drawn.", { retryAfter: 2 });
  return seen;
}

/** The state of another request's claim: `free` to be replaced, `waiting` for its owner to start, `unfinished`, or its record. */
async function inspectClaim(
  generation: Generation,
  { env: { BUCKET }, config }: Runtime,
  options: RunOnceOptions,
  { claim }: ClaimState,
): Promise<"free" | "waiting" | "unfinished" | StoredRecord> {
  const { leaseMs } = config.limits;
  const now = Date.now();
  const lifecycle = await lifecycleOf(BUCKET, claim.generation, now, leaseMs);
  const record = lifecycle.state === "ended" ? lifecycle.record : undefined;
  const isOver = lifecycle.state === "ended" || lifecycle.state === "lost";
  if (isOver && now - claim.at >= options.ttlMs(record)) return "free";
  // Requests that came before it ended share its failure and do not retry one after the other: they may be hundreds.
  const endedBefore = record?.finishedAt !== undefined && Date.parse(record.finishedAt) < generation.receivedAt;
  if (endedBefore && record.failure?.uncharged === true) return "free";
  if (claim.fingerprint !== options.fingerprint) throw fingerprintMismatch();
  if (record !== undefined) return record;
  switch (lifecycle.state) {
    case "none": {
      // Its owner is dead, or so slow that it is fenced off: no vendor was called, so nothing is paid twice.
      const isLate = now - claim.at > leaseMs;
      return isLate && (await fence(BUCKET, fencingRecord(generation, claim))) ? "free" : "waiting";
    }
    case "fenced":
      return "free";
    case "queued":
    case "running":
      return "unfinished";
    default:
      // The queue consumer records the end of a lost job; until then the job's record is the answer.
      if (options.queued === true && (await isPending(BUCKET, claim.generation))) return "unfinished";
      throw conflict(
        "What became of the request with this key is not known, and it may have been charged; use a new key.",
      );
  }
}

/** The record of a generation that is fenced off before it starts. */
function fencingRecord(generation: Generation, claim: Claim): StoredRecord {
  const record = newRecord({ ...generation, id: claim.generation }, "failed");
  return { ...record, error: FENCED, failure: { uncharged: true } };
}

async function start(generation: Generation, runtime: Runtime, options: RunOnceOptions): Promise<GenerationResult> {
  const { candidates, onVendorSelected } = options;
  try {
    options.beforeStart?.();
    if (options.queued === true) return await enqueue(generation, runtime, candidates);
    return await generate(generation, runtime, { mode: { kind: "shared" }, candidates, onVendorSelected });
  } catch (thrown) {
    runtime.waitUntil(releaseIfUnrecorded(generation, runtime, options.key));
    throw thrown;
  }
}

/** Release the claim of a generation without a record: other requests would wait for its lease. Never throws. */
async function releaseIfUnrecorded({ id }: Generation, { env, config }: Runtime, key: string): Promise<void> {
  try {
    const { state } = await lifecycleOf(env.BUCKET, id, Date.now(), config.limits.leaseMs);
    if (state === "none") await releaseClaim(env.BUCKET, key, id);
  } catch (error) {
    log("claim.failed", { generation: id, error: redact(String(error), config.secrets) });
  }
}

/** An ended generation as a result. Throws the error it failed with. */
export function resultOf(record: StoredRecord, origin: string): GenerationResult {
  const { error, failure } = record;
  if (error !== undefined) throw new GatewayError(error.code as ErrorCode, error.message, failure);
  return { record: withUrls(record, origin) };
}

/** 422: the Idempotency-Key belongs to another request. */
export function fingerprintMismatch(): GatewayError {
  return conflict("This key was used for another request; use a new one.", { status: 422 });
}

function conflict(message: string, { status = 409, retryAfter }: Pick<ErrorDetail, "status" | "retryAfter"> = {}) {
  const detail = { status, retryAfter, retryable: retryAfter !== undefined };
  return new GatewayError("idempotency_conflict", message, detail);
}
