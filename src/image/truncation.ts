import { Buffer } from "node:buffer";

/** The bytes a walk wants next, never before those it had; `end` is where the picture ends if they do not come. */
interface Want {
  at: number;
  bytes: number;
  end?: number;
}

/** From header to header, each in a view that the next one reuses, to where the picture ends or a search has to begin. */
type Walk = Generator<Want, number | { searchFrom: number }, DataView<ArrayBuffer>>;

const NEVER = Number.POSITIVE_INFINITY;
/** Thrice what a GIF of 64 MiB takes: whoever cuts a picture into more pieces wants to keep the processor busy. */
const MOST_STEPS = 1_000_000;
const END_OF_IMAGE = Uint8Array.of(0xff, 0xd9);

const tag = (text: string) => Buffer.from(text, "latin1").readUInt32BE();
const IEND = tag("IEND");
/** Boxes that say where the pictures are, and boxes that hold them: a picture needs one of each. */
const INDEX_BOXES: ReadonlySet<number> = new Set(["meta", "moov"].map(tag));
const DATA_BOXES: ReadonlySet<number> = new Set(["mdat", "imda"].map(tag));

const WALKS: Readonly<Record<string, () => Walk>> = {
  "image/png": png,
  "image/jpeg": jpeg,
  "image/gif": gif,
  "image/webp": webp,
  "image/avif": boxes,
  "image/heic": boxes,
};

/**
 * Whether a picture is there up to the end that its format gives it, found as the bytes pass by. What follows the end is
 * of no account, and what is inside is not looked at. Never throws.
 */
export class TruncationCheck {
  private readonly walk: Walk | undefined;
  private readonly header = new DataView(new ArrayBuffer(8));
  private held = 0;
  private want: Want | undefined;
  private searchFrom = NEVER;
  private halfFound = false;
  private steps = 0;
  private seen = 0;
  private end = NEVER;

  /** For a picture of that MIME type. */
  constructor(type: string) {
    this.walk = WALKS[type]?.();
    this.step();
  }

  /** The picture's next bytes, as many as there are. */
  push(piece: Uint8Array): void {
    while (this.want !== undefined && this.fill(this.want, piece)) this.step();
    if (this.end === NEVER) this.search(piece);
    this.seen += piece.length;
  }

  /** Whether what has been seen holds a whole picture. */
  get complete(): boolean {
    return this.end <= this.seen;
  }

  private step(): void {
    const next = this.walk?.next(this.header);
    this.want = undefined;
    this.held = 0;
    if (next === undefined || ++this.steps > MOST_STEPS) return;
    if (next.done !== true) this.want = next.value;
    const { value } = next;
    if (typeof value === "number") this.end = value;
    else if ("searchFrom" in value) this.searchFrom = value.searchFrom;
    else this.end = value.end ?? this.end;
  }

  /** Adds to the header what the piece has of it, and says whether that was the last of it. */
  private fill({ at, bytes }: Want, piece: Uint8Array): boolean {
    for (let from = at + this.held - this.seen; this.held < bytes; from++, this.held++) {
      const value = piece[from];
      if (value === undefined) return false;
      this.header.setUint8(this.held, value);
    }
    return true;
  }

  private search(piece: Uint8Array): void {
    const from = Math.max(0, this.searchFrom - this.seen);
    if (from >= piece.length) return;
    if (this.halfFound && piece[0] === END_OF_IMAGE[1]) {
      this.end = this.seen + 1;
      return;
    }
    const at = Buffer.from(piece.buffer, piece.byteOffset, piece.length).indexOf(END_OF_IMAGE, from);
    if (at !== -1) this.end = this.seen + at + END_OF_IMAGE.length;
    this.halfFound = piece[piece.length - 1] === END_OF_IMAGE[0];
  }
}

/** Chunks up to IEND, each with its length before and its CRC behind it (PNG, third edition, 5.3). */
function* png(): Walk {
  for (let at = 8; ;) {
    const header = yield { at, bytes: 8 };
    at += 12 + header.getUint32(0);
    if (header.getUint32(4) === IEND) return at;
  }
}

/**
 * Header segments (ITU T.81 B.1.1.4), one of which may hold a thumbnail with an end of its own, up to the first scan or
 * whatever else is no segment; the end marker is searched from there, as entropy-coded data cannot hold one.
 */
function* jpeg(): Walk {
  for (let at = 2; ;) {
    if ((yield { at, bytes: 1 }).getUint8(0) !== 0xff) return { searchFrom: at };
    let marker = 0xff;
    while (marker === 0xff) marker = (yield { at: ++at, bytes: 1 }).getUint8(0);
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda)) return { searchFrom: at };
    const length = (yield { at: at + 1, bytes: 2 }).getUint16(0);
    at += 1 + Math.max(2, length);
  }
}

/** Blocks up to the trailer, each a head and a chain of sub-blocks (GIF89a, appendix B); zeros between them do no harm. */
function* gif(): Walk {
  let at = 13 + colors((yield { at: 10, bytes: 1 }).getUint8(0));
  for (;;) {
    const kind = (yield { at, bytes: 1 }).getUint8(0);
    at += 1;
    if (kind === 0x3b) return at;
    if (kind === 0x2c) at += 10 + colors((yield { at: at + 8, bytes: 1 }).getUint8(0));
    else if (kind === 0x21) at += 1;
    else if (kind === 0) continue;
    else return NEVER;
    for (let size = 1; size > 0; at += 1 + size) size = (yield { at, bytes: 1 }).getUint8(0);
  }
}

/** Bytes of the color table that goes with these flags. */
function colors(flags: number): number {
  return flags & 0x80 ? 6 << (flags & 7) : 0;
}

/** RFC 9649: the length of what follows it; libwebp refuses less than one chunk header. */
function* webp(): Walk {
  const length = (yield { at: 4, bytes: 4 }).getUint32(0, true);
  return length < 12 ? NEVER : 8 + length;
}

/**
 * Boxes of the top level (ISO/IEC 14496-12, 4.2). There is no end marker: all that counts is that no box a picture needs
 * runs past the end. What comes behind them, padding included, looks like a box or does not.
 */
function* boxes(): Walk {
  let [index, data, last] = [false, false, 0];
  const end = () => (index && data ? last : NEVER);
  for (let at = 0; ;) {
    const header = yield { at, bytes: 8, end: end() };
    const type = header.getUint32(4);
    let size = header.getUint32(0);
    if (size === 1) size = Number((yield { at: at + 8, bytes: 8 }).getBigUint64(0));
    if (size > 0 && size < 8) return end();
    index ||= INDEX_BOXES.has(type);
    data ||= DATA_BOXES.has(type);
    if (INDEX_BOXES.has(type) || DATA_BOXES.has(type)) last = at + size;
    // The last box may leave it to the file how long it is.
    if (size === 0) return end();
    at += size;
  }
}
