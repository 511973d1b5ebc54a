import { spillTo } from "../store/pictures.ts";
import { ClientStream } from "../stream/client-stream.ts";
import type { Candidate } from "../models/candidates.ts";
import type { Drawing } from "./failover.ts";
import type { Generation } from "./recorder.ts";
import type { Job } from "./generation.ts";

/** A vendor's bytes on their way to the client. */
export interface Raw {
  body: ReadableStream<Uint8Array>;
  contentType: string;
  /** Settles when the generation has ended. */
  done: Promise<unknown>;
}

/** Whether the client speaks the language of the vendor that is asked first, and that vendor's answers are passed on. */
export function isPassThrough({ target: { provider } }: Candidate, { dialect, owned, asked }: Job): boolean {
  // What others rely on is answered to all of them alike, from what is stored.
  return provider.passThrough === true && provider.name === dialect && owned !== true && asked.stream !== true;
}

/** The first vendor's bytes as they are; undefined where another vendor drew in its place before any had gone out. */
export async function passThrough(generation: Generation, drawing: Drawing): Promise<Raw | undefined> {
  const { id, env, config, asked } = generation.job;
  const { holdBytes, clientStallMs, answerBytes } = config.limits;
  const tap = new ClientStream({
    holdBytes,
    stallMs: clientStallMs,
    spill: () => spillTo(env.BUCKET, id, answerBytes),
  });
  const until = drawing.deadline();
  const done = drawing.exchange({ n: asked.request.n, at: 0, until }, tap).then(
    async (result) => {
      // The client has its picture, whether or not that can be noted.
      await generation.succeed([result]).catch((error: unknown) => generation.tellLost(error));
      await tap.close();
    },
    async (thrown: unknown) => {
      if (!tap.flushed) throw thrown;
      const error = await generation.fail(thrown);
      // What could not be stored came whole all the same: the client has its picture.
      await (error.code === "internal" ? tap.close() : tap.abort());
    },
  );
  try {
    await Promise.race([tap.started, done]);
  } catch (thrown) {
    const at = await drawing.next(thrown, { at: 0, until });
    if (at === undefined) throw drawing.error ?? thrown;
    return drawing.draw(at, until);
  }
  return { body: tap.readable, contentType: tap.contentType, done };
}
