import type { Env, Settings } from "../env.ts";
import { GatewayError } from "../errors.ts";
import type { StoredPicture } from "../image/request.ts";
import { keys, PictureUpload } from "../store/pictures.ts";
import { BadBody } from "../stream/bad-body.ts";
import { parseDocuments } from "../stream/documents.ts";
import { Hoist } from "../stream/hoist.ts";
import { pump } from "../stream/pump.ts";

export interface Intake {
  /** The client's JSON without its pictures. */
  wire: unknown;
  /** The pictures, stored; to be dropped when the generation has ended. */
  pictures: StoredPicture[];
}

/** Reads a client's body within its limits, its pictures straight into R2. Throws invalid_request or payload_too_large. */
export async function intake(request: Request, generation: string, env: Env, settings: Settings): Promise<Intake> {
  const { limits } = settings;
  const uploads: PictureUpload[] = [];
  try {
    if (Number(request.headers.get("content-length") ?? 0) > limits.requestBytes) throw tooLarge(limits.requestBytes);
    if (request.body === null)
      throw new GatewayError("invalid_request", "The body is empty: send the request as JSON.");
    const hoist = new Hoist({
      open: (index) => {
        if (index >= limits.references)
          throw new GatewayError("invalid_request", `The request has more than ${limits.references} pictures.`);
        const upload = new PictureUpload(env.BUCKET, keys.reference(generation, index), limits.referenceBytes, {
          generation,
        });
        uploads.push(upload);
        return upload;
      },
      skeletonBytes: limits.requestJsonBytes,
      depth: limits.jsonDepth,
    });
    const wire = await withDeadline(limits.requestMs, async (deadline) => {
      let received = 0;
      await pump(request.body as ReadableStream<Uint8Array>, {
        deadline,
        large: () => hoist.inPicture,
        each: async (chunk) => {
          received += chunk.length;
          if (received > limits.requestBytes) throw tooLarge(limits.requestBytes);
          hoist.push(chunk);
          for (const upload of uploads) await upload.drain();
        },
      });
      return parseDocuments(hoist.end());
    });
    await Promise.all(uploads.map((upload) => upload.finish()));
    return { wire, pictures: uploads.map(({ stored }) => stored) };
  } catch (error) {
    await Promise.all(uploads.map((upload) => upload.discard()));
    if (error instanceof BadBody)
      throw new GatewayError(error.tooLarge ? "payload_too_large" : "invalid_request", error.message, { cause: error });
    throw error;
  }
}

function tooLarge(bytes: number): GatewayError {
  return new GatewayError("payload_too_large", `The body is over the limit of ${bytes} bytes.`);
}

async function withDeadline<T>(ms: number, work: (deadline: Promise<never>) => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new GatewayError("invalid_request", `The body did not arrive within ${ms / 1000} s.`)),
      ms,
    );
  });
  deadline.catch(() => undefined);
  try {
    return await work(deadline);
  } finally {
    clearTimeout(timer);
  }
}
