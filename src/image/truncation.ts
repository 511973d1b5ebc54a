import { Buffer } from "node:buffer";

/** The header that a walk reads next, at ascending offsets; `end` is the picture's end if the bytes are missing. */
interface HeaderRead {
  offset: number;
  bytes: number;
  end?: number;
}

/**
 * Reads a picture header by header and returns the picture's end, or the offset where a search for the end marker
 * begins. Every header arrives in the same view, which the next one overwrites.
 */
type Walk = Generator<HeaderRead, number | { searchFrom: number }, DataView<ArrayBuffer>>;

const NEVER = Number.POSITIVE_INFINITY;
/** Step limit against CPU exhaustion: three times the steps of the worst legitimate GIF of 64 MiB. */
const MAX_STEPS = 1_000_000;
const END_OF_IMAGE = Uint8Array.of(0xff, 0xd9);

const tag = (text: string) => Buffer.from(text, "latin1").readUInt32BE();
const IEND = tag("IEND");
/** Boxes that index the pictures, and boxes that contain their data: a picture needs one of each. */
const INDEX_BOXES: ReadonlySet<number> = new Set(["meta", "moov"].map(tag));
const DATA_BOXES: ReadonlySet<number> = new Set(["mdat", "imda"].map(tag));

const WALKS: Readonly<Record<string, () => Walk>> = {
  "image/png": walkPng,
  "image/jpeg": walkJpeg,
  "image/gif": walkGif,
  "image/webp": walkWebp,
  "image/avif": walkBoxes,
  "image/heic": walkBoxes,
};

/**
 * Checks, while the bytes pass by, that a picture is complete up to the end that its format defines. Bytes after the
 * end are ignored, the content is not validated. Never throws.
 */
export class TruncationCheck {
  private readonly walk: Walk | undefined;
  private readonly header = new DataView(new ArrayBuffer(8));
  private headerBytes = 0;
  private pendingRead: HeaderRead | undefined;
  private searchFrom = NEVER;
  private endsInHalfMarker = false;
  private steps = 0;
  private position = 0;
  private end = NEVER;

  /** `type` is the picture's MIME type; a picture of an unknown type never counts as complete. */
  constructor(type: string) {
    this.walk = WALKS[type]?.();
    this.advance();
  }

  /** Process the next bytes of the picture, in pieces of any size. */
  push(piece: Uint8Array): void {
    while (this.pendingRead !== undefined && this.fillHeader(this.pendingRead, piece)) this.advance();
    if (this.end === NEVER) this.searchEndMarker(piece);
    this.position += piece.length;
  }

  /** Whether the bytes so far contain the complete picture. */
  get complete(): boolean {
    return this.end <= this.position;
  }

  private advance(): void {
    const next = this.walk?.next(this.header);
    this.pendingRead = undefined;
    this.headerBytes = 0;
    if (next === undefined || ++this.steps > MAX_STEPS) return;
    if (next.done !== true) this.pendingRead = next.value;
    const { value } = next;
    if (typeof value === "number") this.end = value;
    else if ("searchFrom" in value) this.searchFrom = value.searchFrom;
    else this.end = value.end ?? this.end;
  }

  /** Copy the header's bytes from a piece; return whether the header is complete. */
  private fillHeader({ offset, bytes }: HeaderRead, piece: Uint8Array): boolean {
    for (let from = offset + this.headerBytes - this.position; this.headerBytes < bytes; from++, this.headerBytes++) {
      const value = piece[from];
      if (value === undefined) return false;
      this.header.setUint8(this.headerBytes, value);
    }
    return true;
  }

  private searchEndMarker(piece: Uint8Array): void {
    const from = Math.max(0, this.searchFrom - this.position);
    if (from >= piece.length) return;
    if (this.endsInHalfMarker && piece[0] === END_OF_IMAGE[1]) {
      this.end = this.position + 1;
      return;
    }
    const offset = Buffer.from(piece.buffer, piece.byteOffset, piece.length).indexOf(END_OF_IMAGE, from);
    if (offset !== -1) this.end = this.position + offset + END_OF_IMAGE.length;
    this.endsInHalfMarker = piece[piece.length - 1] === END_OF_IMAGE[0];
  }
}

/** Walk the chunks up to IEND; a length precedes each and a CRC follows (PNG, third edition, 5.3). */
function* walkPng(): Walk {
  for (let offset = 8; ;) {
    const header = yield { offset, bytes: 8 };
    offset += 12 + header.getUint32(0);
    if (header.getUint32(4) === IEND) return offset;
  }
}

/**
 * Walk the header segments (ITU T.81 B.1.1.4) up to the first scan, or anything else that is not a segment. The search
 * for the end marker begins there: a thumbnail in a segment has an end marker too, but entropy-coded data cannot
 * contain one.
 */
function* walkJpeg(): Walk {
  for (let offset = 2; ;) {
    if ((yield { offset, bytes: 1 }).getUint8(0) !== 0xff) return { searchFrom: offset };
    let marker = 0xff;
    while (marker === 0xff) marker = (yield { offset: ++offset, bytes: 1 }).getUint8(0);
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda)) return { searchFrom: offset };
    const length = (yield { offset: offset + 1, bytes: 2 }).getUint16(0);
    offset += 1 + Math.max(2, length);
  }
}

/** Walk the blocks, each a head and a chain of sub-blocks, to the trailer (GIF89a, appendix B); skip zeros between. */
function* walkGif(): Walk {
  let offset = 13 + colorTableBytes((yield { offset: 10, bytes: 1 }).getUint8(0));
  for (;;) {
    const kind = (yield { offset, bytes: 1 }).getUint8(0);
    offset += 1;
    if (kind === 0x3b) return offset;
    if (kind === 0x2c) offset += 10 + colorTableBytes((yield { offset: offset + 8, bytes: 1 }).getUint8(0));
    else if (kind === 0x21) offset += 1;
    else if (kind === 0) continue;
    else return NEVER;
    for (let size = 1; size > 0; offset += 1 + size) size = (yield { offset, bytes: 1 }).getUint8(0);
  }
}

/** Return the size in bytes of the color table that these flags announce. */
function colorTableBytes(flags: number): number {
  return flags & 0x80 ? 6 << (flags & 7) : 0;
}

/** RFC 9649: the length field counts the bytes after it; libwebp rejects a length below one chunk header. */
function* walkWebp(): Walk {
  const length = (yield { offset: 4, bytes: 4 }).getUint32(0, true);
  return length < 12 ? NEVER : 8 + length;
}

/**
 * Walk the top-level boxes (ISO/IEC 14496-12, 4.2). There is no end marker: a picture is complete if every box that it
 * needs ends within the file. Bytes after those boxes, such as padding, may look like a box or not.
 */
function* walkBoxes(): Walk {
  let [index, data, last] = [false, false, 0];
  const end = () => (index && data ? last : NEVER);
  for (let offset = 0; ;) {
    const header = yield { offset, bytes: 8, end: end() };
    const type = header.getUint32(4);
    let size = header.getUint32(0);
    if (size === 1) size = Number((yield { offset: offset + 8, bytes: 8 }).getBigUint64(0));
    if (size > 0 && size < 8) return end();
    index ||= INDEX_BOXES.has(type);
    data ||= DATA_BOXES.has(type);
    if (INDEX_BOXES.has(type) || DATA_BOXES.has(type)) last = offset + size;
    // Size 0: the last box extends to the end of the file.
    if (size === 0) return end();
    offset += size;
  }
}
