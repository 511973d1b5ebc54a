import { applyPreset, parsePresetQuery, type Preset } from "../access/presets.ts";
import { RequestLimits } from "../access/request-limits.ts";
import { readQuery, sortedQuery, verifySignature } from "../access/signatures.ts";
import { GatewayError } from "../errors.ts";
import { cachedPresetOf, presetOf } from "../generate/presets.ts";
import { runOnce } from "../generate/run-once.ts";
import { checkLimits } from "../generate/validate.ts";
import { sha256Hex, newId } from "../store/ids.ts";
import type { ImageRequest } from "../image/request.ts";
import { selectCandidates } from "../models/candidates.ts";
import { readClaim } from "../store/claims.ts";
import { type Lifecycle, lifecycleOf, type StoredRecord } from "../store/records.ts";
import { type AppContext, configFor, publicOrigin, runtimeOf } from "./context.ts";
import { allowAnyOrigin } from "./cors.ts";
import { errorResponse, notFound } from "./error-response.ts";
import { sendPicture } from "./pictures.ts";
import { resultWithin, LOOK_AGAIN_SECONDS } from "./respond-async.ts";

/** A day, so that a retired key or an expiry takes effect; a browser then revalidates by ETag, without a byte of picture. */
const CACHED_SECONDS = 86_400;
/** Parameters of the signature, which say nothing about the picture: another key's URL shows the same picture. */
const SIGNING_PARAMS = ["kid", "sig", "exp"];

/** Its requests are canonical ones. */
const DIALECT = "easel";

type Params = ReadonlyMap<string, string>;

/**
 * `GET /i/{preset}?prompt=…&kid=…&sig=…[&exp=…]`: the picture, generated on its first view, stored, and the same from
 * then on. HEAD generates nothing.
 */
export async function serveSigned(c: AppContext): Promise<Response> {
  allowAnyOrigin(c);
  try {
    const { pathname, search } = new URL(c.req.url);
    const params = readQuery(search.slice(1));
    verifySignature(pathname, params, configFor(c).signingKeys, Date.now());
    return await serveView(c, params);
  } catch (thrown) {
    c.header("cache-control", "no-store");
    return errorResponse(c, asViewerError(thrown));
  }
}

async function serveView(c: AppContext, params: Params): Promise<Response> {
  const name = c.req.param("preset") ?? "";
  const runtime = runtimeOf(c);
  const cached = await cachedPresetOf(name, runtime);
  const lifecycle = cached && (await lifecycleAt(c, claimKey(name, cached, params)));
  const stored = lifecycle?.state === "ended" ? lifecycle.record : undefined;
  const [picture] = stored?.images ?? [];
  if (picture !== undefined) {
    const answer = await sendPicture(c, picture, cacheControl(params));
    if (answer.status !== 404) return answer;
  }
  if (c.req.method === "HEAD") return notFound(c, "This picture has not been drawn yet.");
  // A picture that is generated now stays, so it needs the preset of now and not a cached one.
  const preset = await presetOf(name, runtime);
  if (preset === undefined) return notFound(c, "There is no such preset.");
  const missingGeneration = picture && stored?.id;
  const record = await generateView(c, params, {
    name,
    preset,
    missingGeneration,
    queued: lifecycle?.state === "lost",
  });
  const [first] = record?.images ?? [];
  if (first === undefined) throw notReady(LOOK_AGAIN_SECONDS);
  return sendPicture(c, first, cacheControl(params));
}

interface View {
  name: string;
  preset: Preset;
  /** A generation whose picture has been deleted. */
  missingGeneration: string | undefined;
  /** Set if an earlier generation was lost with its viewer: a job needs no viewer. */
  queued: boolean;
}

/** Run one generation for all viewers; undefined if it still runs. */
async function generateView(c: AppContext, params: Params, { name, preset, missingGeneration, queued }: View) {
  const runtime = runtimeOf(c);
  const { limits } = runtime.config;
  const request = requestFor(name, preset, params);
  checkLimits(request, [], limits);
  // Before the claim: if no provider can serve it, the URL works as soon as the configuration is fixed.
  const candidates = selectCandidates({ request }, DIALECT, runtime);
  const now = Date.now();
  const generation = {
    id: newId(now),
    parsed: { request, warnings: [] },
    dialect: DIALECT,
    principal: "signed",
    origin: publicOrigin(c),
    receivedAt: now,
    uploads: [],
  };
  const key = claimKey(name, preset, params);
  const ttlMs = (record: StoredRecord | undefined) => {
    // A view that ended before its picture was stored must not be the last one.
    if (record === undefined || record.id === missingGeneration) return 0;
    return record.status === "succeeded" ? Infinity : limits.signedFailureMs;
  };
  const beforeStart = () => new RequestLimits(c, limits).admitSigned();
  const { signedWaitMs: waitMs } = limits;
  const options = { key, fingerprint: key, waitMs, ttlMs, beforeStart, queued, candidates };
  const { record } = await runOnce(generation, runtime, options);
  return queued ? (await resultWithin(c, record.id, waitMs))?.record : record;
}

/** The request of a view: its query applied to the preset. Throws invalid_request. */
function requestFor(name: string, preset: Preset, params: Params): ImageRequest {
  const fields = Object.fromEntries([...params].filter(([field]) => !SIGNING_PARAMS.includes(field)));
  const { request, given } = parsePresetQuery(fields);
  return applyPreset(name, preset, request, given);
}

/** The R2 key of a picture's claim: the same for every equivalent URL, whichever key signed it. */
function claimKey(name: string, { version = 0 }: Preset, params: Params): string {
  const identity = JSON.stringify([name, version, sortedQuery(params, SIGNING_PARAMS)]);
  return `claims/signed/${sha256Hex(identity)}`;
}

/** The state of the generation that a claim points to; undefined without a claim. */
async function lifecycleAt(c: AppContext, key: string): Promise<Lifecycle | undefined> {
  const held = await readClaim(c.env.BUCKET, key);
  const { leaseMs } = configFor(c).limits;
  return held && lifecycleOf(c.env.BUCKET, held.claim.generation, Date.now(), leaseMs);
}

function cacheControl(params: Params): string {
  const left = Math.floor(Number(params.get("exp") ?? Infinity) - Date.now() / 1000);
  return `public, max-age=${Math.max(0, Math.min(CACHED_SECONDS, left))}`;
}

/** `runOnce` addresses clients with an Idempotency-Key; a viewer has none and needs to know when to look again. */
function asViewerError(thrown: unknown): unknown {
  if (!(thrown instanceof GatewayError) || thrown.code !== "idempotency_conflict") return thrown;
  return notReady(thrown.retryAfter);
}

function notReady(retryAfter: number | undefined): GatewayError {
  const message = "This picture is still being drawn.";
  return new GatewayError("vendor_timeout", message, { status: 503, retryAfter, retryable: true });
}
