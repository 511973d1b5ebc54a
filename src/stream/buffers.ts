/** Buffers of each size kept for the next request of this isolate. */
const SPARE = 8;

const spare = new Map<number, ArrayBuffer[]>();

/** A buffer of `bytes`, used before or new; its content is arbitrary. */
export function take(bytes: number): ArrayBuffer {
  return spare.get(bytes)?.pop() ?? new ArrayBuffer(bytes);
}

/** Hands a buffer back for reuse, once; nobody may look at it any more. */
export function give(buffer: ArrayBufferLike): void {
  // A detached one has no bytes.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return;
  const kept = spare.get(buffer.byteLength) ?? [];
  if (kept.length < SPARE) kept.push(buffer);
  spare.set(buffer.byteLength, kept);
}
