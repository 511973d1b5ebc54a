import { Buffer } from "node:buffer";
import { sniff } from "../image/sniff.ts";
import { BadBody } from "./bad-body.ts";
import { Base64Reader, decodeBase64, type Sink, standardAlphabet, unescapeJson } from "./base64.ts";

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
/** Base64 characters for the 12 bytes that `sniff` needs. */
const HEAD_CHARS = 16;
/** First characters of PNG, JPEG, GIF, WebP, AVIF and HEIC in base64, of an escape, and of white space. */
const PICTURE_STARTS = "i/RUA\\ \n\r\t";
const DATA_URI = ";base64,";
const QUOTE = 0x22;

/** Where in the JSON the scan stands; `head` is the start of a string while it may still turn out a picture. */
type State = "outside" | "head" | "text" | "picture";

/**
 * Lifts pictures out of JSON while it streams: push bytes in chunks of any size, then `end()` gives the JSON left
 * behind, where the base64 of picture k reads `hoisted:k`. Takes objects, arrays and SSE, bare base64 and `data:` URIs
 * inside longer texts, and never holds more than a few characters of a picture.
 */
export class Hoist {
  /** Pictures opened so far. */
  pictures = 0;
  private readonly options: HoistOptions;
  private state: State = "outside";
  private depth = 0;
  /** The skeleton so far, one latin1 character a byte. */
  private readonly parts: string[] = [];
  private skeletonLength = 0;
  /** Where the current text began in `parts`, its length so far and its last characters. */
  private textStart = 0;
  private textLength = 0;
  private textTail = "";
  private escaped = false;
  /** A string's first characters, while not decided on; and whether they follow `;base64,` in a longer text. */
  private head = "";
  private embedded = false;
  private picture: Base64Reader | undefined;

  constructor(options: HoistOptions) {
    this.options = options;
  }

  /** True inside a picture, where large reads pay off. */
  get inPicture(): boolean {
    return this.state === "picture";
  }

  /** Scans a chunk; its memory may be reused afterwards. Throws BadBody. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0; start < bytes.length; start += SLICE) {
      const slice = bytes.latin1Slice(start, Math.min(start + SLICE, bytes.length));
      for (let at = 0; at < slice.length; ) at = this.scan(slice, at);
    }
  }

  /** The JSON left behind, as text. Throws BadBody where a string is still open. */
  end(): string {
    if (this.state !== "outside") throw new BadBody("The JSON broke off inside a string.");
    return Buffer.from(this.parts.join(""), "latin1").toString("utf8");
  }

  private scan(slice: string, at: number): number {
    switch (this.state) {
      case "outside":
        return this.scanOutside(slice, at);
      case "head":
        return this.scanHead(slice, at);
      case "text":
        return this.scanText(slice, at);
      case "picture":
        return this.scanPicture(slice, at);
    }
  }

  private append(text: string): void {
    this.parts.push(text);
    this.skeletonLength += text.length;
    if (this.skeletonLength > this.options.skeletonBytes) {
      throw new BadBody(`The JSON without its pictures is over ${this.options.skeletonBytes} bytes.`, true);
    }
  }

  private scanOutside(slice: string, from: number): number {
    for (let at = from; at < slice.length; at++) {
      const c = slice.charCodeAt(at);
      if (c === QUOTE) {
        this.append(slice.substring(from, at + 1));
        this.textStart = this.parts.length;
        this.textLength = 0;
        this.textTail = "";
        this.enterHead(false);
        return at + 1;
      }
      if (c === 0x7b || c === 0x5b) this.deeper();
      else if (c === 0x7d || c === 0x5d) this.depth--;
    }
    this.append(slice.substring(from));
    return slice.length;
  }

  private deeper(): void {
    if (++this.depth > this.options.depth) throw new BadBody(`The JSON is nested deeper than ${this.options.depth} levels.`);
  }

  private enterHead(embedded: boolean): void {
    this.state = "head";
    this.head = "";
    this.embedded = embedded;
    this.escaped = false;
  }

  /** Takes a string's first characters one by one until they show a picture or something else. */
  private scanHead(slice: string, from: number): number {
    if (this.head === "" && !PICTURE_STARTS.includes(slice.charAt(from))) return this.leaveHead(from);
    this.head += slice.charAt(from);
    const clean = unescapeJson(this.head)?.replace(/\s+/g, "");
    if (clean === undefined) {
      // An escape cut in two, or a closing quote: six characters more decide.
      const open = /\\(?:u[0-9a-fA-F]{0,3})?$/.test(this.head);
      return open ? from + 1 : this.leaveHead(from + 1);
    }
    if (this.head.length > 8 * HEAD_CHARS || slice.charCodeAt(from) === QUOTE) return this.leaveHead(from + 1);
    if (clean.length < HEAD_CHARS) return from + 1;
    const bytes = new Uint8Array(12);
    const type = decodeBase64(standardAlphabet(clean), bytes) && sniff(bytes);
    if (type === undefined) return this.leaveHead(from + 1);
    this.picture = new Base64Reader(this.options.open(this.pictures, type), this.embedded, clean);
    this.append(`hoisted:${this.pictures}`);
    this.pictures++;
    this.state = "picture";
    return from + 1;
  }

  /** No picture: what was collected is text, and its last character may close the string. */
  private leaveHead(next: number): number {
    this.state = "text";
    const head = this.head;
    for (let at = 0; at < head.length; ) at = this.scan(head, at);
    return next;
  }

  private scanText(slice: string, from: number): number {
    const quote = this.closingQuote(slice, from);
    const stop = quote < 0 ? slice.length : quote;
    const picture = this.dataUri(slice, from, stop);
    this.addText(slice.substring(from, picture < 0 ? stop : picture));
    if (picture >= 0) {
      this.enterHead(true);
      return picture;
    }
    if (quote < 0) return stop;
    this.append('"');
    this.state = "outside";
    return quote + 1;
  }

  private closingQuote(slice: string, from: number): number {
    const start = this.escaped ? from + 1 : from;
    let quote = slice.indexOf('"', start);
    let slash = slice.indexOf("\\", start);
    this.escaped = false;
    while (slash >= 0 && (quote < 0 || slash < quote)) {
      if (slash + 1 === slice.length) this.escaped = true;
      if (slash + 1 === quote) quote = slice.indexOf('"', quote + 1);
      slash = slice.indexOf("\\", slash + 2);
    }
    return quote;
  }

  /** Index after `;base64,` in slice[from, stop), its start possibly in what came before; -1 if it is not there. */
  private dataUri(slice: string, from: number, stop: number): number {
    const before = this.textTail;
    const joint = before + slice.substring(from, Math.min(from + DATA_URI.length - 1, stop));
    const early = joint.indexOf(DATA_URI);
    if (early >= 0) return from + early + DATA_URI.length - before.length;
    const at = slice.indexOf(DATA_URI, from);
    return at >= 0 && at + DATA_URI.length <= stop ? at + DATA_URI.length : -1;
  }

  private addText(text: string): void {
    this.textLength += text.length;
    this.textTail = (this.textTail + text.slice(1 - DATA_URI.length)).slice(1 - DATA_URI.length);
    if (this.textLength <= (this.options.textBytes ?? Infinity)) return this.append(text);
    for (const part of this.parts.splice(this.textStart)) this.skeletonLength -= part.length;
  }

  private scanPicture(slice: string, from: number): number {
    const quote = slice.indexOf('"', from);
    const stop = quote < 0 ? slice.length : quote;
    const foreign = this.picture?.feed(from === 0 && stop === slice.length ? slice : slice.substring(from, stop)) ?? -1;
    if (foreign < 0 && quote < 0) return stop;
    this.picture?.finish();
    this.picture = undefined;
    this.state = "text";
    this.textTail = "";
    return foreign < 0 ? quote : from + foreign;
  }
}
