import type { GatewayError } from "../errors.ts";
import type { StoredPicture } from "./request.ts";
import type { Wire } from "./wire.ts";

/** A generation and what became of it, as `GET /v1/generations/{id}` shows it. Times are ISO 8601. */
export interface GenerationRecord {
  id: string;
  status: "queued" | "running" | "succeeded" | "failed";
  vendor: string;
  model: string;
  dialect: string;
  /** Final pictures only, each reachable at its `url`. */
  images: (StoredPicture & { url: string })[];
  /** What the model said beside its pictures. */
  text?: string | undefined;
  warnings: string[];
  usage?: Usage | undefined;
  error?: { code: string; message: string } | undefined;
  attempts: Attempt[];
  createdAt: string;
  finishedAt?: string | undefined;
}

/** Milliseconds that each stage took: the request to arrive, references to be fetched, and so on. */
export interface Timings {
  request: number;
  references: number;
  drawing: number;
  converting: number;
  total: number;
}

/** What a generation used. */
export interface Usage {
  /** Pictures that were kept, and their bytes. */
  pictures: number;
  bytes: number;
  /** Of all attempts, one entry a currency; absent where no price is known. */
  cost?: Cost[] | undefined;
  ms: Timings;
  /** What the vendor said of it, in its own words. */
  vendor?: Record<string, unknown> | undefined;
}

/** Money, or a vendor's own `credits`. */
export interface Cost {
  amount: number;
  currency: string;
}

/** One call to a vendor. */
export interface Attempt {
  vendor: string;
  /** From dispatch to the last picture stored, and the part of it until the vendor's headers came. */
  ms: number;
  waitMs?: number | undefined;
  pictures?: number | undefined;
  /** As the vendor says, else by the price list. */
  cost?: Cost | undefined;
  /** Its code, if it failed. */
  error?: string | undefined;
}

/** A record as the public contract has it: nothing of where R2 keeps the pictures. */
export function recordWire(record: GenerationRecord): Wire {
  return {
    id: record.id,
    status: record.status,
    vendor: record.vendor,
    model: record.model,
    dialect: record.dialect,
    images: record.images.map(({ url, type, width, height, bytes }) => ({ url, type, width, height, bytes })),
    text: record.text,
    warnings: record.warnings,
    usage: (record.usage as Wire | undefined) ?? null,
    error: record.error ?? null,
    attempts: record.attempts as unknown as Wire[],
    createdAt: record.createdAt,
    finishedAt: record.finishedAt ?? null,
  };
}

/** An error as the public contract has it; a dialect of another vendor has its own shape. */
export function errorWire({ code, message, field }: Pick<GatewayError, "code" | "message" | "field">): Wire {
  return { error: { code, message, field } };
}
