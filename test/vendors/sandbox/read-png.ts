import { crc32, inflateSync } from "node:zlib";

export interface Png {
  width: number;
  height: number;
  /** RGB, row by row. */
  pixels: Uint8Array;
}

/** Read an 8-bit RGB PNG with the filters None, Sub or Up. Throws on a wrong checksum, order or length. */
export function readPng(bytes: Uint8Array): Png {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x89504e47 || view.getUint32(4) !== 0x0d0a1a0a) throw new Error("not a PNG");
  const types: string[] = [];
  const data: Uint8Array[] = [];
  let width = 0;
  let height = 0;
  let offset = 8;
  while (offset < bytes.length) {
    const length = view.getUint32(offset);
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    const body = bytes.subarray(offset + 8, offset + 8 + length);
    if (crc32(bytes.subarray(offset + 4, offset + 8 + length)) !== view.getUint32(offset + 8 + length))
      throw new Error("bad CRC");
    types.push(type);
    if (type === "IHDR") {
      width = view.getUint32(offset + 8);
      height = view.getUint32(offset + 12);
      if (body.subarray(8).join() !== "8,2,0,0,0") throw new Error("not 8-bit RGB");
    }
    if (type === "IDAT") data.push(body);
    offset += 12 + length;
  }
  if (types[0] !== "IHDR" || types.at(-1) !== "IEND") throw new Error("chunks out of order");
  return { width, height, pixels: unfilter(new Uint8Array(inflateSync(concat(data))), width, height) };
}

function unfilter(raw: Uint8Array, width: number, height: number): Uint8Array {
  const stride = width * 3;
  if (raw.length !== height * (stride + 1)) throw new Error("wrong amount of data");
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0;
    if (filter > 2) throw new Error(`filter ${filter}`);
    for (let k = 0; k < stride; k++) {
      const left = filter === 1 && k >= 3 ? (pixels[y * stride + k - 3] ?? 0) : 0;
      const up = filter === 2 && y > 0 ? (pixels[(y - 1) * stride + k] ?? 0) : 0;
      pixels[y * stride + k] = (raw[y * (stride + 1) + 1 + k] ?? 0) + left + up;
    }
  }
  return pixels;
}

function concat(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Read a stream to its end. */
export async function drain(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(parts);
    parts.push(value);
  }
}
