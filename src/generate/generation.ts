import type { Env, Settings } from "../env.ts";
import { asGatewayError, GatewayError, redact } from "../errors.ts";
import type { Route } from "./choose.ts";
import type { Exchanged } from "./exchange.ts";
import type { GenerationRecord, Stages } from "../image/record.ts";
import type { Lanes } from "./lanes.ts";
import { log } from "../log.ts";
import { twice } from "../store/again.ts";
import type { StoredJob } from "../store/jobs.ts";
import { putOwned } from "../store/owned.ts";
import { dropPictures } from "../store/pictures.ts";
import { newRecord, publicRecord, usageOf } from "./record.ts";
import { madeAt } from "../store/ids.ts";
import { dropStart, NOTED_AFTER_MS, putEnd, putStart, type StoredRecord, touch } from "../store/records.ts";

/** One accepted request. */
export interface Job extends StoredJob {
  env: Env;
  settings: Settings;
  /** Set where others rely on it being drawn once: its start is noted before any vendor is asked, and kept alive. */
  owned?: boolean | undefined;
  /** Set where it is begun again after a failure that may pass: such a failure does not end it. */
  again?: boolean | undefined;
  /** Set where it comes from the queue, and is listed as its owner's since then. */
  queued?: boolean | undefined;
  /** Set where several generations share one invocation, and so its connections. */
  lanes?: Lanes | undefined;
  /** Told as soon as it is known who draws, so that an error can say so too. */
  chosen(record: Pick<GenerationRecord, "vendor" | "model" | "warnings">): void;
  /** Keeps the isolate at work after the answer, or after the client left. */
  waitUntil(work: Promise<unknown>): void;
}

/** Thrown where a generation could not begin: no vendor was asked, and there is no record of that. */
class NotBegun extends GatewayError {}

/** Thrown where somebody else has begun the same generation: its record is theirs. */
export class AlreadyBegun extends NotBegun {
  constructor() {
    super("idempotency_conflict", "This generation is being drawn already.", { retryable: true });
  }
}

/** A generation while it runs, and the keeper of its record. */
export class Generation {
  readonly job: Job;
  readonly record: StoredRecord;
  private readonly stages: Stages = { request: 0, references: 0, drawing: 0, converting: 0, total: 0 };
  private readonly timer: ReturnType<typeof setTimeout>;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private listed: Promise<void> | undefined;

  constructor(job: Job) {
    const now = Date.now();
    this.job = job;
    this.stages.request = now - job.receivedAt;
    this.record = { ...newRecord(job, "running"), startedAt: new Date(now).toISOString() };
    // One that ends sooner is recorded once, at its end.
    this.timer = setTimeout(() => job.waitUntil(this.note()), Math.max(0, madeAt(job.id) + NOTED_AFTER_MS - now));
  }

  /** To be called before any vendor is asked. Where others rely on it, throws NotBegun. */
  async begin(): Promise<void> {
    const { id, env, owned, settings, waitUntil } = this.job;
    if (owned !== true) return;
    clearTimeout(this.timer);
    const [began] = await Promise.all([putStart(env.BUCKET, this.record), this.list()]).catch((cause: unknown) => {
      const message = "The generation could not be noted; nothing was drawn.";
      throw new NotBegun("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
    });
    if (!began) throw new AlreadyBegun();
    const sign = () => waitUntil(touch(env.BUCKET, id).catch((error: unknown) => this.logLost(error)));
    this.heartbeat = setInterval(sign, settings.limits.leaseMs / 3);
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
    job.chosen(record);
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
      await this.takeBack();
      return error;
    }
    const { code, message, field, retryAfter, retryable, elsewhere } = error;
    this.record.error = { code, message };
    const uncharged = this.record.attempts.length === 0 || retryable || elsewhere;
    this.record.failure = { field, retryAfter, retryable, uncharged };
    // Only a record that could not be written gets here with pictures; nobody will ask for them.
    await dropPictures(this.job.env.BUCKET, this.record.images);
    this.record.images = [];
    await this.end("failed", undefined, error).catch((failure: unknown) => this.logLost(failure));
    return error;
  }

  /** Tells the operator of a record that could not be written. */
  logLost(error: unknown): void {
    log("record.failed", { generation: this.job.id, error: redact(String(error), this.job.settings.secrets) });
  }

  /** As if it had not begun: it will be, another time. */
  private async takeBack(): Promise<void> {
    this.rest();
    const { id, env } = this.job;
    await dropStart(env.BUCKET, id).catch((error: unknown) => this.logLost(error));
  }

  private rest(): void {
    clearTimeout(this.timer);
    clearInterval(this.heartbeat);
  }

  /** Notes that it runs; a note that fails is no reason to stop. */
  private async note(): Promise<void> {
    const start = putStart(this.job.env.BUCKET, this.record).catch((error: unknown) => this.logLost(error));
    await Promise.all([start, this.list()]);
  }

  /** Notes whose it is, once; it is there by its id all the same. */
  private list(): Promise<void> {
    const { queued, env } = this.job;
    this.listed ??= queued
      ? Promise.resolve()
      : putOwned(env.BUCKET, this.record).catch((error: unknown) => this.logLost(error));
    return this.listed;
  }

  private async end(
    status: "succeeded" | "failed",
    vendorUsage: Record<string, unknown> | undefined,
    error?: GatewayError,
  ): Promise<void> {
    const { env } = this.job;
    this.rest();
    this.record.status = status;
    this.record.finishedAt = new Date().toISOString();
    this.record.usage = usageOf(this.record, { ...this.stages, total: Date.now() - this.job.receivedAt }, vendorUsage);
    this.log(error);
    await Promise.all([twice(() => putEnd(env.BUCKET, this.record)), this.list()]);
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
