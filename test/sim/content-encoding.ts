import { brotliCompressSync, crc32, deflateRawSync, constants, gzipSync, zstdCompressSync } from "node:zlib";

/** `corrupt-gzip` breaks in the middle; `gzip-bomb` is a gigabyte of "A" in a megabyte on the wire. */
export type ContentEncoding = "gzip" | "br" | "zstd" | "corrupt-gzip" | "gzip-bomb";

const BOMB_BYTES = 1 << 30;

/** Encode a body for the wire. Returns the bytes, and the name for the content-encoding header. */
export function encodeBody(body: Buffer, encoding: ContentEncoding): { name: string; bytes: Buffer } {
  if (encoding === "gzip") return { name: "gzip", bytes: gzipSync(body, { level: 1 }) };
  if (encoding === "br") {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 1 };
    return { name: "br", bytes: brotliCompressSync(body, { params }) };
  }
  if (encoding === "zstd") return { name: "zstd", bytes: zstdCompressSync(body) };
  if (encoding === "gzip-bomb") return { name: "gzip", bytes: gzipBomb(body) };
  const bytes = gzipSync(body, { level: 1 });
  // A reserved block type in the middle: no decoder can continue.
  bytes.fill(0xff, Math.max(10, bytes.length >> 1), Math.max(20, (bytes.length >> 1) + 64));
  return { name: "gzip", bytes };
}

/** Compress the body with a gigabyte of "A" in the middle, which is inside the base64 if there is any. */
function gzipBomb(body: Buffer): Buffer {
  const flush = { finishFlush: constants.Z_FULL_FLUSH };
  const middle = body.length >> 1;
  const block = Buffer.alloc(1 << 20, "A");
  const packed = deflateRawSync(block, { ...flush, level: 9 });
  const times = BOMB_BYTES / block.length;
  let check = crc32(body.subarray(0, middle));
  for (let i = 0; i < times; i++) check = crc32(block, check);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(body.subarray(middle), check), 0);
  tail.writeUInt32LE((body.length + BOMB_BYTES) % 2 ** 32, 4);
  return Buffer.concat([
    Buffer.from("1f8b08000000000000ff", "hex"),
    deflateRawSync(body.subarray(0, middle), flush),
    ...Array<Buffer>(times).fill(packed),
    deflateRawSync(body.subarray(middle)),
    tail,
  ]);
}
