import { BodyError } from "./body-error.ts";
import { Buffer } from "node:buffer";

/** The name and the file name of a form part. */
export interface PartHead {
  name: string;
  /** Absent for a text field; empty for a browser's file field without a file. */
  filename?: string;
}

/** Content types of a part that counts as a file even without a file name; its bytes decide the picture's type. */
const FILE_TYPE = /^(?:image\/|application\/octet-stream\b)/i;
/** One header parameter, its value quoted or bare. */
const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))\s*/y;

/** Parse the header lines of a part (RFC 7578). Throws BodyError if it has no name. */
export function readPartHead(text: string): PartHead {
  const lines = text.split("\r\n");
  const header = (name: string) =>
    lines
      .find((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`)
      ?.slice(name.length + 1)
      .trim() ?? "";
  const parameters = parametersOf(header("content-disposition"));
  const name = parameters.get("name") ?? "";
  if (name === "") throw new BodyError('A part of the form has no name: Content-Disposition needs name="...".');
  const filename = parameters.get("filename") ?? parameters.get("filename*");
  if (filename !== undefined) return { name, filename };
  return FILE_TYPE.test(header("content-type")) ? { name, filename: "blob" } : { name };
}

/** Return the boundary in a form's content type; undefined for other types. Throws BodyError if it is missing. */
export function boundaryOf(contentType: string | null): string | undefined {
  if (contentType === null || !/^\s*multipart\/form-data\b/i.test(contentType)) return undefined;
  const boundary = parametersOf(contentType).get("boundary") ?? "";
  // RFC 2046 5.1.1 allows 70 characters; a longer boundary does no harm.
  if (/^[\x20-\x7e]{1,200}$/.test(boundary)) return boundary;
  throw new BodyError("content-type must name the boundary, as in multipart/form-data; boundary=x.");
}

function parametersOf(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = header.includes(";") ? header.indexOf(";") : header.length;
  for (let found = PARAMETER.exec(header); found !== null; found = PARAMETER.exec(header)) {
    const [, name = "", quoted, bare = ""] = found;
    parameters.set(name.toLowerCase(), quoted === undefined ? bare.trim() : quoted.replace(/\\(["\\])/g, "$1"));
  }
  return parameters;
}

/** A destination for the bytes of a part; calls do not overlap. */
export interface PartSink {
  /** The memory is reused once the promise has resolved. */
  write(bytes: Uint8Array): Promise<void> | void;
  end(): Promise<void> | void;
}

/** Maximum bytes of a part's header lines. */
const HEAD_BYTES = 16 * 1024;
const HEAD_END = "\r\n\r\n";
const LINE_END = 0x0d;
const EMPTY = Buffer.alloc(0);

/**
 * Splits a form (multipart/form-data) into its parts while it streams: push bytes in chunks of any size, then `end()`.
 * Never buffers more than a part's header lines, or a possible start of a boundary.
 */
export class Multipart {
  private readonly open: (head: PartHead) => PartSink;
  private readonly delimiter: Buffer;
  private state: "before" | "head" | "body" | "after" = "before";
  private sink: PartSink | undefined;
  /** Bytes that only the next chunk can complete. A delimiter begins with a line break, optional for the first one. */
  private carry = Buffer.from("\r\n");

  /** `open` creates the sink of each part in turn, or throws an error to reject the part. */
  constructor(boundary: string, open: (head: PartHead) => PartSink) {
    this.open = open;
    this.delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /** Whether the next bytes belong to the body of a part. */
  get inBody(): boolean {
    return this.state === "body";
  }

  /** Resolves when the chunk's memory may be reused. Throws BodyError, and errors of the sinks. */
  async push(chunk: Uint8Array): Promise<void> {
    const received = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.carry.length === 0 ? received : Buffer.concat([this.carry, received]);
    this.carry = EMPTY;
    for (let index = 0; index < bytes.length && this.state !== "after";) {
      index = this.state === "head" ? this.readHead(bytes, index) : await this.readBody(bytes, index);
    }
  }

  /** Throws BodyError if the end of the form is missing. */
  end(): void {
    if (this.state === "before") throw new BodyError("The boundary that content-type names is nowhere in the body.");
    if (this.state !== "after") throw new BodyError("The body broke off.");
  }

  /** Read the bytes after a boundary: two dashes after the last part, else header lines and an empty line. */
  private readHead(bytes: Buffer, index: number): number {
    if (bytes.toString("latin1", index, index + 2) === "--") {
      this.state = "after";
      return bytes.length;
    }
    const end = bytes.indexOf(HEAD_END, index);
    if (end < 0) {
      if (bytes.length - index > HEAD_BYTES) throw new BodyError("A part of the form has too long a header.");
      return this.carryOver(bytes, index);
    }
    this.sink = this.open(readPartHead(bytes.toString("utf8", index, end)));
    this.state = "body";
    return end + HEAD_END.length;
  }

  private async readBody(bytes: Buffer, index: number): Promise<number> {
    const found = bytes.indexOf(this.delimiter, index);
    const end = found >= 0 ? found : this.delimiterStart(bytes, index);
    if (end > index) await this.sink?.write(bytes.subarray(index, end));
    if (found < 0) return this.carryOver(bytes, end);
    await this.sink?.end();
    this.state = "head";
    return found + this.delimiter.length;
  }

  /** Return the index of a delimiter that the end of `bytes` may have split; the length of `bytes` if there is none. */
  private delimiterStart(bytes: Buffer, from: number): number {
    const tail = bytes.subarray(Math.max(from, bytes.length - this.delimiter.length + 1));
    // A delimiter contains this byte once, at its start.
    const start = tail.lastIndexOf(LINE_END);
    const cut = start >= 0 && tail.subarray(start).equals(this.delimiter.subarray(0, tail.length - start));
    return cut ? bytes.length - tail.length + start : bytes.length;
  }

  private carryOver(bytes: Buffer, from: number): number {
    this.carry = Buffer.from(bytes.subarray(from));
    return bytes.length;
  }
}
