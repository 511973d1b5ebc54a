import type { ContentfulStatusCode } from "hono/utils/http-status";
import { asGatewayError, GatewayError } from "../errors.ts";
import { type Answer, generate } from "../generate.ts";
import type { ImageRequest } from "../image/request.ts";
import { log } from "../log.ts";
import { authenticate } from "../policy/credentials.ts";
import { Gate } from "../policy/gate.ts";
import type { Limits } from "../policy/limits.ts";
import { dropPictures, read } from "../store/pictures.ts";
import { newId } from "../store/records.ts";
import { splice } from "../stream/splice.ts";
import type { Asked, Dialect } from "../vendors/vendor.ts";
import { type AppContext, publicOrigin, settings } from "./context.ts";
import { intake } from "./intake.ts";
import { sendPicture } from "./pictures.ts";

/** Told to wait where nobody knows how long. */
const RETRY_AFTER_SECONDS = 5;

/** Serves one dialect: reads its request, has it drawn, and answers in its words, errors too. */
export function serve(dialect: Dialect): (c: AppContext) => Promise<Response> {
  return async (c) => {
    const id = newId(Date.now());
    c.header("easel-generation", id);
    try {
      return await draw(c, dialect, id);
    } catch (thrown) {
      return failure(c, dialect, asGatewayError(thrown));
    }
  };
}

async function draw(c: AppContext, dialect: Dialect, id: string): Promise<Response> {
  const config = settings(c);
  const principal = authenticate(c.req.header("authorization"), config.adminToken);
  const gate = new Gate(c, config);
  gate.admitRequest(principal);
  const { wire, pictures } = await intake(c.req.raw, id, c.env, config);
  let asked: Asked;
  try {
    asked = dialect.decode(wire, pictures, c.req.raw.headers);
    checkLimits(asked.request, config.limits);
    if (asked.request.references.length > 0) gate.admitReferences(principal);
  } catch (error) {
    c.executionCtx.waitUntil(dropPictures(c.env.BUCKET, pictures));
    throw error;
  }
  const answer = await generate({
    id,
    asked,
    hoisted: pictures,
    dialect: dialect.name,
    principal: principal.id,
    origin: publicOrigin(c),
    env: c.env,
    settings: config,
    passThrough: true,
    waitUntil: (work) => c.executionCtx.waitUntil(work),
  });
  return success(c, dialect, asked, answer);
}

async function success(c: AppContext, dialect: Dialect, asked: Asked, { record, raw }: Answer): Promise<Response> {
  c.header("easel-vendor", record.vendor);
  c.header("easel-model", record.model);
  if (record.warnings.length > 0) c.header("easel-warnings", asciiJson(record.warnings));
  if (raw !== undefined) {
    c.header("content-type", raw.contentType);
    return c.body(raw.body);
  }
  const [first] = record.images;
  if (asked.as === "picture" && first !== undefined) return sendPicture(c, first);
  const { bytes, body } = splice(dialect.encode(record, asked), (picture) => read(c.env.BUCKET, picture.key));
  c.header("content-type", "application/json");
  const text = body();
  return typeof text === "string" ? c.body(text) : c.body(text, { headers: { "content-length": String(bytes) } });
}

/** An error as this dialect documents it. */
function failure(c: AppContext, dialect: Dialect, thrown: GatewayError): Response {
  const error = inWordsOf(dialect, thrown);
  const requestId = c.get("requestId");
  if (error.code === "internal") log("error", { requestId, path: c.req.path, cause: String(error.cause) });
  const { status, body, headers = {} } = dialect.fail(error, requestId);
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  if (status === 429 || status === 503) c.header("retry-after", String(Math.max(1, Math.ceil(error.retryAfter ?? RETRY_AFTER_SECONDS))));
  return c.body(JSON.stringify(body), { status: status as ContentfulStatusCode, headers: { "content-type": "application/json" } });
}

/** The error with its field called as in the caller's own JSON. */
function inWordsOf(dialect: Dialect, error: GatewayError): GatewayError {
  const { code, message, field, retryAfter, retryable, vendorStatus, cause } = error;
  const name = field === undefined ? undefined : dialect.fields?.[field];
  if (field === undefined || name === undefined) return error;
  const renamed = message.startsWith(field) ? name + message.slice(field.length) : message;
  return new GatewayError(code, renamed, { field: name, retryAfter, retryable, vendorStatus, cause });
}

function checkLimits(request: ImageRequest, limits: Limits): void {
  const refuse = (field: string, allowed: string): never => {
    throw new GatewayError("invalid_request", `${field} ${allowed}.`, { field });
  };
  if (request.prompt.length > limits.promptChars) refuse("prompt", `must have at most ${limits.promptChars} characters`);
  if (request.n > limits.pictures) refuse("n", `must be at most ${limits.pictures}`);
  if (request.references.length > limits.references) refuse("references", `must be at most ${limits.references} pictures`);
}

/** A JSON text for a header: ASCII, with escapes for the rest. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
