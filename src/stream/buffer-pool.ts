/** Maximum idle bytes kept for later requests of this isolate: the buffers of eight large pictures at once. */
const SPARE_BYTES = 40 * 1024 * 1024;

const spare = new Map<number, ArrayBuffer[]>();
let spareBytes = 0;

/** Return a buffer of `bytes`, reused or new, with arbitrary content. */
export function acquire(bytes: number): ArrayBuffer {
  const buffer = spare.get(bytes)?.pop();
  if (buffer === undefined) return new ArrayBuffer(bytes);
  spareBytes -= bytes;
  return buffer;
}

/** Return a buffer to the pool, once; the caller must not use it afterwards. */
export function release(buffer: ArrayBufferLike): void {
  // A detached buffer has no bytes.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return;
  if (spareBytes + buffer.byteLength > SPARE_BYTES) return;
  const sameSize = spare.get(buffer.byteLength) ?? [];
  sameSize.push(buffer);
  spare.set(buffer.byteLength, sameSize);
  spareBytes += buffer.byteLength;
}
