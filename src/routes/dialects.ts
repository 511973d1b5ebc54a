import { RequestLimits } from "../access/request-limits.ts";
import { enqueue } from "../generate/enqueue.ts";
import { generate, type GenerationResult } from "../generate/generate.ts";
import type { Runtime } from "../generate/runtime.ts";
import { runOnce } from "../generate/run-once.ts";
import { rejectUnreadPictures, validate } from "../generate/validate.ts";
import { referencesOf } from "../image/request.ts";
import { newId } from "../store/ids.ts";
import { claimKeyOf } from "../store/claims.ts";
import type { Generation } from "../store/jobs.ts";
import { deletePictures, readStoredPicture } from "../store/pictures.ts";
import { splice } from "../stream/splice.ts";
import { settlesWithin } from "../concurrency.ts";
import type { Dialect, ParsedRequest } from "../vendors/vendor.ts";
import { type AppContext, authenticateRequest, publicOrigin, runtimeOf, type VendorHeaders } from "./context.ts";
import { errorResponse } from "./error-response.ts";
import { sendEvents, sendEventsLater } from "./event-stream.ts";
import { sendWholePicture } from "./pictures.ts";
import { readRequestBody } from "./request-body.ts";
import { accepted, asyncWaitMs, resultWithin } from "./respond-async.ts";

/** Serve one dialect: read its request, run the generation, and answer in its format, errors too. */
export function serveDialect(dialect: Dialect): (c: AppContext) => Promise<Response> {
  return async (c) => {
    try {
      return await serveGeneration(c, dialect);
    } catch (thrown) {
      setVendorHeaders(c, dialect, c.get("selected"));
      return errorResponse(c, thrown, dialect);
    }
  };
}

async function serveGeneration(c: AppContext, dialect: Dialect): Promise<Response> {
  const runtime = runtimeOf(c);
  const { headers } = c.req.raw;
  const { generation, claim } = await readGeneration(c, dialect, runtime);
  const { parsed } = generation;
  const asyncMs = headers.has("prefer") ? asyncWaitMs(headers) : undefined;
  const result = startGeneration(c, generation, runtime, claim, asyncMs !== undefined);
  if (asyncMs === undefined) return answer(c, dialect, parsed, result);
  const { record } = await result;
  const ended = await resultWithin(c, record.id, asyncMs);
  c.set("selected", ended?.record ?? record);
  if (ended !== undefined) return answer(c, dialect, parsed, Promise.resolve(ended));
  setVendorHeaders(c, dialect, record);
  return accepted(c, record);
}

/** A claim on the request's Idempotency-Key. */
interface RequestClaim {
  key: string;
  fingerprint: string;
}

/** Authenticate, limit, read and validate a request. What is returned is a generation, and will have a record. */
async function readGeneration(
  c: AppContext,
  dialect: Dialect,
  { env, config }: Runtime,
): Promise<{ generation: Generation; claim: RequestClaim | undefined }> {
  const { headers } = c.req.raw;
  const receivedAt = Date.now();
  const id = newId(receivedAt);
  const principal = await authenticateRequest(c);
  const limits = new RequestLimits(c, config.limits);
  limits.admitRequest(principal);
  const key = claimKeyOf(headers, principal.id);
  const options = { generation: id, env, config, fingerprint: key !== undefined };
  const { wire, pictures, fingerprint = "" } = await readRequestBody(c.req.raw, options);
  const common = { id, receivedAt, uploads: pictures, dialect: dialect.name, principal: principal.id };
  try {
    const decoded = dialect.decode(wire, pictures, headers);
    c.set("fields", decoded.fields);
    const parsed = await validate(decoded, principal, pictures, { env, config });
    rejectUnreadPictures(wire, pictures, parsed.request);
    if (referencesOf(parsed.request).length > 0) limits.admitReferences(principal);
    const claim = key === undefined ? undefined : { key, fingerprint: `${dialect.name} ${fingerprint}` };
    return { generation: { ...common, parsed, origin: publicOrigin(c) }, claim };
  } catch (error) {
    c.executionCtx.waitUntil(deletePictures(env.BUCKET, pictures));
    throw error;
  }
}

/** Run the generation, or enqueue it; with a claim once, however often the request is repeated. */
function startGeneration(
  c: AppContext,
  generation: Generation,
  runtime: Runtime,
  claim: RequestClaim | undefined,
  queued: boolean,
): Promise<GenerationResult> {
  const onGeneration = (id: string) => c.header("easel-generation", id);
  const onVendorSelected = (selected: VendorHeaders) => c.set("selected", selected);
  if (claim !== undefined) {
    const { idempotencyWaitMs: waitMs, idempotencyMs } = runtime.config.limits;
    const ttlMs = () => idempotencyMs;
    return runOnce(generation, runtime, { ...claim, waitMs, ttlMs, queued, onGeneration, onVendorSelected });
  }
  onGeneration(generation.id);
  if (queued) return enqueue(generation, runtime);
  return generate(generation, runtime, { mode: { kind: "direct" }, onVendorSelected });
}

/** Answer with the result, or with events while the generation runs. */
async function answer(
  c: AppContext,
  dialect: Dialect,
  parsed: ParsedRequest,
  result: Promise<GenerationResult>,
): Promise<Response> {
  if (parsed.stream !== true || dialect.events === undefined) return answerWith(c, dialect, parsed, await result);
  const events = result.then(({ record }) => {
    c.set("selected", record);
    return dialect.events?.(record, parsed) ?? [];
  });
  const { streamQuietMs } = runtimeOf(c).config.limits;
  const ended = (await settlesWithin(events, streamQuietMs)) ? await events : undefined;
  setVendorHeaders(c, dialect, c.get("selected"));
  return ended === undefined ? sendEventsLater(c, dialect, events, streamQuietMs) : sendEvents(c, ended);
}

async function answerWith(
  c: AppContext,
  dialect: Dialect,
  parsed: ParsedRequest,
  { record, body }: GenerationResult,
): Promise<Response> {
  setVendorHeaders(c, dialect, record);
  if (body !== undefined) {
    c.header("content-type", body.contentType);
    return c.body(body.body);
  }
  const [first] = record.images;
  if (parsed.responseFormat === "picture" && first !== undefined) {
    // Where the picture stays: the answer has no room for the record.
    c.header("content-location", first.url);
    return sendWholePicture(c, first);
  }
  c.header("content-type", "application/json");
  return c.body(splice(dialect.encode(record, parsed), (picture) => readStoredPicture(c.env.BUCKET, picture.key)));
}

/** Name the vendor, the model and the warnings in the answer's headers, with the dialect's names for the fields. */
function setVendorHeaders(c: AppContext, { fields = {} }: Dialect, selected: VendorHeaders | undefined): void {
  if (selected === undefined) return;
  // A queued generation has no vendor yet.
  if (selected.vendor !== "") c.header("easel-vendor", selected.vendor);
  c.header("easel-model", selected.model);
  const warnings = selected.warnings.map((warning) => {
    // The client's unknown field may have the name of a canonical one.
    if (warning.includes(" is not a field here")) return warning;
    const [subject = ""] = /^\w+(?: and \w+)?/.exec(warning) ?? [];
    const names = subject.split(" and ").map((name) => (Object.hasOwn(fields, name) ? fields[name] : name));
    return [...new Set(names)].join(" and ") + warning.slice(subject.length);
  });
  c.header("easel-warnings", asciiJson(warnings));
}

/** A JSON text for a header: ASCII, with escapes for the rest. */
function asciiJson(value: unknown): string {
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escape);
}
