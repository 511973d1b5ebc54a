import { GatewayError, toGatewayError } from "../errors.ts";
import { log } from "../log.ts";
import { settleAll, retryOnce } from "../store/objects.ts";
import { createdAtOf } from "../store/ids.ts";
import { addToOwnerIndex } from "../store/owner-index.ts";
import {
  deleteStart,
  START_RECORD_AFTER_MS,
  putEnd,
  putStart,
  type StoredRecord,
  heartbeat,
} from "../store/records.ts";
import type { Job } from "./generation.ts";
import type { GenerationRecord, Timings } from "../image/record.ts";
import { deletePictures } from "../store/pictures.ts";
import type { Candidate } from "../models/candidates.ts";
import { redact } from "../redact.ts";
import type { Exchanged } from "./vendor-call.ts";
import { newRecord, publicRecord, usageOf } from "./records.ts";

/** Thrown where a generation could not begin: no vendor was asked, and there is no record of that. */
class NotBegun extends GatewayError {}

/** Thrown where somebody else has begun the same generation: its record is theirs. */
export class AlreadyBegun extends NotBegun {
  constructor() {
    super("idempotency_conflict", "This generation is being drawn already.", { retryable: true });
  }
}

/** What R2 is told of a generation: that it runs, that it goes on, how it ended, and whose it is. */
export class Notes {
  private readonly job: Job;
  private readonly record: StoredRecord;
  private readonly timer: ReturnType<typeof setTimeout>;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private listed: Promise<void> | undefined;

  /** The record is noted as it is at the time. */
  constructor(job: Job, record: StoredRecord) {
    this.job = job;
    this.record = record;
    // One that ends sooner is noted once, at its end.
    const dueMs = Math.max(0, createdAtOf(job.id) + START_RECORD_AFTER_MS - Date.now());
    this.timer = setTimeout(() => job.waitUntil(this.note()), dueMs);
  }

  /** Where others rely on it, notes that it begins; throws NotBegun where that cannot be. */
  async begin(): Promise<void> {
    const { id, env, owned, queued, config, waitUntil } = this.job;
    if (owned !== true) return;
    clearTimeout(this.timer);
    const [began] = await settleAll([putStart(env.BUCKET, this.record), this.list()]).catch(async (cause: unknown) => {
      // It may be there all the same. A message that came twice has two who begin, and it may be the other's.
      if (queued !== true) await this.takeBack();
      const message = "The generation could not be noted; nothing was drawn.";
      throw new NotBegun("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
    });
    if (!began) throw new AlreadyBegun();
    const sign = () => waitUntil(heartbeat(env.BUCKET, id).catch((error: unknown) => this.tellLost(error)));
    this.heartbeat = setInterval(sign, config.limits.leaseMs / 3);
  }

  /** As if it had not begun: it will be, another time. */
  async takeBack(): Promise<void> {
    this.rest();
    const { id, env } = this.job;
    await deleteStart(env.BUCKET, id).catch((error: unknown) => this.tellLost(error));
  }

  /** Notes its end. Throws where that cannot be written. */
  async end(): Promise<void> {
    this.rest();
    const { BUCKET } = this.job.env;
    await Promise.all([retryOnce(() => putEnd(BUCKET, this.record)), this.list()]);
  }

  /** Tells the operator of what could not be written. */
  tellLost(error: unknown): void {
    log("record.failed", { generation: this.job.id, error: redact(String(error), this.job.config.secrets) });
  }

  private rest(): void {
    clearTimeout(this.timer);
    clearInterval(this.heartbeat);
  }

  /** Notes that it runs; a note that fails is no reason to stop. */
  private async note(): Promise<void> {
    const start = putStart(this.job.env.BUCKET, this.record).catch((error: unknown) => this.tellLost(error));
    await Promise.all([start, this.list()]);
  }

  /** Notes whose it is, once; it is there by its id all the same. */
  private list(): Promise<void> {
    const { queued, env } = this.job;
    this.listed ??= queued
      ? Promise.resolve()
      : addToOwnerIndex(env.BUCKET, this.record).catch((error: unknown) => this.tellLost(error));
    return this.listed;
  }
}

/** A generation while it runs, and its record. */
export class Generation {
  readonly job: Job;
  readonly record: StoredRecord;
  private readonly stages: Timings = { request: 0, references: 0, drawing: 0, converting: 0, total: 0 };
  private readonly notes: Notes;

  constructor(job: Job) {
    const now = Date.now();
    this.job = job;
    this.stages.request = now - job.receivedAt;
    this.record = { ...newRecord(job, "running"), startedAt: new Date(now).toISOString() };
    this.notes = new Notes(job, this.record);
  }

  /** To be called before any vendor is asked. Where others rely on it, throws NotBegun. */
  begin(): Promise<void> {
    return this.notes.begin();
  }

  /** The record as clients see it. */
  get public(): GenerationRecord {
    return publicRecord(this.record, this.job.origin);
  }

  /** Notes who is asked now, and what that vendor is not asked for; `before` is the one that did not draw. */
  ask({ target, request, warnings }: Candidate, before?: { vendor: string; error: GatewayError }): void {
    const { record, job } = this;
    const { name } = target.provider;
    record.vendor = name;
    record.model = request.model;
    const moved = before && `${before.vendor} did not draw it (${before.error.code}); ${name} was asked`;
    this.warn(...warnings, ...(moved === undefined ? [] : [moved]));
    job.chosen?.(record);
  }

  /** Notes what was dropped or rewritten, once. */
  warn(...warnings: readonly string[]): void {
    this.record.warnings = [...new Set([...this.record.warnings, ...warnings])];
  }

  /** Counts what a stage took, in milliseconds. */
  async timed<T>(stage: keyof Timings, work: Promise<T>): Promise<T> {
    const from = Date.now();
    return work.finally(() => (this.stages[stage] += Date.now() - from));
  }

  /** Ends it with the pictures of all its calls. Throws where that cannot be written. */
  async succeed(results: readonly Exchanged[]): Promise<void> {
    const texts = results.flatMap(({ text }) => text ?? []);
    this.record.images = results.flatMap(({ pictures }) => pictures);
    this.record.text = texts.length === 0 ? undefined : texts.join("\n");
    // What several calls used cannot be told in one vendor's words.
    await this.end("succeeded", results.length === 1 ? results[0]?.usage : undefined);
  }

  /** Ends it as failed and returns the error to answer. */
  async fail(thrown: unknown): Promise<GatewayError> {
    const error = toGatewayError(thrown);
    if (error instanceof NotBegun) return error;
    if (this.job.again === true && error.retryable) {
      await this.notes.takeBack();
      return error;
    }
    const { code, message, field, retryAfter, retryable, canFailover } = error;
    this.record.error = { code, message };
    const uncharged = this.record.attempts.length === 0 || retryable || canFailover;
    this.record.failure = { field, retryAfter, retryable, uncharged };
    // Only a record that could not be written gets here with pictures; nobody will ask for them.
    await deletePictures(this.job.env.BUCKET, this.record.images);
    this.record.images = [];
    await this.end("failed", undefined, error).catch((failure: unknown) => this.tellLost(failure));
    return error;
  }

  /** Tells the operator of a record that could not be written. */
  tellLost(error: unknown): void {
    this.notes.tellLost(error);
  }

  private async end(
    status: "succeeded" | "failed",
    vendorUsage: Record<string, unknown> | undefined,
    error?: GatewayError,
  ): Promise<void> {
    this.record.status = status;
    this.record.finishedAt = new Date().toISOString();
    this.record.usage = usageOf(this.record, { ...this.stages, total: Date.now() - this.job.receivedAt }, vendorUsage);
    this.log(error);
    await this.notes.end();
  }

  private log(error: GatewayError | undefined): void {
    const { id, status, dialect, vendor, model, attempts, usage } = this.record;
    log("generation", {
      generation: id,
      status,
      dialect,
      vendor,
      model,
      attempts,
      pictures: usage?.pictures,
      bytes: usage?.bytes,
      cost: usage?.cost,
      ms: usage?.ms,
      error: error?.code,
      vendorStatus: error?.vendorStatus,
      cause: error?.code === "internal" ? redact(String(error.cause), this.job.config.secrets) : undefined,
    });
  }
}
