import { Buffer } from "node:buffer";
import { BodyError } from "./body-error.ts";

/** Shorter texts are copied faster by hand than by a native call. */
const SHORT = 48;

/** The JSON that is left of a body without its pictures, in latin1 characters that stand for bytes of UTF-8. */
export class Skeleton {
  /** A copy, because a substring of a slice would keep the whole slice in memory. */
  private bytes = Buffer.allocUnsafe(1024);
  private length = 0;
  private readonly maxBytes: number;
  private readonly textBytes: number;
  /** Where the current text began; and whether it grew too long to be kept. */
  private textStart = 0;
  private dropped = false;

  constructor(maxBytes: number, textBytes: number) {
    this.maxBytes = maxBytes;
    this.textBytes = textBytes;
  }

  /** Adds JSON between texts. Throws BadBody where there is too much. */
  add(json: string): void {
    const end = this.length + json.length;
    if (end > this.maxBytes) throw new BodyError(`The JSON without its pictures is over ${this.maxBytes} bytes.`, true);
    if (end > this.bytes.length) this.grow(end);
    if (json.length > SHORT) this.bytes.latin1Write(json, this.length, json.length);
    else for (let at = 0; at < json.length; at++) this.bytes[this.length + at] = json.charCodeAt(at);
    this.length = end;
  }

  /** Begins a text; its opening quote has been added. */
  beginText(): void {
    this.textStart = this.length;
    this.dropped = false;
  }

  /** Adds to the current text, which is left empty once it is too long. */
  addText(inside: string): void {
    if (this.dropped) return;
    this.dropped = this.length - this.textStart + inside.length > this.textBytes;
    if (this.dropped) this.length = this.textStart;
    else this.add(inside);
  }

  toString(): string {
    return this.bytes.toString("utf8", 0, this.length);
  }

  private grow(least: number): void {
    const larger = Buffer.allocUnsafe(Math.max(least, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
