import { detectType } from "../image/detect-type.ts";
import { decodeBase64, stripWhitespace, standardAlphabet, Base64Reader, type Sink } from "./base64.ts";
import { cutEscape, unescapeJson, closingQuote } from "./json-text.ts";
import { Buffer } from "node:buffer";
import { placeholder } from "../image/wire.ts";
import { BodyError } from "./body-error.ts";
import { Skeleton } from "./skeleton.ts";

/** Base64 characters for the 12 bytes that `sniff` needs. */
const HEAD = 16;
/** Characters of JSON that may be spent on them, escapes and white space included. */
const RAW_HEAD = 8 * HEAD;
/** First characters of PNG, JPEG (in either alphabet), GIF, WebP, AVIF and HEIC in base64, of an escape, and a space. */
const PICTURE_STARTS = "i/_RUA\\ ";

/**
 * MIME type of the picture whose base64 begins with `raw`, the inside of a JSON string, `whole` or cut anywhere;
 * undefined if it is none, unclear if more must come to tell.
 */
function pictureType(raw: string, whole: boolean): string | undefined {
  if (!PICTURE_STARTS.includes(raw.charAt(0))) return undefined;
  const clean = unescapeJson(raw.substring(0, cutEscape(raw)));
  if (clean === undefined) return undefined;
  const head = stripWhitespace(clean).substring(0, HEAD);
  if (head.length < HEAD) return whole || raw.length >= RAW_HEAD ? undefined : "unclear";
  const bytes = new Uint8Array(12);
  return decodeBase64(standardAlphabet(head), bytes) && detectType(bytes);
}

export interface HoistOptions {
  /** Called as the first bytes of picture `index` show its MIME type. */
  open(index: number, type: string): Sink;
  /** JSON left behind at most, in bytes. */
  skeletonBytes: number;
  /** Nesting at most. */
  depth: number;
  /** A text longer than this is left out (vendors send signatures of megabytes); absent: every text is kept. */
  textBytes?: number;
}

/** V8 searches latin1 strings far faster than bytes, and 32 KB of them stay in cache. */
const SLICE = 32 * 1024;
const DATA_URI = ";base64,";
const QUOTE = 0x22;

/** Where in the JSON the scan stands; a picture may begin at a string's `start` and `embedded` after `;base64,`. */
type State = "outside" | "start" | "embedded" | "text" | "picture";

/**
 * Lifts pictures out of JSON while it streams: push bytes in chunks of any size, then `end()` gives the JSON left
 * behind, where the base64 of picture k reads `hoisted:k`. Takes objects, arrays and SSE, bare base64 and `data:` URIs
 * inside longer texts, and never holds more than a few characters of a picture.
 */
export class Hoist {
  /** Pictures opened so far. */
  pictures = 0;
  private readonly options: HoistOptions;
  private readonly skeleton: Skeleton;
  private state: State = "outside";
  private depth = 0;
  private picture: Base64Reader | undefined;
  /** Last characters of a slice that only the next one can explain, such as half an escape: 133 at most. */
  private rest = "";

  constructor(options: HoistOptions) {
    this.options = options;
    this.skeleton = new Skeleton(options.skeletonBytes, options.textBytes ?? Infinity);
  }

  /** True inside a picture, where large reads pay off. */
  get inPicture(): boolean {
    return this.state === "picture";
  }

  /** Scans a chunk; its memory may be reused afterwards. Throws BadBody. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0; start < bytes.length; start += SLICE) {
      const slice = this.rest + bytes.latin1Slice(start, Math.min(start + SLICE, bytes.length));
      this.rest = "";
      for (let at = 0; at < slice.length;) {
        at = this.state === "outside" ? this.scanOutside(slice, at) : this.scanString(slice, at);
      }
    }
  }

  /** The JSON left behind, as text. Throws BadBody where a string is still open. */
  end(): string {
    if (this.state !== "outside") throw new BodyError("The JSON broke off inside a string.");
    return this.skeleton.toString();
  }

  private scanOutside(slice: string, from: number): number {
    for (let at = from; at < slice.length; at++) {
      const c = slice.charCodeAt(at);
      if (c === QUOTE) {
        this.skeleton.add(slice.substring(from, at + 1));
        this.skeleton.beginText();
        this.state = "start";
        return at + 1;
      }
      if (c === 0x7b || c === 0x5b) this.deeper();
      else if (c === 0x7d || c === 0x5d) this.depth--;
    }
    this.skeleton.add(slice.substring(from));
    return slice.length;
  }

  private deeper(): void {
    if (++this.depth > this.options.depth) {
      throw new BodyError(`The JSON is nested deeper than ${this.options.depth} levels.`);
    }
  }

  /** Scans to the end of a string, or as far as the slice lets tell what it is; then the rest waits for the next. */
  private scanString(slice: string, from: number): number {
    const quote = closingQuote(slice, from);
    const closed = quote >= 0;
    const inside = slice.substring(from, closed ? quote : slice.length);
    const run = closed ? inside : inside.substring(0, cutEscape(inside));
    let at = 0;
    while (at < run.length) {
      const next = this.scanInside(run, at, closed);
      if (next < 0) break;
      at = next;
    }
    if (!closed) {
      this.rest = inside.substring(at);
      return slice.length;
    }
    if (this.state === "picture") this.endPicture();
    this.skeleton.add('"');
    this.state = "outside";
    return quote + 1;
  }

  /** Uses some of `run` and returns how far it came; -1 if more must come first (never where the run is `closed`). */
  private scanInside(run: string, at: number, closed: boolean): number {
    if (this.state === "picture") {
      const end = this.picture?.feed(run.substring(at)) ?? 0;
      if (end < 0) return run.length;
      this.endPicture();
      return at + end;
    }
    if (this.state === "text") return this.scanText(run, at, closed);
    const type = pictureType(run.substring(at, at + RAW_HEAD), closed);
    if (type === "unclear") return -1;
    if (type === undefined) this.state = "text";
    else this.beginPicture(type);
    return at;
  }

  private scanText(run: string, at: number, closed: boolean): number {
    const found = run.indexOf(DATA_URI, at);
    const stop = found >= 0 ? found + DATA_URI.length : closed ? run.length : cutDataUri(run, at);
    if (stop === at) return -1;
    this.skeleton.addText(run.substring(at, stop));
    if (found >= 0) this.state = "embedded";
    return stop;
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

/** Where a `;base64,` begins that the end of `run` may cut in two; its length if none does. */
function cutDataUri(run: string, from: number): number {
  const tail = run.substring(Math.max(from, run.length - DATA_URI.length + 1));
  const at = tail.lastIndexOf(";");
  return at >= 0 && DATA_URI.startsWith(tail.substring(at)) ? run.length - tail.length + at : run.length;
}
