import { BodyError } from "./body-error.ts";
import { cutEscape, unescapeJson } from "./json-text.ts";

/**
 * Decode the complete quads of `text` that fit into `target`, skipping white space; undefined if it is not base64.
 * With `last`, an unpadded remainder is decoded too.
 */
export function decodeBase64(
  text: string,
  target: Uint8Array,
  last = false,
): { read: number; written: number } | undefined {
  try {
    return target.setFromBase64(text, { lastChunkHandling: last ? "loose" : "stop-before-partial" });
  } catch {
    return undefined;
  }
}

/** Convert base64 in either alphabet to the standard one. */
export function standardAlphabet(text: string): string {
  return /[-_]/.test(text) ? text.replaceAll("-", "+").replaceAll("_", "/") : text;
}

/** Return the length of the base64 of `bytes` bytes, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Remove white space, which base64 may contain anywhere. */
export function stripWhitespace(text: string): string {
  return /\s/.test(text) ? text.replace(/\s+/g, "") : text;
}

/** A destination for decoded bytes. */
export interface Sink {
  /** Free space to decode into: at least 3 bytes, a multiple of 3. */
  reserve(): Uint8Array;
  /** `bytes` of the reserved space have been filled. */
  advance(bytes: number): void;
  /** No bytes follow. */
  end?(): void;
}

/** Ends a picture inside a longer text: anything but base64 and the JSON escapes of `+`, `-`, `/`, `=` and `_`. */
const NON_BASE64 = /[^A-Za-z0-9+/=_\\-]|\\(?!\/|u00(?:2[bBdDfF]|3[dD]|5[fF]))/;
/** The same for base64 that is split into lines. */
const NON_BASE64_LINES = /[^A-Za-z0-9+/=_\\ -]|\\(?![/nrt]|u00(?:2[bBdDfF]|3[dD]|5[fF]))/;
const SPACE = /^(?: |\\[nrt])/;
/** Line lengths of MIME and PEM. */
const LINE_LENGTHS = [76, 64];
/** Characters of an embedded picture that are searched for its end at first. */
const MIN_LOOKAHEAD = 128;

/**
 * Decodes base64 from the inside of a JSON string straight into a sink, in runs that split no escape. Accepts JSON
 * escapes, white space, both alphabets and missing padding. With `embedded`, the picture ends at the first character
 * that is not base64.
 */
export class Base64Reader {
  private readonly sink: Sink;
  private readonly embedded: boolean;
  /** Characters of an incomplete quad: three at most. */
  private carry = "";
  /** Characters decoded, without white space. */
  private decoded = 0;
  private padded = false;
  private inLines = false;

  constructor(sink: Sink, embedded: boolean) {
    this.sink = sink;
    this.embedded = embedded;
  }

  /** Decode all of `run` and return -1, or return the index of the character at which the picture ended. */
  feed(run: string): number {
    if (!this.embedded) return this.decodeRun(run);
    for (let index = 0; index < run.length;) {
      // Search no further ahead than has been decoded so far: a text of many small pictures must not be searched to its
      // end for each of them.
      const lookahead = run.substring(index, index + Math.max(MIN_LOOKAHEAD, this.decoded));
      const piece = index + lookahead.length === run.length ? lookahead : lookahead.substring(0, cutEscape(lookahead));
      const end = this.decodeRun(piece);
      if (end >= 0) return index + end;
      index += piece.length;
    }
    return -1;
  }

  private decodeRun(run: string): number {
    const used = this.isPlain(run) ? this.decodePlain(run) : 0;
    if (used === run.length) return -1;
    const end = this.decodeAny(run.substring(used));
    return end < 0 ? -1 : used + end;
  }

  /** Decode the remaining characters at the end of the picture. Throws BodyError if they are not valid. */
  finish(): void {
    if (this.carry !== "") {
      const last = decodeBase64(this.carry, this.sink.reserve(), true);
      if (last === undefined) throw new BodyError("A picture's base64 is cut short or not valid.");
      this.sink.advance(last.written);
    }
    this.sink.end?.();
  }

  private isPlain(run: string): boolean {
    return !this.padded && !run.includes("\\") && !(this.embedded && run.includes(" "));
  }

  /** Decode a run without escapes, the fast path for nearly all of a picture; return the number of characters used. */
  private decodePlain(run: string): number {
    let used = 0;
    if (this.carry !== "") {
      const missing = 4 - this.carry.length;
      if (this.decodeQuads(this.carry + run.substring(0, missing)) < 4) return 0;
      this.carry = "";
      used = missing;
    }
    return this.padded ? used : used + this.decodeQuads(used === 0 ? run : run.substring(used));
  }

  /** Decode a run that may contain escapes, white space, the end of the picture or an incomplete quad. */
  private decodeAny(raw: string): number {
    const end = this.embedded ? this.endIn(raw) : -1;
    const inside = unescapeJson(end < 0 ? raw : raw.substring(0, end));
    if (inside === undefined) throw new BodyError("A picture's base64 has an escape that JSON does not know.");
    const text = this.carry + standardAlphabet(stripWhitespace(inside));
    // White space may follow the padding. More base64 may not: it would break the alignment of the blocks.
    if (this.padded && text !== "") throw new BodyError("A picture's base64 goes on after its padding.");
    this.carry = text.substring(this.decodeQuads(text));
    if (this.carry.length > 3) throw new BodyError("A picture's base64 is not valid.");
    return end;
  }

  /** Return the index in `raw` at which an embedded picture ends; -1 if it continues. */
  private endIn(raw: string): number {
    if (!this.inLines) {
      const end = raw.search(NON_BASE64);
      if (end < 0 || !SPACE.test(raw.substring(end, end + 2))) return end;
      // White space ends the picture, unless it is the first line break of base64 in lines.
      const before = this.decoded + this.carry.length + (unescapeJson(raw.substring(0, end))?.length ?? 0);
      this.inLines = LINE_LENGTHS.includes(before);
      if (!this.inLines) return end;
    }
    return raw.search(NON_BASE64_LINES);
  }

  /** Decode the complete quads at the start of `text`; return the number of characters decoded. */
  private decodeQuads(text: string): number {
    let index = 0;
    while (text.length - index >= 4 && !this.padded) {
      const decoded = decodeBase64(index === 0 ? text : text.substring(index), this.sink.reserve());
      if (decoded === undefined || decoded.read === 0) break;
      this.sink.advance(decoded.written);
      this.padded = decoded.written % 3 !== 0;
      index += decoded.read;
    }
    this.decoded += index;
    return index;
  }
}
