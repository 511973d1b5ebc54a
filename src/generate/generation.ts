import { asGatewayError, type GatewayError, redact } from "../errors.ts";
import type { GenerationRecord, Stages } from "../image/record.ts";
import { log } from "../log.ts";
import { dropPictures } from "../store/pictures.ts";
import type { StoredRecord } from "../store/records.ts";
import type { Route } from "./choose.ts";
import type { Exchanged } from "./exchange.ts";
import type { Job } from "./job.ts";
import { NotBegun, Notes } from "./notes.ts";
import { newRecord, publicRecord, usageOf } from "./record.ts";

/** A generation while it runs, and its record. */
export class Generation {
  readonly job: Job;
  readonly record: StoredRecord;
  private readonly stages: Stages = { request: 0, references: 0, drawing: 0, converting: 0, total: 0 };
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
  ask({ target, request, warnings }: Route, before?: { vendor: string; error: GatewayError }): void {
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
  async timed<T>(stage: keyof Stages, work: Promise<T>): Promise<T> {
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
    const error = asGatewayError(thrown);
    if (error instanceof NotBegun) return error;
    if (this.job.again === true && error.retryable) {
      await this.notes.takeBack();
      return error;
    }
    const { code, message, field, retryAfter, retryable, elsewhere } = error;
    this.record.error = { code, message };
    const uncharged = this.record.attempts.length === 0 || retryable || elsewhere;
    this.record.failure = { field, retryAfter, retryable, uncharged };
    // Only a record that could not be written gets here with pictures; nobody will ask for them.
    await dropPictures(this.job.env.BUCKET, this.record.images);
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
      cause: error?.code === "internal" ? redact(String(error.cause), this.job.settings.secrets) : undefined,
    });
  }
}
