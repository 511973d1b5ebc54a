import { GatewayError, toGatewayError } from "../errors.ts";
import { redact, log } from "../log.ts";
import type { Attempt, GenerationRecord, Timings } from "../image/record.ts";
import type { Candidate } from "../models/candidates.ts";
import { createdAtOf } from "../store/ids.ts";
import type { Generation } from "../store/jobs.ts";
import { retryOnce, settleAll } from "../store/objects.ts";
import { addToOwnerIndex } from "../store/owner-index.ts";
import { deletePictures, pictureKeys } from "../store/pictures.ts";
import {
  deleteStart,
  heartbeat,
  putEnd,
  putStart,
  START_RECORD_AFTER_MS,
  type StoredRecord,
} from "../store/records.ts";
import {
  AlreadyStartedError,
  type CallResult,
  type Mode,
  StartFailedError,
  RetryLaterError,
  type Runtime,
} from "./runtime.ts";
import { eventOf, newRecord, withUrls, usageOf } from "./records.ts";

/** Receives the vendor, the model and the warnings up to now when a vendor is selected. */
export type VendorSelected = (record: Pick<GenerationRecord, "vendor" | "model" | "warnings">) => void;

/** A vendor call in a record while it runs. */
export interface RunningAttempt {
  /** The vendor's headers have come. */
  answered(): void;
  end(result: CallResult | GatewayError): void;
}

/**
 * The state of a run: the generation's record, and its life in R2 (start, heartbeats, end, owner index). A direct generation
 * that ends within a second has no start record.
 */
export class Recorder {
  private readonly generation: Generation;
  private readonly runtime: Runtime;
  private readonly mode: Mode;
  private readonly onVendorSelected: VendorSelected | undefined;
  private readonly record: StoredRecord;
  private readonly timings: Timings = { request: 0, references: 0, drawing: 0, converting: 0, total: 0 };
  private pictureCount = 0;
  private startTimer: ReturnType<typeof setTimeout> | undefined;
  private heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  private indexed: Promise<void> | undefined;

  constructor(generation: Generation, runtime: Runtime, mode: Mode, onVendorSelected?: VendorSelected) {
    const now = Date.now();
    this.generation = generation;
    this.runtime = runtime;
    this.mode = mode;
    this.onVendorSelected = onVendorSelected;
    this.record = { ...newRecord(generation, "running"), startedAt: new Date(now).toISOString() };
    this.timings.request = now - generation.receivedAt;
  }

  /** The record with URLs. */
  get publicRecord(): GenerationRecord {
    return withUrls(this.record, this.generation.origin);
  }

  /** Record the start: of a direct generation after a second, else at once. Throws StartFailedError: call no vendor then. */
  async start(): Promise<void> {
    const { id } = this.generation;
    const { env, config, waitUntil } = this.runtime;
    if (this.mode.kind === "direct") {
      const dueMs = Math.max(0, createdAtOf(id) + START_RECORD_AFTER_MS - Date.now());
      this.startTimer = setTimeout(() => waitUntil(this.writeLateStart()), dueMs);
      return;
    }
    const [started] = await settleAll([putStart(env.BUCKET, this.record), this.indexOwner()]).catch(
      async (cause: unknown) => {
        // The put may have succeeded despite the error. Of a redelivered message the start record may be the other consumer's.
        if (this.mode.kind !== "queued") await this.rollbackStart();
        const message = "The generation could not be noted; nothing was drawn.";
        throw new StartFailedError("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
      },
    );
    if (!started) throw new AlreadyStartedError();
    const beat = () => waitUntil(heartbeat(env.BUCKET, id).catch((error: unknown) => this.logWriteFailure(error)));
    this.heartbeatTimer = setInterval(beat, config.limits.leaseMs / 3);
  }

  /** Record the vendor that is called now, and its warnings. `failed` is the vendor that was called before it. */
  selectVendor({ endpoint, request, warnings }: Candidate, failed?: { vendor: string; error: GatewayError }): void {
    const { name } = endpoint.provider;
    this.record.vendor = name;
    this.record.model = request.model;
    this.warn(...warnings);
    if (failed !== undefined) this.warn(`${failed.vendor} did not draw it (${failed.error.code}); ${name} was asked`);
    this.onVendorSelected?.({ vendor: name, model: request.model, warnings: this.record.warnings });
  }

  /** Add warnings, each of them once. */
  warn(...warnings: readonly string[]): void {
    this.record.warnings = [...new Set([...this.record.warnings, ...warnings])];
  }

  /** Add the duration of `work` to a stage. */
  async timed<T>(stage: keyof Timings, work: Promise<T>): Promise<T> {
    const from = Date.now();
    return work.finally(() => (this.timings[stage] += Date.now() - from));
  }

  /** Add an attempt: a vendor call that is made. */
  startAttempt(vendor: string): RunningAttempt {
    const from = Date.now();
    const attempt: Attempt = { vendor, ms: 0 };
    this.record.attempts.push(attempt);
    return {
      answered: () => (attempt.waitMs = Date.now() - from),
      end: (result) => {
        if (result instanceof GatewayError) attempt.error = result.code;
        else [attempt.pictures, attempt.cost] = [result.pictures.length, result.cost];
        attempt.ms = Date.now() - from;
      },
    };
  }

  /** The R2 key of the next picture, whether it becomes part of the result or not. */
  nextPictureKey(): string {
    return pictureKeys.picture(this.generation.id, this.pictureCount++);
  }

  /** Record the end with the pictures of all calls. Throws if R2 does not accept it. */
  async succeed(results: readonly CallResult[]): Promise<void> {
    const texts = results.flatMap(({ text }) => text ?? []);
    this.record.images = results.flatMap(({ pictures }) => pictures);
    this.record.text = texts.length === 0 ? undefined : texts.join("\n");
    // The usage of several calls has no common form.
    await this.end("succeeded", results.length === 1 ? results[0]?.usage : undefined);
  }

  /** Record the failure and return the error for the caller. Never throws. */
  async fail(thrown: unknown): Promise<GatewayError> {
    const error = toGatewayError(thrown);
    if (error instanceof AlreadyStartedError) return error;
    const isStarted = !(error instanceof StartFailedError);
    if (this.mode.kind === "queued" && !this.mode.isLastTry && error.retryable) {
      if (isStarted) await this.rollbackStart();
      return new RetryLaterError(error, this.record.attempts);
    }
    if (!isStarted) return error;
    const { code, message, field, retryAfter, retryable, canFailover } = error;
    this.record.error = { code, message };
    const uncharged = this.record.attempts.length === 0 || retryable || canFailover;
    this.record.failure = { field, retryAfter, retryable, uncharged };
    // There are pictures only if the end record could not be written: no client can reach them.
    await deletePictures(this.runtime.env.BUCKET, this.record.images);
    this.record.images = [];
    await this.end("failed", undefined, error).catch((failure: unknown) => this.logWriteFailure(failure));
    return error;
  }

  /** Log a record that could not be written. */
  logWriteFailure(error: unknown): void {
    log("record.failed", { generation: this.generation.id, error: this.redacted(error) });
  }

  private async end(
    status: "succeeded" | "failed",
    vendorUsage: Record<string, unknown> | undefined,
    error?: GatewayError,
  ): Promise<void> {
    const { BUCKET } = this.runtime.env;
    const timings = { ...this.timings, total: Date.now() - this.generation.receivedAt };
    this.stopTimers();
    this.record.status = status;
    this.record.finishedAt = new Date().toISOString();
    this.record.usage = usageOf(this.record, timings, vendorUsage);
    log("generation", eventOf(this.record, error, error && this.redacted(error.cause)));
    await Promise.all([retryOnce(() => putEnd(BUCKET, this.record)), this.indexOwner()]);
  }

  /** A failed write is no reason to stop: the end record follows. */
  private async writeLateStart(): Promise<void> {
    const start = putStart(this.runtime.env.BUCKET, this.record).catch((error: unknown) => this.logWriteFailure(error));
    await Promise.all([start, this.indexOwner()]);
  }

  /** Delete the start record, as if the generation had never started. */
  private async rollbackStart(): Promise<void> {
    this.stopTimers();
    await deleteStart(this.runtime.env.BUCKET, this.generation.id).catch((error: unknown) =>
      this.logWriteFailure(error),
    );
  }

  private stopTimers(): void {
    clearTimeout(this.startTimer);
    clearInterval(this.heartbeatTimer);
  }

  /** Add the generation to its owner's list, once. On failure it is missing there, and can still be read by its id. */
  private indexOwner(): Promise<void> {
    const { BUCKET } = this.runtime.env;
    this.indexed ??=
      this.mode.kind === "queued"
        ? Promise.resolve()
        : addToOwnerIndex(BUCKET, this.record).catch((error: unknown) => this.logWriteFailure(error));
    return this.indexed;
  }

  private redacted(cause: unknown): string {
    return redact(String(cause), this.runtime.config.secrets);
  }
}
