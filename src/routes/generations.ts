import { type GenerationRecord, recordWire } from "../image/record.ts";
import { GatewayError } from "../errors.ts";
import { longestMs } from "../generate/drawing.ts";
import { publicRecord } from "../generate/generation.ts";
import { asOf, getRecord, listRecords, type StoredRecord } from "../store/records.ts";
import { type AppContext, principalOf, publicOrigin, settings } from "./context.ts";
import { notFound } from "./failure.ts";

const PAGE = 20;
const LONGEST_PAGE = 100;

/** `GET /v1/generations/{id}`: the record, while it runs and after, for the key that made it. */
export async function serveGeneration(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  const record = await getRecord(c.env.BUCKET, c.req.param("id") ?? "");
  if (record === null || record.principal !== principal.id) return notFound(c, "There is no such generation.");
  c.header("cache-control", "no-store");
  return c.json(recordWire(shown(c, record)));
}

/** `GET /v1/generations?limit=&cursor=`: the caller's records, newest first; `next` is the cursor of the next page. */
export async function serveGenerations(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  const limit = Number(c.req.query("limit") ?? PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > LONGEST_PAGE) {
    const message = `limit must be a whole number from 1 to ${LONGEST_PAGE}.`;
    throw new GatewayError("invalid_request", message, { field: "limit" });
  }
  const { records, cursor } = await listRecords(c.env.BUCKET, limit, c.req.query("cursor"));
  const own = records.filter((record) => record.principal === principal.id);
  c.header("cache-control", "no-store");
  return c.json({ object: "list", data: own.map((record) => recordWire(shown(c, record))), next: cursor ?? null });
}

/** A record as it stands now, with URLs. */
export function shown(c: AppContext, record: StoredRecord): GenerationRecord {
  return publicRecord(asOf(record, Date.now(), longestMs(settings(c).limits)), publicOrigin(c));
}
