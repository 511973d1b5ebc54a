import { env } from "cloudflare:workers";
import type { Env } from "../../src/env.ts";

/** The bucket that wrangler.toml binds, on Miniflare's R2. */
export const { BUCKET } = env as unknown as Env;

/** The steps of a wrapped bucket that can fail or be slow. */
export type Step = "put" | "createMultipartUpload" | "uploadPart" | "complete" | "abort" | "delete" | "get";

export interface Faults {
  /** Called before each step, with the part's number or 0; an error it throws is thrown as R2's. */
  before?(step: Step, part: number): Promise<void> | void;
  /** Called with each body before it reaches R2. */
  body?(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>;
  /** Called with R2's result of a put or a completion. */
  made?(object: R2Object): Pick<R2Object, "size">;
}

export interface WatchedBucket {
  bucket: R2Bucket;
  /** Every step in order, as `uploadPart 2`. */
  steps: string[];
  /** Bytes of each part, in order. */
  parts: number[];
}

/** Wrap a bucket to record its steps and to inject faults. */
export function watchBucket(target: R2Bucket, faults: Faults = {}): WatchedBucket {
  const steps: string[] = [];
  const parts: number[] = [];
  const step = async (name: Step, part = 0) => {
    steps.push(part === 0 ? name : `${name} ${part}`);
    await faults.before?.(name, part);
  };
  const transformBody = (value: unknown) =>
    (faults.body?.(value as ReadableStream<Uint8Array>) ?? value) as ReadableStream;
  const made = (object: R2Object) => faults.made?.(object) ?? object;

  const upload = (real: R2MultipartUpload) => ({
    key: real.key,
    uploadId: real.uploadId,
    uploadPart: async (number: number, value: ReadableStream<Uint8Array>) => {
      await step("uploadPart", number);
      const bytes = await new Response(transformBody(value)).arrayBuffer();
      parts.push(bytes.byteLength);
      return real.uploadPart(number, bytes);
    },
    complete: async (uploaded: R2UploadedPart[]) => {
      await step("complete");
      return made(await real.complete(uploaded));
    },
    abort: async () => {
      await step("abort");
      await real.abort();
    },
  });
  const bucket = {
    put: async (key: string, value: ReadableStream, options: Omit<R2PutOptions, "onlyIf">) => {
      await step("put");
      return made(await target.put(key, transformBody(value), options));
    },
    createMultipartUpload: async (key: string, options: R2MultipartOptions) => {
      await step("createMultipartUpload");
      return upload(await target.createMultipartUpload(key, options));
    },
    get: async (key: string) => {
      await step("get");
      return target.get(key);
    },
    delete: async (keys: string | string[]) => {
      await step("delete");
      await target.delete(keys);
    },
  };
  return { bucket: bucket as unknown as R2Bucket, steps, parts };
}
