// The Worker that is measured: Easel, or a bare handler to compare with, by `MODE`.
import easel from "../src/index.ts";
import type { Env } from "../src/env.ts";
import { Hoist } from "../src/stream/hoist.ts";
import { pump } from "../src/stream/pump.ts";
import { nullBucket } from "./null-bucket.ts";

interface BenchEnv extends Env {
  MODE: string;
  /** The URL that the bare handlers fetch. */
  FLOOR: string;
}

let envWithNullBucket: BenchEnv | undefined;

export default {
  async fetch(request, env, ctx) {
    switch (env.MODE) {
      case "floor":
        return fetch(env.FLOOR);
      case "forward":
        return fetch(env.FLOOR, { method: request.method, headers: request.headers, body: request.body });
      case "native":
        return storeBinary(env);
      case "pump":
        return pumpBody(env, ctx, undefined);
      case "extract":
        return pumpBody(env, ctx, newHoist());
      case "null":
        return easel.fetch(request, (envWithNullBucket ??= { ...env, BUCKET: nullBucket }), ctx);
      default:
        return easel.fetch(request, env, ctx);
    }
  },
} satisfies { fetch(request: Request, env: BenchEnv, ctx: ExecutionContext): Promise<Response> };

/** Put a binary body into R2 without any JavaScript in between. */
async function storeBinary(env: BenchEnv): Promise<Response> {
  const { body } = await fetch(env.FLOOR);
  await env.BUCKET.put(`native/${crypto.randomUUID()}`, body);
  return new Response("stored");
}

/** Move bytes as the pass-through does, with or without hoisting the picture; nothing is stored. */
async function pumpBody(env: BenchEnv, ctx: ExecutionContext, hoist: Hoist | undefined): Promise<Response> {
  const response = await fetch(env.FLOOR);
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let pending: Promise<void> | undefined;
  const onChunk = async (chunk: Uint8Array) => {
    hoist?.push(chunk);
    await pending;
    pending = writer.write(chunk);
  };
  const body = response.body as ReadableStream<Uint8Array>;
  ctx.waitUntil(pump(body, { preferLargeReads: () => true, onChunk }).then(() => writer.close()));
  return new Response(readable, { headers: { "content-type": "application/json" } });
}

const scratch = new Uint8Array(96 * 1024);

function newHoist(): Hoist {
  return new Hoist({
    open: () => ({ reserve: () => scratch, advance: () => undefined }),
    skeletonBytes: 2 ** 20,
    depth: 64,
  });
}
