import { release, acquire } from "./buffer-pool.ts";

/** Buffer for reads of pictures: large, because each read costs a turn of the event loop. */
const LARGE_BYTES = 256 * 1024;
const SMALL_BYTES = 16 * 1024;
/**
 * A read waits for as many bytes as arrive in this time, so that fast bodies take few reads and slow ones are forwarded
 * as they arrive.
 */
const BATCH_MS = 10;

export interface PumpOptions {
  /** Called with each chunk; its memory is reused once the call (or its promise) has finished. */
  onChunk(chunk: Uint8Array): Promise<void> | void;
  /** Called before each read: are large reads worthwhile now? */
  preferLargeReads(): boolean;
  /** Stops reading; its reason is thrown. */
  signal?: AbortSignal | undefined;
  /** If the callback fails, release the stream for another reader instead of cancelling it. */
  keepOnError?: boolean | undefined;
}

/** Read a byte stream to its end through reused buffers. Cancels the stream if a read or the callback fails. */
export async function pump(body: ReadableStream<Uint8Array>, options: PumpOptions): Promise<void> {
  const { signal } = options;
  const reader = body.getReader({ mode: "byob" });
  // Cancelling the stream ends a read that is waiting.
  const stop = () => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener("abort", stop, { once: true });
  let buffer = acquire(SMALL_BYTES);
  let received = 0;
  let minBytes = 1;
  let lastReadAt = Date.now();
  try {
    signal?.throwIfAborted();
    for (;;) {
      if (buffer.byteLength < LARGE_BYTES && options.preferLargeReads()) {
        release(buffer);
        buffer = acquire(LARGE_BYTES);
      }
      const view = new Uint8Array(buffer);
      const { done, value } = await reader.readAtLeast(Math.min(minBytes, view.length), view);
      signal?.throwIfAborted();
      if (value !== undefined) {
        buffer = value.buffer;
        received += value.byteLength;
        const now = Date.now();
        const rate = value.byteLength / Math.max(now - lastReadAt, 0.5);
        lastReadAt = now;
        // Only a small part of what has arrived, or a fast start would hold back the bytes before a pause.
        minBytes = Math.max(1, Math.floor(Math.min(rate * BATCH_MS, received / 4, LARGE_BYTES / 2)));
        if (value.byteLength > 0) await options.onChunk(value);
      }
      if (done) break;
    }
  } catch (error) {
    // Not awaited: a stalled peer must not delay the response.
    if (options.keepOnError !== true) void reader.cancel(error).catch(() => undefined);
    else reader.releaseLock();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  release(buffer);
}
