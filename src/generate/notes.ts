import { GatewayError, redact } from "../errors.ts";
import { log } from "../log.ts";
import { all, twice } from "../store/again.ts";
import { madeAt } from "../store/ids.ts";
import { putOwned } from "../store/owned.ts";
import { dropStart, NOTED_AFTER_MS, putEnd, putStart, type StoredRecord, touch } from "../store/records.ts";
import type { Job } from "./job.ts";

/** Thrown where a generation could not begin: no vendor was asked, and there is no record of that. */
export class NotBegun extends GatewayError {}

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
    const dueMs = Math.max(0, madeAt(job.id) + NOTED_AFTER_MS - Date.now());
    this.timer = setTimeout(() => job.waitUntil(this.note()), dueMs);
  }

  /** Where others rely on it, notes that it begins; throws NotBegun where that cannot be. */
  async begin(): Promise<void> {
    const { id, env, owned, queued, settings, waitUntil } = this.job;
    if (owned !== true) return;
    clearTimeout(this.timer);
    const [began] = await all([putStart(env.BUCKET, this.record), this.list()]).catch(async (cause: unknown) => {
      // It may be there all the same. A message that came twice has two who begin, and it may be the other's.
      if (queued !== true) await this.takeBack();
      const message = "The generation could not be noted; nothing was drawn.";
      throw new NotBegun("internal", message, { status: 503, retryAfter: 5, retryable: true, cause });
    });
    if (!began) throw new AlreadyBegun();
    const sign = () => waitUntil(touch(env.BUCKET, id).catch((error: unknown) => this.tellLost(error)));
    this.heartbeat = setInterval(sign, settings.limits.leaseMs / 3);
  }

  /** As if it had not begun: it will be, another time. */
  async takeBack(): Promise<void> {
    this.rest();
    const { id, env } = this.job;
    await dropStart(env.BUCKET, id).catch((error: unknown) => this.tellLost(error));
  }

  /** Notes its end. Throws where that cannot be written. */
  async end(): Promise<void> {
    this.rest();
    const { BUCKET } = this.job.env;
    await Promise.all([twice(() => putEnd(BUCKET, this.record)), this.list()]);
  }

  /** Tells the operator of what could not be written. */
  tellLost(error: unknown): void {
    log("record.failed", { generation: this.job.id, error: redact(String(error), this.job.settings.secrets) });
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
      : putOwned(env.BUCKET, this.record).catch((error: unknown) => this.tellLost(error));
    return this.listed;
  }
}
