import { release, acquire } from "./buffer-pool.ts";

/** Reads of pictures: large, because each read costs a turn of the event loop. */
const LARGE = 256 * 1024;
const SMALL = 16 * 1024;
/** A read waits for as much as comes in this time, so that fast bodies take few reads and slow ones flow as they come. */
const PATIENCE_MS = 10;

export interface PumpOptions {
  /** Called with each chunk; its memory is reused once the call (or its promise) is done. */
  each(chunk: Uint8Array): Promise<void> | void;
  /** Asked before each read: do large reads pay off now? */
  preferLargeReads(): boolean;
  /** Ends reading; its reason is thrown. */
  signal?: AbortSignal | undefined;
  /** Where `each` fails, leaves the rest of the stream to whoever wants it, in place of cancelling it. */
  keepOnError?: boolean | undefined;
}

/** Reads a byte stream to its end through reused buffers; where a read or `each` fails, the stream is cancelled. */
export async function pump(body: ReadableStream<Uint8Array>, options: PumpOptions): Promise<void> {
  const { signal } = options;
  const reader = body.getReader({ mode: "byob" });
  // A read that waits ends with the stream.
  const stop = () => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener("abort", stop, { once: true });
  let buffer = acquire(SMALL);
  let received = 0;
  let atLeast = 1;
  let last = Date.now();
  try {
    signal?.throwIfAborted();
    for (;;) {
      if (buffer.byteLength < LARGE && options.preferLargeReads()) {
        release(buffer);
        buffer = acquire(LARGE);
      }
      const view = new Uint8Array(buffer);
      const { done, value } = await reader.readAtLeast(Math.min(atLeast, view.length), view);
      signal?.throwIfAborted();
      if (value !== undefined) {
        buffer = value.buffer;
        received += value.byteLength;
        const now = Date.now();
        const rate = value.byteLength / Math.max(now - last, 0.5);
        last = now;
        // No great part of what came, lest a fast start holds back the bytes before a pause.
        atLeast = Math.max(1, Math.floor(Math.min(rate * PATIENCE_MS, received / 4, LARGE / 2)));
        if (value.byteLength > 0) await options.each(value);
      }
      if (done) break;
    }
  } catch (error) {
    // Not awaited: a stalled peer must not hold up the answer.
    if (options.keepOnError !== true) void reader.cancel(error).catch(() => undefined);
    else reader.releaseLock();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  release(buffer);
}
