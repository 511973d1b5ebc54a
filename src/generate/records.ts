import type { GatewayError } from "../errors.ts";
import { totalCost } from "../image/model-spec.ts";
import type { GenerationRecord, Timings, Usage } from "../image/record.ts";
import type { Generation } from "../store/jobs.ts";
import type { StoredRecord } from "../store/records.ts";

/** What a record contains from the start; `parsed` is absent if the request could not be read. */
type RecordInput = Pick<Generation, "id" | "dialect" | "principal" | "receivedAt" | "attempts"> &
  Partial<Pick<Generation, "parsed">>;

/** Make the record of a request before any vendor is called. */
export function newRecord(
  { id, dialect, principal, parsed, receivedAt, attempts = [] }: RecordInput,
  status: StoredRecord["status"],
): StoredRecord {
  return {
    id,
    status,
    dialect,
    principal,
    vendor: "",
    model: parsed?.request.model ?? "",
    images: [],
    warnings: parsed?.warnings ?? [],
    attempts: [...attempts],
    createdAt: new Date(receivedAt).toISOString(),
  };
}

/** The record with URLs; `recordWire` makes the JSON that clients see. */
export function withUrls(record: StoredRecord, origin: string): GenerationRecord {
  const { principal: _, failure: __, images, ...rest } = record;
  return { ...rest, images: images.map((image, n) => ({ ...image, url: `${origin}/images/${record.id}/${n}` })) };
}

/** What a generation used. */
export function usageOf(
  { images, attempts }: Pick<StoredRecord, "images" | "attempts">,
  ms: Timings,
  vendor: Record<string, unknown> | undefined,
): Usage {
  return {
    pictures: images.length,
    bytes: images.reduce((sum, image) => sum + image.bytes, 0),
    cost: totalCost(attempts.flatMap(({ cost }) => cost ?? [])),
    ms,
    vendor,
  };
}

/** The log event of an ended generation: without prompt and pictures. */
export function eventOf(
  { id, status, dialect, vendor, model, attempts, usage }: StoredRecord,
  error: GatewayError | undefined,
  cause: string | undefined,
): Record<string, unknown> {
  return {
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
    cause: error?.code === "internal" ? cause : undefined,
  };
}
