import type { Env, Config } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import { sha256Hex, newId } from "../store/ids.ts";
import type { StoredPicture } from "../image/request.ts";
import { UploadSet, pictureKeys, PictureUpload } from "../store/pictures.ts";
import { BodyError } from "../stream/body-error.ts";
import { boundaryOf } from "../stream/multipart.ts";
import { readForm } from "../stream/read-form.ts";
import { readJson } from "../stream/read-json.ts";
import { type AppContext, configFor } from "./context.ts";
import type { Next } from "hono";

export interface RequestBody {
  /** The JSON with a placeholder for each picture; a form is converted to the same. */
  wire: unknown;
  /** The stored pictures; to be deleted when the generation has ended. */
  pictures: StoredPicture[];
  /** A hash of the JSON and the pictures, if requested: equal for equal requests, however a form is encoded. */
  fingerprint: string | undefined;
}

export interface RequestBodyOptions {
  generation: string;
  env: Env;
  config: Config;
  fingerprint: boolean;
}

/** Read a client's body within the limits, its pictures directly into R2. Throws invalid_request or payload_too_large. */
export async function readRequestBody(request: Request, options: RequestBodyOptions): Promise<RequestBody> {
  const { generation, env, config, fingerprint: digest } = options;
  const { requestBytes, requestJsonBytes, requestMs, jsonDepth, references, referenceBytes } = config.limits;
  const folder = newId(Date.now());
  /** The field names of a form's pictures, for messages. */
  const names: string[] = [];
  const uploads: PictureUpload[] = [];
  const pictures = new UploadSet((index) => {
    if (index >= references) throw invalidField("references", `must be at most ${references} pictures`);
    const name = names[index] ?? `references[${index}]`;
    const key = pictureKeys.reference(folder, index);
    const upload = new PictureUpload({
      bucket: env.BUCKET,
      key,
      maxBytes: referenceBytes,
      metadata: { generation },
      name,
      digest,
    });
    uploads.push(upload);
    return upload;
  });
  const controller = new AbortController();
  const timeout = () => new GatewayError("invalid_request", `The body did not arrive within ${requestMs / 1000} s.`);
  const timer = setTimeout(() => controller.abort(timeout()), requestMs);
  try {
    if (Number(request.headers.get("content-length") ?? 0) > requestBytes) {
      throw new BodyError(`The body is over the limit of ${requestBytes} bytes.`, true);
    }
    if (request.body === null) throw new BodyError("The body is empty: send the request as JSON.");
    const boundary = boundaryOf(request.headers.get("content-type"));
    const reading = { bytes: requestBytes, signal: controller.signal, keepOnError: true };
    const wire = await (
      boundary === undefined
        ? readJson(request.body, { ...reading, pictures, jsonBytes: requestJsonBytes, depth: jsonDepth })
        : readForm(request.body, {
            ...reading,
            boundary,
            textBytes: requestJsonBytes,
            pictures: { open: (name) => (names.push(name), pictures.open()), drain: () => pictures.drain() },
          })
    ).catch(rethrowAsTruncated);
    const stored = await pictures.finish();
    const content = () => JSON.stringify([wire, uploads.map((upload) => upload.sha256())]);
    return { wire, pictures: stored, fingerprint: digest ? sha256Hex(content()) : undefined };
  } catch (error) {
    await pictures.discard();
    throw error instanceof BodyError ? asRequestError(error) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Any other error while a body is read means that the client, or its network, closed the connection early. */
function rethrowAsTruncated(error: unknown): never {
  if (error instanceof BodyError || error instanceof GatewayError) throw error;
  throw new BodyError("The body broke off.");
}

function asRequestError(error: BodyError): GatewayError {
  const { tooLarge, message, field } = error;
  return new GatewayError(tooLarge ? "payload_too_large" : "invalid_request", message, { field, cause: error });
}

const SMALL_BYTES = 64 * 1024;

/** Read a small JSON body without pictures. Throws invalid_request or payload_too_large. */
export async function jsonBody(c: AppContext): Promise<unknown> {
  const { body } = c.req.raw;
  if (body === null) throw new GatewayError("invalid_request", "The body is empty: send JSON.");
  const { requestMs, jsonDepth: depth } = configFor(c).limits;
  const signal = AbortSignal.timeout(requestMs);
  const open = () => {
    throw new BodyError("The body holds base64, which has no place here.");
  };
  const pictures = { open, drain: () => Promise.resolve() };
  try {
    return await readJson(body, {
      pictures,
      bytes: SMALL_BYTES,
      jsonBytes: SMALL_BYTES,
      depth,
      signal,
      keepOnError: true,
    });
  } catch (cause) {
    throw asRequestError(cause instanceof BodyError ? cause : new BodyError("The body broke off."));
  }
}

/** How long an unread body is drained. */
const DRAIN_MS = 2_000;

/**
 * Drain the rest of a rejected request's body (a wrong key, a limit, an unknown path) before the answer: a client or a proxy
 * that still writes would see a broken connection instead of the answer.
 */
export async function drainBody(c: AppContext, next: Next): Promise<void> {
  await next();
  const { body } = c.req.raw;
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), DRAIN_MS);
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client has left, and will not read the answer.
  } finally {
    clearTimeout(timer);
  }
}
