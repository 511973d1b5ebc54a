import { detectType } from "../image/detect-type.ts";
import { decodeBase64, stripWhitespace, standardAlphabet, Base64Reader, type Sink } from "./base64.ts";
import { cutEscape, unescapeJson, closingQuote } from "./json-text.ts";
import { Buffer } from "node:buffer";
import { placeholder } from "../image/wire.ts";
import { BodyError } from "./body-error.ts";
import { Skeleton } from "./skeleton.ts";

/** Base64 characters of the 12 bytes that `detectType` needs. */
const HEAD_CHARS = 16;
/** Maximum characters of JSON for them, escapes and white space included. */
const RAW_HEAD_CHARS = 8 * HEAD_CHARS;
/** First characters of PNG, JPEG (in either alphabet), GIF, WebP, AVIF and HEIC in base64, of an escape, and a space. */
const PICTURE_STARTS = "i/_RUA\\ ";

/**
 * Detect the MIME type of a picture whose base64 begins with `raw`, the start of a JSON string's inside; `complete` if
 * the string ends there. Returns undefined if it is not a picture, `unclear` if more characters are needed.
 */
function pictureType(raw: string, complete: boolean): string | undefined {
  if (!PICTURE_STARTS.includes(raw.charAt(0))) return undefined;
  const unescaped = unescapeJson(raw.substring(0, cutEscape(raw)));
  if (unescaped === undefined) return undefined;
  const head = stripWhitespace(unescaped).substring(0, HEAD_CHARS);
  if (head.length < HEAD_CHARS) return complete || raw.length >= RAW_HEAD_CHARS ? undefined : "unclear";
  const bytes = new Uint8Array(12);
  return decodeBase64(standardAlphabet(head), bytes) && detectType(bytes);
}

export interface HoistOptions {
  /** Called once the first bytes of picture `index` have shown its MIME type. */
  open(index: number, type: string): Sink;
  /** Maximum bytes of the skeleton, the JSON without its pictures. */
  skeletonBytes: number;
  /** Maximum nesting. */
  depth: number;
  /** A longer text is dropped (vendors send signatures of megabytes); without it, every text is kept. */
  textBytes?: number;
}

/** V8 searches latin1 strings far faster than bytes, and 32 KB of them stay in cache. */
const SLICE_BYTES = 32 * 1024;
const DATA_URI = ";base64,";
const QUOTE = 0x22;

/** The scanner's state. A picture can begin at the `start` of a string, or `embedded` after `;base64,`. */
type State = "outside" | "start" | "embedded" | "text" | "picture";

/**
 * Moves pictures out of JSON while it streams: push bytes in chunks of any size, then `end()` returns the skeleton, in
 * which the placeholder `hoisted:k` replaces the base64 of picture k. Accepts objects, arrays and SSE, bare base64 and
 * `data:` URIs inside longer texts. Never buffers more than a few characters of a picture.
 */
export class Hoist {
  /** Pictures opened so far. */
  pictures = 0;
  private readonly options: HoistOptions;
  private readonly skeleton: Skeleton;
  private state: State = "outside";
  private depth = 0;
  private picture: Base64Reader | undefined;
  /** Last characters of a slice whose meaning depends on the next slice, such as half an escape: 133 at most. */
  private carry = "";

  constructor(options: HoistOptions) {
    this.options = options;
    this.skeleton = new Skeleton(options.skeletonBytes, options.textBytes ?? Infinity);
  }

  /** Whether the scanner is inside a picture, where large reads are worthwhile. */
  get inPicture(): boolean {
    return this.state === "picture";
  }

  /** Scan a chunk; its memory may be reused afterwards. Throws BodyError. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
      const slice = this.carry + bytes.latin1Slice(start, Math.min(start + SLICE_BYTES, bytes.length));
      this.carry = "";
      for (let index = 0; index < slice.length;) {
        index = this.state === "outside" ? this.scanOutside(slice, index) : this.scanString(slice, index);
      }
    }
  }

  /** Return the skeleton. Throws BodyError if a string is still open. */
  end(): string {
    if (this.state !== "outside") throw new BodyError("The JSON broke off inside a string.");
    return this.skeleton.toString();
  }

  private scanOutside(slice: string, from: number): number {
    for (let index = from; index < slice.length; index++) {
      const c = slice.charCodeAt(index);
      if (c === QUOTE) {
        this.skeleton.add(slice.substring(from, index + 1));
        this.skeleton.beginText();
        this.state = "start";
        return index + 1;
      }
      if (c === 0x7b || c === 0x5b) this.enter();
      else if (c === 0x7d || c === 0x5d) this.depth--;
    }
    this.skeleton.add(slice.substring(from));
    return slice.length;
  }

  private enter(): void {
    if (++this.depth > this.options.depth) {
      throw new BodyError(`The JSON is nested deeper than ${this.options.depth} levels.`);
    }
  }

  /** Scan to the end of the string, or as far as the slice is unambiguous; the remainder waits for the next slice. */
  private scanString(slice: string, from: number): number {
    const quote = closingQuote(slice, from);
    const closed = quote >= 0;
    const inside = slice.substring(from, closed ? quote : slice.length);
    const run = closed ? inside : inside.substring(0, cutEscape(inside));
    let index = 0;
    while (index < run.length) {
      const next = this.scanRun(run, index, closed);
      if (next < 0) break;
      index = next;
    }
    if (!closed) {
      this.carry = inside.substring(index);
      return slice.length;
    }
    if (this.state === "picture") this.endPicture();
    this.skeleton.add('"');
    this.state = "outside";
    return quote + 1;
  }

  /** Scan a part of `run` and return the index after it; -1 if more characters are needed, never if `closed`. */
  private scanRun(run: string, index: number, closed: boolean): number {
    if (this.state === "picture") {
      const end = this.picture?.feed(run.substring(index)) ?? 0;
      if (end < 0) return run.length;
      this.endPicture();
      return index + end;
    }
    if (this.state === "text") return this.scanText(run, index, closed);
    const type = pictureType(run.substring(index, index + RAW_HEAD_CHARS), closed);
    if (type === "unclear") return -1;
    if (type === undefined) this.state = "text";
    else this.beginPicture(type);
    return index;
  }

  private scanText(run: string, index: number, closed: boolean): number {
    const found = run.indexOf(DATA_URI, index);
    const end = found >= 0 ? found + DATA_URI.length : closed ? run.length : cutDataUri(run, index);
    if (end === index) return -1;
    this.skeleton.addText(run.substring(index, end));
    if (found >= 0) this.state = "embedded";
    return end;
  }

  private beginPicture(type: string): void {
    this.picture = new Base64Reader(this.options.open(this.pictures, type), this.state === "embedded");
    this.skeleton.addText(placeholder(this.pictures));
    this.pictures++;
    this.state = "picture";
  }

  private endPicture(): void {
    this.picture?.finish();
    this.picture = undefined;
    this.state = "text";
  }
}

/** Return the index of a `;base64,` that the end of `run` may have split; the length of `run` if there is none. */
function cutDataUri(run: string, from: number): number {
  const tail = run.substring(Math.max(from, run.length - DATA_URI.length + 1));
  const index = tail.lastIndexOf(";");
  return index >= 0 && DATA_URI.startsWith(tail.substring(index)) ? run.length - tail.length + index : run.length;
}
