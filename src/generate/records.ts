import { totalCost } from "../image/model-spec.ts";
import type { GenerationRecord, Timings, Usage } from "../image/record.ts";
import type { StoredJob } from "../store/jobs.ts";
import type { StoredRecord } from "../store/records.ts";

/** What a record says from the start; `asked` is absent where it could not be read. */
type Begun = Pick<StoredJob, "id" | "dialect" | "principal" | "receivedAt" | "attempts"> &
  Partial<Pick<StoredJob, "asked">>;

/** The record of a request before any vendor is asked. */
export function newRecord(
  { id, dialect, principal, asked, receivedAt, attempts = [] }: Begun,
  status: StoredRecord["status"],
): StoredRecord {
  return {
    id,
    status,
    dialect,
    principal,
    vendor: "",
    model: asked?.request.model ?? "",
    images: [],
    warnings: asked?.warnings ?? [],
    attempts,
    createdAt: new Date(receivedAt).toISOString(),
  };
}

/** A record as clients see it. */
export function publicRecord(record: StoredRecord, origin: string): GenerationRecord {
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
