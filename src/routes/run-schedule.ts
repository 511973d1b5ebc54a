import { usedForAnother } from "../generate/once.ts";
import { Gate } from "../policy/gate.ts";
import { claimKeyOf } from "../policy/idempotency.ts";
import { runNow } from "../schedule/begin.ts";
import { type Claim, claim as claimAt, takeOver } from "../store/claims.ts";
import { readRecord } from "../store/records.ts";
import { newId } from "../store/ids.ts";
import { type AppContext, principalOf, publicOrigin, settings } from "./context.ts";
import { notFound } from "./failure.ts";
import { NONE, own } from "./schedules.ts";

/** `POST /v1/schedules/{name}/run`: a tick now, which the next times do not depend on; 202 and where its record is. */
export async function runSchedule(c: AppContext): Promise<Response> {
  const principal = await principalOf(c);
  new Gate(c, settings(c).limits).admitRequest(principal);
  const found = await own(c, principal);
  if (found === undefined) return notFound(c, NONE);
  const { schedule } = found;
  const offered = { generation: newId(Date.now()), fingerprint: `run ${schedule.id}`, at: Date.now() };
  const key = claimKeyOf(c.req.raw.headers, principal.id);
  const claim = key === undefined ? offered : await claimFor(c, key, offered);
  if (claim.fingerprint !== offered.fingerprint) throw usedForAnother();
  const { generation } = claim;
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  await runNow(schedule, generation, { env: c.env, waitUntil });
  c.header("easel-generation", generation);
  c.header("location", `/v1/generations/${generation}`);
  c.header("cache-control", "no-store");
  return c.json({ name: schedule.name, generation, latest: `${publicOrigin(c)}/s/${schedule.name}` }, 202);
}

/** The claim that holds for an Idempotency-Key: an old one has had its day, and one of a failure without a charge too. */
async function claimFor(c: AppContext, key: string, offered: Claim): Promise<Claim> {
  const held = await claimAt(c.env.BUCKET, key, offered);
  if (held.mine) return held.claim;
  const record = await readRecord(c.env.BUCKET, held.claim.generation);
  const isOver = offered.at - held.claim.at >= settings(c).limits.idempotencyMs;
  if (!isOver && record?.failure?.uncharged !== true) return held.claim;
  if (await takeOver(c.env.BUCKET, key, held.etag, offered)) return offered;
  return (await claimAt(c.env.BUCKET, key, offered)).claim;
}
