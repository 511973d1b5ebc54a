import { invalidField } from "../errors.ts";
import { maxGenerationMs } from "../generate/failover.ts";
import { withUrls } from "../generate/records.ts";
import { type GenerationRecord, recordWire } from "../image/record.ts";
import { LONGEST_WAIT_SECONDS, LOOK_AGAIN_SECONDS } from "./respond-async.ts";
import { listRecords } from "../store/owner-index.ts";
import { awaitRecord, type StoredRecord, expireStale, isUnfinished, waitForEnd } from "../store/records.ts";
import { type AppContext, authenticateRequest, publicOrigin, configFor, pageSize } from "./context.ts";
import { notFound } from "./error-response.ts";

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/**
 * `GET /v1/generations/{id}?wait=`: the record in every state, for the key that made the request. With `wait` the answer
 * comes when the generation has ended, or after that many seconds. The operator reads every record.
 */
export async function serveRecord(c: AppContext): Promise<Response> {
  const principal = await authenticateRequest(c);
  const { BUCKET } = c.env;
  const id = c.req.param("id") ?? "";
  const waitMs = waitOf(c) * 1000;
  let record = await awaitRecord(BUCKET, id);
  const mayRead = principal.kind === "admin" || record?.principal === principal.id;
  if (record === null || !mayRead) return notFound(c, "There is no such generation.");
  if (waitMs > 0 && isUnfinished(presentRecord(c, record))) {
    await waitForEnd(BUCKET, id, waitMs);
    record = (await awaitRecord(BUCKET, id)) ?? record;
  }
  const current = presentRecord(c, record);
  c.header("cache-control", "no-store");
  if (isUnfinished(current)) c.header("retry-after", String(LOOK_AGAIN_SECONDS));
  return c.json(recordWire(current));
}

function waitOf(c: AppContext): number {
  const wait = c.req.query("wait") ?? "0";
  if (/^\d{1,2}$/.test(wait) && Number(wait) <= LONGEST_WAIT_SECONDS) return Number(wait);
  throw invalidField("wait", `must be a whole number of seconds from 0 to ${LONGEST_WAIT_SECONDS}`);
}

/** `GET /v1/generations?limit=&cursor=`: the key's records, newest first; `next` is the cursor of the next page. */
export async function serveRecords(c: AppContext): Promise<Response> {
  const principal = await authenticateRequest(c);
  const limit = pageSize(c, DEFAULT_PAGE, MAX_PAGE);
  const { records, cursor } = await listRecords(c.env.BUCKET, principal.id, limit, c.req.query("cursor"));
  c.header("cache-control", "no-store");
  return c.json({
    object: "list",
    data: records.map((record) => recordWire(presentRecord(c, record))),
    next: cursor ?? null,
  });
}

/** The current record, with URLs. */
export function presentRecord(c: AppContext, record: StoredRecord): GenerationRecord {
  return withUrls(expireStale(record, Date.now(), maxGenerationMs(configFor(c).limits)), publicOrigin(c));
}
