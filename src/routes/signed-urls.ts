import { createHash } from "node:crypto";
import { GatewayError } from "../errors.ts";
import { checkLimits } from "../generate/validate.ts";
import { selectCandidates } from "../models/candidates.ts";
import type { Job } from "../generate/generation.ts";
import { once } from "../generate/run-once.ts";
import { presetOf, recalledPreset } from "../generate/presets.ts";
import type { ImageRequest } from "../image/request.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { applyPreset, type Preset, parsePresetQuery } from "../access/presets.ts";
import { readQuery, sortedQuery, verify } from "../access/signatures.ts";
import { readClaim } from "../store/claims.ts";
import { newId } from "../store/ids.ts";
import { lifecycleOf, type StoredRecord } from "../store/records.ts";
import { type AppContext, publicOrigin, configFor } from "./context.ts";
import { openToAll } from "./cors.ts";
import { errorResponse, notFound } from "./error-response.ts";
import { answerWithin, LOOK_AGAIN_SECONDS } from "./respond-async.ts";
import { sendPicture } from "./pictures.ts";

/** Whoever retires a key or ends a URL wants to see it; whoever has the picture asks by its ETag, and no byte is sent. */
const CACHED_SECONDS = 86_400;
/** What says who signed and until when, and nothing of the picture: another key serves the same one. */
const SIGNING_PARAMS = ["kid", "sig", "exp"];

/** Its requests are canonical ones. */
const DIALECT = "easel";

type Params = ReadonlyMap<string, string>;

/**
 * `GET /i/{preset}?prompt=…&kid=…&sig=…[&exp=…]`: the picture, drawn when it is first viewed, stored, and the same ever
 * after. HEAD draws nothing.
 */
export async function serveSigned(c: AppContext): Promise<Response> {
  openToAll(c);
  try {
    const { pathname, search } = new URL(c.req.url);
    const params = readQuery(search.slice(1));
    verify(pathname, params, configFor(c).signingKeys, Date.now());
    return await view(c, params);
  } catch (thrown) {
    c.header("cache-control", "no-store");
    return errorResponse(c, asViewerError(thrown));
  }
}

async function view(c: AppContext, params: Params): Promise<Response> {
  const name = c.req.param("preset") ?? "";
  const config = configFor(c);
  const known = await recalledPreset(name, c.env, config);
  const progress = known && (await progressAt(c, claimKey(name, known, params)));
  const stored = progress?.at === "ended" ? progress.record : undefined;
  const [picture] = stored?.images ?? [];
  if (picture !== undefined) {
    const answer = await sendPicture(c, picture, cacheControl(params));
    if (answer.status !== 404) return answer;
  }
  if (c.req.method === "HEAD") return notFound(c, "This picture has not been drawn yet.");
  // What is drawn now stays: by the preset as it is, and not as it was.
  const preset = await presetOf(name, c.env, config);
  if (preset === undefined) return notFound(c, "There is no such preset.");
  const gone = picture && stored?.id;
  const drawn = await draw(c, params, { name, preset, gone, later: progress?.at === "lost" });
  const [first] = drawn?.images ?? [];
  if (first === undefined) throw notReady(LOOK_AGAIN_SECONDS);
  return sendPicture(c, first, cacheControl(params));
}

interface Drawing {
  name: string;
  preset: Preset;
  /** A generation whose picture is no longer there. */
  gone: string | undefined;
  /** Set where a drawing was lost with its visitor: the queue needs none. */
  later: boolean;
}

/** One drawing, however many view it at once; undefined where it goes on. */
async function draw(c: AppContext, params: Params, { name, preset, gone, later }: Drawing) {
  const config = configFor(c);
  const { limits } = config;
  const request = requestFor(name, preset, params);
  checkLimits(request, [], limits);
  // What nobody here draws is said before there is a claim: once the operator has mended it, the URL works.
  selectCandidates({ request }, DIALECT, { env: c.env, config });
  const now = Date.now();
  const job: Job = {
    id: newId(now),
    asked: { request, warnings: [] },
    dialect: DIALECT,
    principal: "signed",
    origin: publicOrigin(c),
    env: c.env,
    config,
    receivedAt: now,
    hoisted: [],
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  };
  const key = claimKey(name, preset, params);
  const keepMs = (record: StoredRecord | undefined) => {
    // A view that was given up before its picture was there must not be the last one.
    if (record === undefined || record.id === gone) return 0;
    return record.status === "succeeded" ? Infinity : limits.signedFailureMs;
  };
  const begin = () => new RequestLimits(c, limits).admitSigned();
  const { signedWaitMs: waitMs } = limits;
  const { record } = await once(job, { key, fingerprint: key, waitMs, keepMs, begin, later }, () => undefined);
  return later ? (await answerWithin(c, record.id, waitMs))?.record : record;
}

/** What the query asks of the preset. Throws invalid_request. */
function requestFor(name: string, preset: Preset, params: Params): ImageRequest {
  const fields = Object.fromEntries([...params].filter(([field]) => !SIGNING_PARAMS.includes(field)));
  const { request, given } = parsePresetQuery(fields);
  return applyPreset(name, preset, request, given);
}

/** The R2 key of a picture's claim: the same for the same picture, whoever signed its URL, and however it is written. */
function claimKey(name: string, { version = 0 }: Preset, params: Params): string {
  const identity = JSON.stringify([name, version, sortedQuery(params, SIGNING_PARAMS)]);
  return `claims/signed/${createHash("sha256").update(identity).digest("hex")}`;
}

/** How far a claim has led; undefined where there is none. */
async function progressAt(c: AppContext, key: string) {
  const held = await readClaim(c.env.BUCKET, key);
  const { leaseMs } = configFor(c).limits;
  return held && lifecycleOf(c.env.BUCKET, held.claim.generation, Date.now(), leaseMs);
}

function cacheControl(params: Params): string {
  const left = Math.floor(Number(params.get("exp") ?? Infinity) - Date.now() / 1000);
  return `public, max-age=${Math.max(0, Math.min(CACHED_SECONDS, left))}`;
}

/** `once` speaks to whoever sent an Idempotency-Key; a viewer has none, and is told when to look again. */
function asViewerError(thrown: unknown): unknown {
  if (!(thrown instanceof GatewayError) || thrown.code !== "idempotency_conflict") return thrown;
  return notReady(thrown.retryAfter);
}

function notReady(retryAfter: number | undefined): GatewayError {
  const message = "This picture is still being drawn.";
  return new GatewayError("vendor_timeout", message, { status: 503, retryAfter, retryable: true });
}
