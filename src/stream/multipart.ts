import { BodyError } from "./body-error.ts";
import { Buffer } from "node:buffer";

/** What a part of a form says of itself. */
export interface PartHead {
  name: string;
  /** Absent for a text field; empty where a browser's file field was left empty. */
  filename?: string;
}

/** What a part without a file name is all the same; its bytes still tell which picture it is. */
const FILE_TYPE = /^(?:image\/|application\/octet-stream\b)/i;
/** One parameter of a header, its value in quotes or bare. */
const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))\s*/y;

/** Reads the header lines of a part (RFC 7578). Throws BadBody for one without a name. */
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

/** What stands between the parts of a form by its content type; undefined for another type. Throws BadBody without one. */
export function boundaryOf(contentType: string | null): string | undefined {
  if (contentType === null || !/^\s*multipart\/form-data\b/i.test(contentType)) return undefined;
  const boundary = parametersOf(contentType).get("boundary") ?? "";
  // RFC 2046 5.1.1 allows 70 characters.
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

/** Where the bytes of a part go, one call after the other. */
export interface PartSink {
  /** The memory is another chunk's once the promise is done. */
  write(bytes: Uint8Array): Promise<void> | void;
  end(): Promise<void> | void;
}

/** Header lines of one part at most. */
const HEAD_BYTES = 16 * 1024;
const HEAD_END = "\r\n\r\n";
const LINE_END = 0x0d;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts a form (multipart/form-data) into its parts while it streams: push bytes in chunks of any size, then `end()`. It
 * never holds more than a part's header lines, or as much as may be the start of a boundary.
 */
export class Multipart {
  private readonly open: (head: PartHead) => PartSink;
  private readonly delimiter: Buffer;
  private state: "before" | "head" | "body" | "after" = "before";
  private sink: PartSink | undefined;
  /** What only the next chunk can explain. A boundary begins with a line break; the first one may do without. */
  private rest = Buffer.from("\r\n");

  /** `open` makes the sink of each part in turn, or throws what says why there may be no more. */
  constructor(boundary: string, open: (head: PartHead) => PartSink) {
    this.open = open;
    this.delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /** Whether bytes of a part are next. */
  get inBody(): boolean {
    return this.state === "body";
  }

  /** Resolves when the chunk's memory is free again. Throws BadBody, and what sinks throw. */
  async push(chunk: Uint8Array): Promise<void> {
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.rest.length === 0 ? fresh : Buffer.concat([this.rest, fresh]);
    this.rest = NOTHING;
    for (let at = 0; at < bytes.length && this.state !== "after";) {
      at = this.state === "head" ? this.readHead(bytes, at) : await this.readBody(bytes, at);
    }
  }

  /** Throws BadBody where the form's own end has not come. */
  end(): void {
    if (this.state === "before") throw new BodyError("The boundary that content-type names is nowhere in the body.");
    if (this.state !== "after") throw new BodyError("The body broke off.");
  }

  /** What follows a boundary: two dashes after the last part, else header lines and an empty one. */
  private readHead(bytes: Buffer, at: number): number {
    if (bytes.toString("latin1", at, at + 2) === "--") {
      this.state = "after";
      return bytes.length;
    }
    const end = bytes.indexOf(HEAD_END, at);
    if (end < 0) {
      if (bytes.length - at > HEAD_BYTES) throw new BodyError("A part of the form has too long a header.");
      return this.keep(bytes, at);
    }
    this.sink = this.open(readPartHead(bytes.toString("utf8", at, end)));
    this.state = "body";
    return end + HEAD_END.length;
  }

  private async readBody(bytes: Buffer, at: number): Promise<number> {
    const found = bytes.indexOf(this.delimiter, at);
    const end = found >= 0 ? found : this.undecided(bytes, at);
    if (end > at) await this.sink?.write(bytes.subarray(at, end));
    if (found < 0) return this.keep(bytes, end);
    await this.sink?.end();
    this.state = "head";
    return found + this.delimiter.length;
  }

  /** Where the start of a boundary may be that the end of `bytes` cuts in two; their length if there is none. */
  private undecided(bytes: Buffer, from: number): number {
    const tail = bytes.subarray(Math.max(from, bytes.length - this.delimiter.length + 1));
    // A boundary has one such byte, its first.
    const start = tail.lastIndexOf(LINE_END);
    const cut = start >= 0 && tail.subarray(start).equals(this.delimiter.subarray(0, tail.length - start));
    return cut ? bytes.length - tail.length + start : bytes.length;
  }

  private keep(bytes: Buffer, from: number): number {
    this.rest = Buffer.from(bytes.subarray(from));
    return bytes.length;
  }
}
