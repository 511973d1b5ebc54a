import type { Shape } from "./size.ts";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const GIF87 = ascii("GIF87a");
const GIF89 = ascii("GIF89a");
const IPCO = ascii("ipco");

/** ISO base media brands (mp4ra.org); mif1 and msf1 are containers: their compatible brands name the codec. */
const BRANDS: ReadonlyMap<string, string> = new Map([
  ...["avif", "avis"].map((brand) => [brand, "image/avif"] as const),
  ...["heic", "heix", "heim", "heis", "hevc", "hevx"].map((brand) => [brand, "image/heic"] as const),
]);

function hasAt(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  return (
    offset >= 0 && offset + expected.length <= bytes.length && expected.every((byte, i) => bytes[offset + i] === byte)
  );
}

function indexOf(bytes: Uint8Array, expected: Uint8Array): number {
  const first = expected[0] ?? 0;
  let offset = bytes.indexOf(first);
  while (offset !== -1 && !hasAt(bytes, offset, expected)) offset = bytes.indexOf(first, offset + 1);
  return offset;
}

const byte = (bytes: Uint8Array, offset: number) => bytes[offset] ?? 0;
const be16 = (bytes: Uint8Array, offset: number) => byte(bytes, offset) * 0x100 + byte(bytes, offset + 1);
const be32 = (bytes: Uint8Array, offset: number) => be16(bytes, offset) * 0x10000 + be16(bytes, offset + 2);
const le16 = (bytes: Uint8Array, offset: number) => byte(bytes, offset) + byte(bytes, offset + 1) * 0x100;
const le24 = (bytes: Uint8Array, offset: number) => le16(bytes, offset) + byte(bytes, offset + 2) * 0x10000;
const le32 = (bytes: Uint8Array, offset: number) => le16(bytes, offset) + le16(bytes, offset + 2) * 0x10000;
const fourCC = (bytes: Uint8Array, offset: number) => String.fromCharCode(...bytes.subarray(offset, offset + 4));

/** Return the MIME type by magic bytes (12 suffice); undefined for HTML, SVG, PDF, text and other data. */
export function detectType(head: Uint8Array): string | undefined {
  if (hasAt(head, 0, PNG)) return "image/png";
  if (be16(head, 0) === 0xffd8 && head[2] === 0xff && isSegmentMarker(byte(head, 3))) return "image/jpeg";
  if (hasAt(head, 0, GIF87) || hasAt(head, 0, GIF89)) return "image/gif";
  if (fourCC(head, 0) === "RIFF" && fourCC(head, 8) === "WEBP") return "image/webp";
  if (fourCC(head, 4) === "ftyp") return typeByBrand(head);
  return undefined;
}

/** Markers of header segments: SOFn, DHT, DQT…, APPn, COM. The first marker cannot be a scan or an end marker. */
function isSegmentMarker(marker: number): boolean {
  return (marker >= 0xc0 && marker <= 0xcf) || (marker >= 0xdb && marker <= 0xef) || marker === 0xfe;
}

function typeByBrand(head: Uint8Array): string | undefined {
  const major = fourCC(head, 8);
  const known = BRANDS.get(major);
  if (known !== undefined || (major !== "mif1" && major !== "msf1")) return known;
  const end = Math.min(be32(head, 0), head.length);
  for (let offset = 16; offset + 4 <= end; offset += 4) {
    const type = BRANDS.get(fourCC(head, offset));
    if (type !== undefined) return type;
  }
  return "image/heic";
}

/**
 * Read width and height in pixels from the first bytes of a picture of that type, as its header states them (no EXIF or
 * irot rotation applied); undefined if these bytes do not contain them. Never throws.
 */
export function dimensions(type: string, head: Uint8Array): Shape | undefined {
  switch (type) {
    case "image/png":
      return head.length >= 24 && fourCC(head, 12) === "IHDR" ? shapeOf(be32(head, 16), be32(head, 20)) : undefined;
    case "image/gif":
      return head.length >= 10 ? shapeOf(le16(head, 6), le16(head, 8)) : undefined;
    case "image/webp":
      return head.length >= 30 ? webpDimensions(head) : undefined;
    case "image/jpeg":
      return jpegDimensions(head);
    case "image/avif":
    case "image/heic":
      return heifDimensions(head);
    default:
      return undefined;
  }
}

function shapeOf(width: number, height: number): Shape | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** RFC 9649: a lossy key frame, a lossless stream, or the extended header. */
function webpDimensions(head: Uint8Array): Shape | undefined {
  switch (fourCC(head, 12)) {
    case "VP8 ":
      if (le24(head, 23) !== 0x2a019d) return undefined;
      return shapeOf(le16(head, 26) & 0x3fff, le16(head, 28) & 0x3fff);
    case "VP8L":
      if (head[20] !== 0x2f) return undefined;
      return shapeOf(1 + (le32(head, 21) & 0x3fff), 1 + ((le32(head, 21) >>> 14) & 0x3fff));
    case "VP8X":
      return shapeOf(1 + le24(head, 24), 1 + le24(head, 27));
    default:
      return undefined;
  }
}

function jpegDimensions(head: Uint8Array): Shape | undefined {
  const frame = frameHeaderOffset(head);
  if (frame === undefined || frame + 9 > head.length) return undefined;
  return shapeOf(be16(head, frame + 7), be16(head, frame + 5));
}

/**
 * Walk the header segments (ITU T.81 B.1.1.4) to the frame header. Every step advances by at least one byte. A length
 * below 2 leads to the bytes of the length itself, which are not a marker, and ends the walk.
 */
function frameHeaderOffset(head: Uint8Array): number | undefined {
  let offset = 2;
  while (offset + 4 <= head.length && head[offset] === 0xff) {
    const marker = byte(head, offset + 1);
    if (marker === 0xff) offset += 1;
    else if (!isSegmentMarker(marker)) break;
    else if (marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) return offset;
    else offset += 2 + be16(head, offset + 2);
  }
  return undefined;
}

/** Read the largest ispe of the item properties: tiles, alpha planes and thumbnails are smaller than the picture. */
function heifDimensions(head: Uint8Array): Shape | undefined {
  const ipco = indexOf(head, IPCO) - 4;
  if (ipco < 0) return undefined;
  const end = ipco + be32(head, ipco);
  if (end > head.length) return undefined;
  let largest: Shape | undefined;
  for (let offset = ipco + 8; offset + 8 <= end && be32(head, offset) >= 8; offset += be32(head, offset)) {
    if (fourCC(head, offset + 4) !== "ispe" || offset + 20 > end) continue;
    const found = shapeOf(be32(head, offset + 12), be32(head, offset + 16));
    if (found && (!largest || found.width * found.height > largest.width * largest.height)) largest = found;
  }
  return largest;
}
