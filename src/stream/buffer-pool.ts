/** Idle bytes kept for the next request of this isolate: as much as eight large pictures are being filled with at once. */
const SPARE_BYTES = 40 * 1024 * 1024;

const spare = new Map<number, ArrayBuffer[]>();
let spareBytes = 0;

/** A buffer of `bytes`, used before or new; its content is arbitrary. */
export function acquire(bytes: number): ArrayBuffer {
  const buffer = spare.get(bytes)?.pop();
  if (buffer === undefined) return new ArrayBuffer(bytes);
  spareBytes -= bytes;
  return buffer;
}

/** Hands a buffer back for reuse, once; nobody may look at it any more. */
export function release(buffer: ArrayBufferLike): void {
  // A detached one has no bytes.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return;
  if (spareBytes + buffer.byteLength > SPARE_BYTES) return;
  const kept = spare.get(buffer.byteLength) ?? [];
  kept.push(buffer);
  spare.set(buffer.byteLength, kept);
  spareBytes += buffer.byteLength;
}
