import { give, take } from "./buffers.ts";

/** Reads of pictures: large, because each read costs a turn of the event loop. */
const LARGE = 256 * 1024;
const SMALL = 16 * 1024;
/** A read waits for as much as comes in this time, so that fast bodies take few reads and slow ones flow as they come. */
const PATIENCE_MS = 10;

export interface PumpOptions {
  /** Called with each chunk; its memory is reused once the call (or its promise) is done. */
  each(chunk: Uint8Array): Promise<void> | void;
  /** Asked before each read: do large reads pay off now? */
  large(): boolean;
  /** Rejects when reading must stop. */
  deadline?: Promise<never>;
}

/** Reads a byte stream to its end through reused buffers. Cancels the stream where a read or `each` fails. */
export async function pump(body: ReadableStream<Uint8Array>, options: PumpOptions): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const before = untilThen(options.deadline);
  let buffer = take(SMALL);
  let received = 0;
  let atLeast = 1;
  let last = Date.now();
  try {
    for (;;) {
      if (buffer.byteLength < LARGE && options.large()) {
        give(buffer);
        buffer = take(LARGE);
      }
      const view = new Uint8Array(buffer);
      const { done, value } = await before(reader.readAtLeast(Math.min(atLeast, view.length), view));
      if (value !== undefined) {
        buffer = value.buffer;
        received += value.byteLength;
        const now = Date.now();
        const rate = value.byteLength / Math.max(now - last, 0.5);
        last = now;
        // Never more than a quarter of what came, lest a fast start holds back the bytes before a pause.
        atLeast = Math.max(1, Math.floor(Math.min(rate * PATIENCE_MS, received / 4)));
        if (value.byteLength > 0) await options.each(value);
      }
      if (done) break;
    }
  } catch (error) {
    // Not awaited: a stalled peer must not hold up the answer.
    void reader.cancel(error).catch(() => undefined);
    throw error;
  }
  give(buffer);
}

/** Wraps promises so that they reject with the deadline. A race with it would add to its memory at every read. */
function untilThen(deadline: Promise<never> | undefined): <T>(work: Promise<T>) => Promise<T> {
  if (deadline === undefined) return (work) => work;
  let expire: (error: unknown) => void = () => undefined;
  let expired: { error: unknown } | undefined;
  deadline.catch((error: unknown) => {
    expired = { error };
    expire(error);
  });
  return (work) =>
    new Promise((resolve, reject) => {
      expire = reject;
      if (expired !== undefined) reject(expired.error);
      work.then(resolve, reject);
    });
}
