import { recordWire } from "../image/record.ts";
import type { Wire } from "../image/wire.ts";
import { GatewayError } from "../errors.ts";
import { publicRecord } from "../generate.ts";
import { authenticate } from "../policy/credentials.ts";
import { asOf, getRecord, listRecords, type StoredRecord } from "../store/records.ts";
import { type AppContext, publicOrigin, settings } from "./context.ts";

const PAGE = 20;
const LONGEST_PAGE = 100;

/** `GET /v1/generations/{id}`: the record, while it runs and after, for the key that made it. */
export async function serveGeneration(c: AppContext): Promise<Response> {
  const principal = authenticate(c.req.header("authorization"), settings(c).adminToken);
  const record = await getRecord(c.env.BUCKET, c.req.param("id") ?? "");
  c.header("cache-control", "no-store");
  if (record === null || record.principal !== principal.id) return c.json({ error: { code: "not_found", message: "There is no such generation." } }, 404);
  return c.json(shown(c, record));
}

/** `GET /v1/generations?limit=&cursor=`: the caller's records, newest first; `next` is the cursor of the next page. */
export async function serveGenerations(c: AppContext): Promise<Response> {
  const principal = authenticate(c.req.header("authorization"), settings(c).adminToken);
  const limit = Number(c.req.query("limit") ?? PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > LONGEST_PAGE) {
    throw new GatewayError("invalid_request", `limit must be a whole number from 1 to ${LONGEST_PAGE}.`, { field: "limit" });
  }
  const { records, cursor } = await listRecords(c.env.BUCKET, limit, c.req.query("cursor"));
  c.header("cache-control", "no-store");
  const own = records.filter((record) => record.principal === principal.id);
  return c.json({ object: "list", data: own.map((record) => shown(c, record)), next: cursor ?? null });
}

function shown(c: AppContext, record: StoredRecord): Wire {
  const now = asOf(record, Date.now(), settings(c).limits.answerMs + settings(c).limits.requestMs);
  return recordWire(publicRecord(now, publicOrigin(c)));
}
