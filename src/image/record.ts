import type { GatewayError } from "../errors.ts";
import type { StoredPicture } from "./request.ts";
import type { Wire } from "./wire.ts";

/** A generation and its result, as returned by `GET /v1/generations/{id}`. Times are ISO 8601. */
export interface GenerationRecord {
  id: string;
  status: "queued" | "running" | "succeeded" | "failed";
  vendor: string;
  model: string;
  dialect: string;
  /** Final pictures only, each reachable at its `url`. */
  images: (StoredPicture & { url: string })[];
  /** Text that the model returned with its pictures. */
  text?: string | undefined;
  warnings: string[];
  usage?: Usage | undefined;
  error?: { code: string; message: string } | undefined;
  attempts: Attempt[];
  createdAt: string;
  finishedAt?: string | undefined;
}

/** Milliseconds of each stage: receiving the request, fetching references, and so on. */
export interface Timings {
  request: number;
  references: number;
  drawing: number;
  converting: number;
  total: number;
}

/** Pictures, bytes, cost and time of a generation. */
export interface Usage {
  /** Stored pictures, and their bytes. */
  pictures: number;
  bytes: number;
  /** Of all attempts, one entry per currency; absent if no price is known. */
  cost?: Cost[] | undefined;
  ms: Timings;
  /** The vendor's own usage object, unchanged. */
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
  /** From dispatch to the last picture stored; `waitMs` is the part until the vendor's headers arrived. */
  ms: number;
  waitMs?: number | undefined;
  pictures?: number | undefined;
  /** As reported by the vendor, else by the price list. */
  cost?: Cost | undefined;
  /** The error code, if the attempt failed. */
  error?: string | undefined;
}

/** Return a record in its public form, without the R2 keys of the pictures. */
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

/** Return an error in the public form; the dialects of other vendors have their own. */
export function errorWire({ code, message, field }: Pick<GatewayError, "code" | "message" | "field">): Wire {
  return { error: { code, message, field } };
}
