import type { GenerationResult } from "../generate/generate.ts";
import { resultOf } from "../generate/run-once.ts";
import { type GenerationRecord, recordWire } from "../image/record.ts";
import { getRecord, isUnfinished, waitForEnd } from "../store/records.ts";
import { type AppContext, publicOrigin } from "./context.ts";

/** However long a client would wait for an end, a connection is held this long at most. */
export const LONGEST_WAIT_SECONDS = 30;

/** What stands between commas, and before the first semicolon; those in a quoted string, which may be left open, are text. */
const PREFERENCES = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const WITHOUT_PARAMETERS = /^(?:[^;"]|"(?:[^"\\]|\\.)*"?)*/;

/**
 * How long a client would wait before it is answered that its picture will be drawn later, in milliseconds: of
 * `Prefer: respond-async` none, of `respond-async, wait=10` ten seconds. Undefined where it wants its picture at once.
 * RFC 7240: of a preference given twice the first counts, and what means nothing is ignored.
 */
export function asyncWaitMs(headers: Headers): number | undefined {
  const preferences = new Map<string, string>();
  for (const [preference] of (headers.get("prefer") ?? "").matchAll(PREFERENCES)) {
    const [token = ""] = WITHOUT_PARAMETERS.exec(preference) ?? [];
    const [name = "", value = ""] = token.split("=").map((part) => part.trim());
    if (!preferences.has(name.toLowerCase())) preferences.set(name.toLowerCase(), unquoted(value));
  }
  if (!preferences.has("respond-async")) return undefined;
  const wait = preferences.get("wait") ?? "";
  return /^\d{1,9}$/.test(wait) ? Math.min(LONGEST_WAIT_SECONDS, Number(wait)) * 1000 : 0;
}

function unquoted(value: string): string {
  const [, quoted] = /^"(.*)"$/.exec(value) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? value;
}

/** Seconds until a look at a record that has not ended makes sense. */
export const LOOK_AGAIN_SECONDS = 2;

/** The answer to a queued generation where it ends within `waitMs`, else undefined. Throws what it failed with. */
export async function answerWithin(c: AppContext, id: string, waitMs: number): Promise<GenerationResult | undefined> {
  if (waitMs === 0) return undefined;
  await waitForEnd(c.env.BUCKET, id, waitMs);
  const record = await getRecord(c.env.BUCKET, id);
  return record === null || isUnfinished(record) ? undefined : resultOf(record, publicOrigin(c));
}

/** 202: where the record is, and the record as it stands, in every dialect, since none has a shape for it. */
export function accepted(c: AppContext, record: GenerationRecord): Response {
  c.header("location", `/v1/generations/${record.id}`);
  c.header("preference-applied", "respond-async");
  c.header("retry-after", String(LOOK_AGAIN_SECONDS));
  c.header("cache-control", "no-store");
  return c.json(recordWire(record), 202);
}
