import type { Answer } from "../generate.ts";
import { answerOf } from "../generate/once.ts";
import { type GenerationRecord, recordWire } from "../image/record.ts";
import { getRecord } from "../store/records.ts";
import { isUnfinished } from "../store/unfinished.ts";
import { waitForEnd } from "../store/wait.ts";
import { type AppContext, publicOrigin } from "./context.ts";

/** Seconds until a look at a record that has not ended makes sense. */
export const LOOK_AGAIN_SECONDS = 2;

/** The answer to a queued generation where it ends within `waitMs`, else undefined. Throws what it failed with. */
export async function answerWithin(c: AppContext, id: string, waitMs: number): Promise<Answer | undefined> {
  if (waitMs === 0) return undefined;
  await waitForEnd(c.env.BUCKET, id, waitMs);
  const record = await getRecord(c.env.BUCKET, id);
  return record === null || isUnfinished(record) ? undefined : answerOf(record, publicOrigin(c));
}

/** 202: where the record is, and the record as it stands, in every dialect, since none has a shape for it. */
export function accepted(c: AppContext, record: GenerationRecord): Response {
  c.header("location", `/v1/generations/${record.id}`);
  c.header("preference-applied", "respond-async");
  c.header("retry-after", String(LOOK_AGAIN_SECONDS));
  c.header("cache-control", "no-store");
  return c.json(recordWire(record), 202);
}
