import { createHash } from "node:crypto";
import type { Env, Config } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import type { StoredPicture } from "../image/request.ts";
import { UploadSet, pictureKeys, PictureUpload } from "../store/pictures.ts";
import { newId } from "../store/ids.ts";
import { BodyError } from "../stream/body-error.ts";
import { boundaryOf } from "../stream/multipart.ts";
import { readForm } from "../stream/read-form.ts";
import { readJson } from "../stream/read-json.ts";
import { type AppContext, configFor } from "./context.ts";
import type { Next } from "hono";

export interface RequestBody {
  /** The client's JSON without its pictures; the same of a form. */
  wire: unknown;
  /** The pictures, stored; to be dropped when the generation has ended. */
  pictures: StoredPicture[];
  /** A hash of all of it, where it was asked for: the same for the same request, however its form is cut. */
  fingerprint: string | undefined;
}

export interface RequestBodyOptions {
  generation: string;
  env: Env;
  config: Config;
  fingerprint: boolean;
}

/** Reads a client's body within its limits, its pictures straight into R2. Throws invalid_request or payload_too_large. */
export async function readRequestBody(request: Request, options: RequestBodyOptions): Promise<RequestBody> {
  const { generation, env, config, fingerprint: digest } = options;
  const { requestBytes, requestJsonBytes, requestMs, jsonDepth, references, referenceBytes } = config.limits;
  const folder = newId(Date.now());
  /** What messages call the pictures of a form. */
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
  const late = () => new GatewayError("invalid_request", `The body did not arrive within ${requestMs / 1000} s.`);
  const timer = setTimeout(() => controller.abort(late()), requestMs);
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
    ).catch(brokeOff);
    const stored = await pictures.finish();
    const said = () => JSON.stringify([wire, uploads.map((upload) => upload.sha256())]);
    return { wire, pictures: stored, fingerprint: digest ? sha256(said()) : undefined };
  } catch (error) {
    await pictures.discard();
    if (!(error instanceof BodyError)) throw error;
    const { tooLarge, message, field } = error;
    throw new GatewayError(tooLarge ? "payload_too_large" : "invalid_request", message, { field, cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What ends a client's body early is the client's end, or its network's. */
function brokeOff(error: unknown): never {
  if (error instanceof BodyError || error instanceof GatewayError) throw error;
  throw new BodyError("The body broke off.");
}

const BYTES = 64 * 1024;

/** A small JSON body, of names and numbers. Throws invalid_request or payload_too_large. */
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
    return await readJson(body, { pictures, bytes: BYTES, jsonBytes: BYTES, depth, signal, keepOnError: true });
  } catch (cause) {
    const { tooLarge, message, field } = cause instanceof BodyError ? cause : new BodyError("The body broke off.");
    throw new GatewayError(tooLarge ? "payload_too_large" : "invalid_request", message, { field, cause });
  }
}

/** How long a body that is not wanted is still taken in. */
const MS = 2_000;

/**
 * Takes in what is left of a body that was refused (a wrong key, a limit, an unknown path) before it is answered: a client,
 * or a proxy before us, that is still writing would see a broken connection in place of the answer.
 */
export async function drainBody(c: AppContext, next: Next): Promise<void> {
  await next();
  const { body } = c.req.raw;
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), MS);
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client left: nobody reads the answer either.
  } finally {
    clearTimeout(timer);
  }
}
