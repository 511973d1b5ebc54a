import type { GenerationResult } from "../generate/generate.ts";
import { resultOf } from "../generate/run-once.ts";
import { type GenerationRecord, recordWire } from "../image/record.ts";
import { awaitRecord, isUnfinished, waitForEnd } from "../store/records.ts";
import { type AppContext, publicOrigin } from "./context.ts";

/** The longest time that a connection is held for a client that waits. */
export const LONGEST_WAIT_SECONDS = 30;

/** Split at commas, and cut at the first semicolon; inside a quoted string, which may be unclosed, both are text. */
const PREFERENCES = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const WITHOUT_PARAMETERS = /^(?:[^;"]|"(?:[^"\\]|\\.)*"?)*/;

/**
 * Read how long a client waits before a 202, in milliseconds: 0 for `Prefer: respond-async`, 10,000 for
 * `respond-async, wait=10`; undefined if it waits for the picture. RFC 7240: the first of a repeated preference counts,
 * and an unknown one is ignored.
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

/** The Retry-After of a record that has not ended. */
export const LOOK_AGAIN_SECONDS = 2;

/** The result of a queued generation if it ends within `waitMs`, else undefined. Throws the error it failed with. */
export async function resultWithin(c: AppContext, id: string, waitMs: number): Promise<GenerationResult | undefined> {
  if (waitMs === 0) return undefined;
  await waitForEnd(c.env.BUCKET, id, waitMs);
  const record = await awaitRecord(c.env.BUCKET, id);
  return record === null || isUnfinished(record) ? undefined : resultOf(record, publicOrigin(c));
}

/** Answer 202 with the record and its URL. The canonical shape in every dialect, because no dialect has one for it. */
export function accepted(c: AppContext, record: GenerationRecord): Response {
  c.header("location", `/v1/generations/${record.id}`);
  c.header("preference-applied", "respond-async");
  c.header("retry-after", String(LOOK_AGAIN_SECONDS));
  c.header("cache-control", "no-store");
  return c.json(recordWire(record), 202);
}
