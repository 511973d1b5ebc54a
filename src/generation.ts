import type { Env, Settings } from "./env.ts";
import { asGatewayError, type GatewayError, redact } from "./errors.ts";
import type { Exchanged } from "./exchange.ts";
import type { GenerationRecord, StoredPicture } from "./image/request.ts";
import { log } from "./log.ts";
import { dropPictures } from "./store/pictures.ts";
import { putEnd, putStart, type StoredRecord } from "./store/records.ts";
import type { Asked } from "./vendors/vendor.ts";

/** One accepted request. */
export interface Job {
  id: string;
  asked: Asked;
  /** Name of the dialect it came in. */
  dialect: string;
  principal: string;
  /** Origin of the URLs in its record. */
  origin: string;
  env: Env;
  settings: Settings;
  /** Pictures that came with the request; dropped when the generation has ended. */
  hoisted: readonly StoredPicture[];
  /** Whether the client may get a vendor's bytes as they are. */
  passThrough: boolean;
  /** Keeps the isolate at work after the answer, or after the client left. */
  waitUntil(work: Promise<unknown>): void;
}

/** R2 takes one write a second per key: a record that was refused is tried once more after this. */
const RECORD_AGAIN_MS = 1_100;

/** The record of a generation that is about to run. */
export function begin(job: Job): StoredRecord {
  const { id, dialect, principal, asked } = job;
  const createdAt = new Date().toISOString();
  return {
    id,
    status: "running",
    dialect,
    principal,
    vendor: "",
    model: asked.request.model,
    images: [],
    warnings: asked.warnings,
    attempts: [],
    createdAt,
  };
}

/** Notes that the generation runs; a note that fails is no reason to stop. */
export async function start(job: Job, record: StoredRecord): Promise<void> {
  await putStart(job.env.BUCKET, record).catch((error: unknown) => logLost(job, error));
}

export function logLost(job: Job, error: unknown): void {
  log("record.failed", { generation: job.id, error: redact(String(error), job.settings.secrets) });
}

export async function succeed(job: Job, record: StoredRecord, results: Exchanged[]): Promise<void> {
  const texts = results.flatMap(({ text }) => text ?? []);
  record.images = results.flatMap(({ pictures }) => pictures);
  record.text = texts.length === 0 ? undefined : texts.join("\n");
  record.usage = results[0]?.usage;
  await end(job, record, "succeeded");
}

/** Ends the generation as failed and returns the error to answer. */
export async function fail(job: Job, record: StoredRecord, thrown: unknown): Promise<GatewayError> {
  const error = asGatewayError(thrown);
  record.error = { code: error.code, message: error.message };
  // Only a record that could not be written gets here with pictures; nobody will ask for them.
  await dropPictures(job.env.BUCKET, record.images);
  record.images = [];
  await end(job, record, "failed", error).catch((failure: unknown) => logLost(job, failure));
  return error;
}

async function end(
  job: Job,
  record: StoredRecord,
  status: "succeeded" | "failed",
  error?: GatewayError,
): Promise<void> {
  record.status = status;
  record.finishedAt = new Date().toISOString();
  const { id, dialect, vendor, model, attempts, images } = record;
  log("generation", {
    generation: id,
    status,
    dialect,
    vendor,
    model,
    attempts: attempts.map(({ vendor: name, ms, error: code }) => ({ vendor: name, ms, error: code })),
    pictures: images.length,
    bytes: images.reduce((sum, image) => sum + image.bytes, 0),
    error: error?.code,
    vendorStatus: error?.vendorStatus,
    cause: error?.code === "internal" ? redact(String(error.cause), job.settings.secrets) : undefined,
  });
  await putEnd(job.env.BUCKET, record).catch(async () => {
    await scheduler.wait(RECORD_AGAIN_MS);
    await putEnd(job.env.BUCKET, record);
  });
}

/** The record as clients see it. */
export function publicRecord(record: StoredRecord, origin: string): GenerationRecord {
  const { principal: _, images, ...rest } = record;
  return { ...rest, images: images.map((image, n) => ({ ...image, url: `${origin}/images/${record.id}/${n}` })) };
}
