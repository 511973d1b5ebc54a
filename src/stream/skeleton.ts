import { Buffer } from "node:buffer";
import { BodyError } from "./body-error.ts";

/** Up to this length, a loop copies faster than a native call. */
const SHORT_CHARS = 48;

/** Collects the JSON of a body without its pictures. Input is latin1 text, each character one byte of UTF-8. */
export class Skeleton {
  /** A copy: substrings would keep their entire slices in memory. */
  private bytes = Buffer.allocUnsafe(1024);
  private length = 0;
  private readonly maxBytes: number;
  private readonly textBytes: number;
  /** The start of the current text, and whether the text was dropped because it is too long. */
  private textStart = 0;
  private dropped = false;

  constructor(maxBytes: number, textBytes: number) {
    this.maxBytes = maxBytes;
    this.textBytes = textBytes;
  }

  /** Add JSON between texts. Throws BodyError over `maxBytes`. */
  add(json: string): void {
    const end = this.length + json.length;
    if (end > this.maxBytes) throw new BodyError(`The JSON without its pictures is over ${this.maxBytes} bytes.`, true);
    if (end > this.bytes.length) this.grow(end);
    if (json.length > SHORT_CHARS) this.bytes.latin1Write(json, this.length, json.length);
    else for (let index = 0; index < json.length; index++) this.bytes[this.length + index] = json.charCodeAt(index);
    this.length = end;
  }

  /** Begin a text; its opening quote has been added. */
  beginText(): void {
    this.textStart = this.length;
    this.dropped = false;
  }

  /** Add to the current text; it is emptied once it is longer than `textBytes`. */
  addText(inside: string): void {
    if (this.dropped) return;
    this.dropped = this.length - this.textStart + inside.length > this.textBytes;
    if (this.dropped) this.length = this.textStart;
    else this.add(inside);
  }

  toString(): string {
    return this.bytes.toString("utf8", 0, this.length);
  }

  private grow(minBytes: number): void {
    const larger = Buffer.allocUnsafe(Math.max(minBytes, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
