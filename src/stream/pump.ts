/** Reads of pictures: large, because each read costs a turn of the event loop. */
const LARGE = 512 * 1024;
const SMALL = 16 * 1024;
/** Buffers of either size kept for the next request of this isolate. */
const SPARE = 8;
/** A read waits for as much as comes in this time, so that fast bodies take few reads and slow ones flow as they come. */
const PATIENCE_MS = 10;

const spare = new Map<number, ArrayBuffer[]>();

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
      const reading = reader.readAtLeast(Math.min(atLeast, view.length), view);
      const { done, value } = await (options.deadline ? Promise.race([reading, options.deadline]) : reading);
      if (value !== undefined) {
        buffer = value.buffer as ArrayBuffer;
        received += value.byteLength;
        const now = Date.now();
        const rate = value.byteLength / Math.max(now - last, 0.5);
        last = now;
        // Never more than an eighth of what came, lest a fast start holds back the bytes before a pause.
        atLeast = Math.max(1, Math.floor(Math.min(rate * PATIENCE_MS, received / 8)));
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

/** A buffer of `bytes`, used before or new; its content is arbitrary. */
export function take(bytes: number): ArrayBuffer {
  return spare.get(bytes)?.pop() ?? new ArrayBuffer(bytes);
}

/** Hands a buffer back for reuse; nobody may look at it any more. */
export function give(buffer: ArrayBuffer): void {
  if (buffer.byteLength === 0) return;
  const kept = spare.get(buffer.byteLength) ?? [];
  if (kept.length < SPARE) kept.push(buffer);
  spare.set(buffer.byteLength, kept);
}
