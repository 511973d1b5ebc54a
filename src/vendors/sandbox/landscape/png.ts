import { Buffer } from "node:buffer";
import { constants, crc32, deflateRawSync } from "node:zlib";

/** Write row `y` as RGB samples. Called once per row, from the top. */
export type PaintRow = (y: number, row: Uint8ClampedArray) => void;

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** 8 bits per sample, RGB, compression and filter method 0, not interlaced. */
const RGB8 = Uint8Array.of(8, 2, 0, 0, 0);
/** PNG filter type: a sample is stored as its difference from the previous pixel's. */
const SUB = 1;
/** Uncompressed bytes painted at a time. */
const BAND_BYTES = 256 * 1024;

/** zlib's compression level. Level 6 makes pictures an eighth smaller, but the total time is 1.6 times as long. */
const LEVEL = 4;

/**
 * Encode a PNG as a byte stream that is painted only on demand: each pull paints, compresses and sends one band of
 * rows. With `breakAt` (0 to 1) the stream fails after that share of the rows.
 */
export function png(width: number, height: number, paint: PaintRow, breakAt = Infinity): ReadableStream<Uint8Array> {
  const stride = width * 3;
  const bandRows = Math.min(height, Math.ceil(BAND_BYTES / (stride + 1)));
  const buffer = new Uint8Array(bandRows * (stride + 1));
  const row = new Uint8ClampedArray(stride);
  const rowCount = Math.min(height, Math.ceil(height * breakAt));
  let checksum = 1;
  let y = 0;

  const paintBand = (): Uint8Array => {
    const rows = Math.min(bandRows, rowCount - y);
    const bytes = buffer.subarray(0, rows * (stride + 1));
    for (let i = 0, end = y + rows; y < end; y++) {
      paint(y, row);
      bytes[i++] = SUB;
      for (let k = 0; k < stride; k++) bytes[i++] = (row[k] ?? 0) - (row[k - 3] ?? 0);
    }
    return bytes;
  };

  // Not a CompressionStream: in workerd it accepts all input, however little is read. Here each band is a pull of its
  // own, so a slow reader costs nothing. Each band is flushed to whole bytes, so that the bands can be concatenated.
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (y >= rowCount) throw new Error("The sandbox broke this picture off, as the prompt asked.");
      const head = y === 0 ? [SIGNATURE, chunk("IHDR", [uint32(width), uint32(height), RGB8])] : [];
      const start = y === 0 ? [ZLIB_HEADER] : [];
      const bytes = paintBand();
      checksum = adler32(bytes, checksum);
      if (y < height) {
        const packed = deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, level: LEVEL });
        return controller.enqueue(concat([...head, chunk("IDAT", [...start, packed])]));
      }
      const packed = deflateRawSync(bytes, { level: LEVEL });
      const data = chunk("IDAT", [...start, packed, uint32(checksum)]);
      controller.enqueue(concat([...head, data, chunk("IEND", [])]));
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

/** Deflate with a 32 KiB window and no dictionary (RFC 1950, section 2.2). */
const ZLIB_HEADER = Uint8Array.of(0x78, 0x9c);

/** Continue an Adler-32 checksum, which starts at 1 (RFC 1950, section 8.2). */
function adler32(bytes: Uint8Array, from: number): number {
  let a = from & 0xffff;
  let b = from >>> 16;
  for (let i = 0; i < bytes.length;) {
    // At most 5552 additions fit into 32 bits before the sums must be reduced.
    for (const stop = Math.min(i + 5552, bytes.length); i < stop; i++) {
      a += bytes[i] ?? 0;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** Encode a chunk: length, type, data and the checksum of type and data (www.w3.org/TR/png-3/#5Chunk-layout). */
function chunk(type: string, data: Uint8Array[]): Uint8Array {
  const body = concat([new TextEncoder().encode(type), ...data]);
  return concat([uint32(body.length - 4), body, uint32(crc32(body))]);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Concatenate into a new buffer, because a byte stream transfers the buffer that it gets. */
function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}
