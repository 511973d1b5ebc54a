import type { Shape } from "./size.ts";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const GIF87 = ascii("GIF87a");
const GIF89 = ascii("GIF89a");
const IPCO = ascii("ipco");

/** ISO base media brands (mp4ra.org); mif1 and msf1 are containers whose compatible brands tell which codec. */
const BRANDS: ReadonlyMap<string, string> = new Map([
  ...["avif", "avis"].map((brand) => [brand, "image/avif"] as const),
  ...["heic", "heix", "heim", "heis", "hevc", "hevx"].map((brand) => [brand, "image/heic"] as const),
]);

function has(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  return at >= 0 && at + wanted.length <= bytes.length && wanted.every((byte, i) => bytes[at + i] === byte);
}

function find(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0] ?? 0;
  let at = bytes.indexOf(first);
  while (at !== -1 && !has(bytes, at, wanted)) at = bytes.indexOf(first, at + 1);
  return at;
}

const byte = (bytes: Uint8Array, at: number) => bytes[at] ?? 0;
const be16 = (bytes: Uint8Array, at: number) => byte(bytes, at) * 0x100 + byte(bytes, at + 1);
const be32 = (bytes: Uint8Array, at: number) => be16(bytes, at) * 0x10000 + be16(bytes, at + 2);
const le16 = (bytes: Uint8Array, at: number) => byte(bytes, at) + byte(bytes, at + 1) * 0x100;
const le24 = (bytes: Uint8Array, at: number) => le16(bytes, at) + byte(bytes, at + 2) * 0x10000;
const le32 = (bytes: Uint8Array, at: number) => le16(bytes, at) + le16(bytes, at + 2) * 0x10000;
const four = (bytes: Uint8Array, at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));

/** MIME type by magic bytes; undefined for what is no raster picture (HTML, SVG, PDF, text). 12 bytes are enough. */
export function detectType(head: Uint8Array): string | undefined {
  if (has(head, 0, PNG)) return "image/png";
  if (be16(head, 0) === 0xffd8 && head[2] === 0xff && opensJpeg(byte(head, 3))) return "image/jpeg";
  if (has(head, 0, GIF87) || has(head, 0, GIF89)) return "image/gif";
  if (four(head, 0) === "RIFF" && four(head, 8) === "WEBP") return "image/webp";
  if (four(head, 4) === "ftyp") return ofBrands(head);
  return undefined;
}

/** Markers that carry a header segment: SOFn, DHT, DQT…, APPn, COM. A scan or an end marker cannot come first. */
function opensJpeg(marker: number): boolean {
  return (marker >= 0xc0 && marker <= 0xcf) || (marker >= 0xdb && marker <= 0xef) || marker === 0xfe;
}

function ofBrands(head: Uint8Array): string | undefined {
  const major = four(head, 8);
  const known = BRANDS.get(major);
  if (known !== undefined || (major !== "mif1" && major !== "msf1")) return known;
  const end = Math.min(be32(head, 0), head.length);
  for (let at = 16; at + 4 <= end; at += 4) {
    const type = BRANDS.get(four(head, at));
    if (type !== undefined) return type;
  }
  return "image/heic";
}

/**
 * Pixels from the first bytes of a picture of that type, as its header states them (no EXIF or irot rotation applied);
 * undefined where they are not told there. Never throws.
 */
export function dimensions(type: string, head: Uint8Array): Shape | undefined {
  switch (type) {
    case "image/png":
      return head.length >= 24 && four(head, 12) === "IHDR" ? sides(be32(head, 16), be32(head, 20)) : undefined;
    case "image/gif":
      return head.length >= 10 ? sides(le16(head, 6), le16(head, 8)) : undefined;
    case "image/webp":
      return head.length >= 30 ? ofWebp(head) : undefined;
    case "image/jpeg":
      return ofJpeg(head);
    case "image/avif":
    case "image/heic":
      return ofIspe(head);
    default:
      return undefined;
  }
}

function sides(width: number, height: number): Shape | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** RFC 9649: a lossy key frame, a lossless stream, or the extended header. */
function ofWebp(head: Uint8Array): Shape | undefined {
  switch (four(head, 12)) {
    case "VP8 ":
      if (le24(head, 23) !== 0x2a019d) return undefined;
      return sides(le16(head, 26) & 0x3fff, le16(head, 28) & 0x3fff);
    case "VP8L":
      if (head[20] !== 0x2f) return undefined;
      return sides(1 + (le32(head, 21) & 0x3fff), 1 + ((le32(head, 21) >>> 14) & 0x3fff));
    case "VP8X":
      return sides(1 + le24(head, 24), 1 + le24(head, 27));
    default:
      return undefined;
  }
}

function ofJpeg(head: Uint8Array): Shape | undefined {
  const frame = frameOf(head);
  if (frame === undefined || frame + 9 > head.length) return undefined;
  return sides(be16(head, frame + 7), be16(head, frame + 5));
}

/**
 * Walks header segments (ITU T.81 B.1.1.4) to the frame header. Every turn moves on by at least one byte; a length below 2
 * leads to its own bytes, which are no marker, and ends the walk.
 */
function frameOf(head: Uint8Array): number | undefined {
  let at = 2;
  while (at + 4 <= head.length && head[at] === 0xff) {
    const marker = byte(head, at + 1);
    if (marker === 0xff) at += 1;
    else if (!opensJpeg(marker)) break;
    else if (marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) return at;
    else at += 2 + be16(head, at + 2);
  }
  return undefined;
}

/** The largest ispe among the item properties: tiles, alpha planes and thumbnails are smaller than the picture. */
function ofIspe(head: Uint8Array): Shape | undefined {
  const ipco = find(head, IPCO) - 4;
  if (ipco < 0) return undefined;
  const end = ipco + be32(head, ipco);
  if (end > head.length) return undefined;
  let largest: Shape | undefined;
  for (let at = ipco + 8; at + 8 <= end && be32(head, at) >= 8; at += be32(head, at)) {
    if (four(head, at + 4) !== "ispe" || at + 20 > end) continue;
    const found = sides(be32(head, at + 12), be32(head, at + 16));
    if (found && (!largest || found.width * found.height > largest.width * largest.height)) largest = found;
  }
  return largest;
}
