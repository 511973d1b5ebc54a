import { createCipheriv, createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

/** A complete picture file, with the facts that a reader must find. */
export interface Picture {
  bytes: Buffer;
  type: "image/png" | "image/jpeg" | "image/webp";
  extension: "png" | "jpg" | "webp";
  width: number;
  height: number;
  /** Hex. */
  sha256: string;
}

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
/** Bytes of signature, IHDR and IEND; and of a chunk's length, name and CRC. */
const FRAME_BYTES = 8 + 25 + 12;
const CHUNK_BYTES = 12;

/** Incompressible bytes that depend on the seed only. */
export function noise(bytes: number, seed: number): Buffer {
  const key = createHash("sha256").update(String(seed)).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * A valid RGB PNG of exactly `bytes` bytes, stored uncompressed, so that its base64 is as long as that of a real
 * picture. Without a size it is the largest square that fits. If the size is too large for `bytes`, it is black and
 * padded with noise.
 */
export function png(options: { bytes?: number; width?: number; height?: number; seed?: number } = {}): Picture {
  const { bytes = 1024, seed = 1 } = options;
  const side = Math.max(1, Math.floor(Math.sqrt((bytes - FRAME_BYTES - 2 * CHUNK_BYTES - 64) / 3.01)) || 1);
  const width = options.width ?? side;
  const height = options.height ?? options.width ?? side;

  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);

  const room = bytes - FRAME_BYTES - CHUNK_BYTES;
  const scanlines = height * (1 + width * 3);
  const fits = scanlines + Math.ceil(scanlines / 16_000 + 1) * 5 + 64 < room;
  const pixels = fits ? noise(scanlines, seed) : Buffer.alloc(scanlines);
  if (fits) for (let row = 0; row < height; row++) pixels[row * (1 + width * 3)] = 0;
  const data = deflateSync(pixels, { level: fits ? 0 : 9 });

  const unused = room - data.length;
  if (unused !== 0 && unused < CHUNK_BYTES)
    throw new RangeError(`no ${width}x${height} PNG has exactly ${bytes} bytes`);
  const padding = unused === 0 ? [] : [chunk("noIz", noise(unused - CHUNK_BYTES, seed + 1))];
  const parts = [SIGNATURE, chunk("IHDR", head), ...padding, chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))];
  return { ...withFacts(Buffer.concat(parts), width, height), type: "image/png", extension: "png" };
}

/** A valid 24x16 JPEG of 304 bytes; with `seed` it has a comment segment that makes it unique. */
export function jpeg(seed?: number): Picture {
  const bytes = Buffer.from(JPEG, "base64");
  const comment = Buffer.concat([Buffer.from("fffe000a", "hex"), noise(8, seed ?? 0)]);
  const marked = seed === undefined ? bytes : Buffer.concat([bytes.subarray(0, 2), comment, bytes.subarray(2)]);
  return { ...withFacts(marked, 24, 16), type: "image/jpeg", extension: "jpg" };
}

/** A valid 24x16 lossy WebP of 102 bytes. */
export function webp(): Picture {
  return { ...withFacts(Buffer.from(WEBP, "base64"), 24, 16), type: "image/webp", extension: "webp" };
}

/** Detect a file's type by its first bytes; undefined if it is unknown. */
export function typeOf(bytes: Buffer): Picture["type"] | undefined {
  if (bytes.subarray(0, 8).equals(SIGNATURE)) return "image/png";
  if (bytes.subarray(0, 3).toString("hex") === "ffd8ff") return "image/jpeg";
  if (bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP") return "image/webp";
  return undefined;
}

function withFacts(bytes: Buffer, width: number, height: number) {
  return { bytes, width, height, sha256: sha256(bytes) };
}

function chunk(name: string, data: Buffer): Buffer {
  const all = Buffer.alloc(data.length + CHUNK_BYTES);
  all.writeUInt32BE(data.length, 0);
  all.write(name, 4, "latin1");
  all.set(data, 8);
  all.writeUInt32BE(crc32(all.subarray(4, 8 + data.length)), 8 + data.length);
  return all;
}

const JPEG =
  "/9j/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZT" +
  "fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAQABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAA" +
  "BQAE/8QAFxAAAwEAAAAAAAAAAAAAAAAAAAMEYf/EABYBAQEBAAAAAAAAAAAAAAAAAAMEBf/EABkRAAIDAQAAAAAAAAAAAAAAAAAEAQIhA//aAAwDAQAC" +
  "EQMRAD8ACXJhpXJgmuTDUuTBLsALtBi5MIcXJhE0sabXNrD/2Q==";
const WEBP =
  "UklGRl4AAABXRUJQVlA4IFIAAADQAwCdASoYABAAPu1orU2ppqSiMAgBMB2JbACdMoRwACm73iYzL4AA/uw9swHK2rdelZPrn/62xePEScysZUAYvFgBWlVb" +
  "sWdDflER1O4hQAAA";
