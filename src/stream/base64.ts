import { BodyError } from "./body-error.ts";
import { cutEscape, unescapeJson } from "./json-text.ts";

/**
 * Decodes the whole quads of `text` that fit into `target`, white space skipped; undefined if it is not base64.
 * With `last`, a rest without padding counts as well.
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

/** Text in the standard alphabet, whichever of the two it came in. */
export function standardAlphabet(text: string): string {
  return /[-_]/.test(text) ? text.replaceAll("-", "+").replaceAll("_", "/") : text;
}

/** Length of the base64 of `bytes` bytes, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Text without its white space, which base64 may hold anywhere. */
export function stripWhitespace(text: string): string {
  return /\s/.test(text) ? text.replace(/\s+/g, "") : text;
}

/** Where decoded bytes go. */
export interface Sink {
  /** Free space to decode into: at least 3 bytes, a multiple of 3. */
  reserve(): Uint8Array;
  /** `bytes` of the reserved space have been filled. */
  advance(bytes: number): void;
  /** Nothing follows. */
  end?(): void;
}

/** What cannot belong to a picture inside a longer text: all but base64 and escapes of what is no letter in it. */
const NON_BASE64 = /[^A-Za-z0-9+/=_\\-]|\\(?!\/|u00(?:2[bBdDfF]|3[dD]|5[fF]))/;
/** The same where the base64 comes in lines. */
const NON_BASE64_LINES = /[^A-Za-z0-9+/=_\\ -]|\\(?![/nrt]|u00(?:2[bBdDfF]|3[dD]|5[fF]))/;
const SPACE = /^(?: |\\[nrt])/;
/** How long those lines are: MIME's and PEM's. */
const LINES = [76, 64];
/** Characters of an embedded picture that are looked at together at first. */
const LEAST_AHEAD = 128;

/**
 * Decodes base64 out of the inside of a JSON string, in runs that cut no escape in two, straight into a sink. Takes
 * JSON escapes, white space, both alphabets and missing padding. With `embedded`, the picture ends at the first foreign
 * character.
 */
export class Base64Reader {
  private readonly sink: Sink;
  private readonly embedded: boolean;
  /** Characters that do not make a quad yet: three at most. */
  private carry = "";
  /** Characters decoded, white space aside. */
  private decoded = 0;
  private padded = false;
  private inLines = false;

  constructor(sink: Sink, embedded: boolean) {
    this.sink = sink;
    this.embedded = embedded;
  }

  /** Uses all of `run` and returns -1, or returns the index of the foreign character at which the picture ended. */
  feed(run: string): number {
    if (!this.embedded) return this.decodeRun(run);
    for (let at = 0; at < run.length;) {
      // No further ahead than it has come: a text of many small pictures must not be looked through for each of them.
      const ahead = run.substring(at, at + Math.max(LEAST_AHEAD, this.decoded));
      const piece = at + ahead.length === run.length ? ahead : ahead.substring(0, cutEscape(ahead));
      const end = this.decodeRun(piece);
      if (end >= 0) return at + end;
      at += piece.length;
    }
    return -1;
  }

  private decodeRun(run: string): number {
    const used = this.isPlain(run) ? this.decodePlain(run) : 0;
    if (used === run.length) return -1;
    const end = this.decodeAny(run.substring(used));
    return end < 0 ? -1 : used + end;
  }

  /** The picture ended: whatever is left must make sense as it is. */
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

  /** The fast way, which is nearly all of a picture: returns how many characters it could use. */
  private decodePlain(run: string): number {
    let used = 0;
    if (this.carry !== "") {
      const missing = 4 - this.carry.length;
      if (this.decode(this.carry + run.substring(0, missing)) < 4) return 0;
      this.carry = "";
      used = missing;
    }
    return this.padded ? used : used + this.decode(used === 0 ? run : run.substring(used));
  }

  /** The careful way, for runs with escapes, white space or a foreign character, and for what is less than a quad. */
  private decodeAny(raw: string): number {
    const end = this.embedded ? this.endIn(raw) : -1;
    const inside = unescapeJson(end < 0 ? raw : raw.substring(0, end));
    if (inside === undefined) throw new BodyError("A picture's base64 has an escape that JSON does not know.");
    const text = this.carry + standardAlphabet(stripWhitespace(inside));
    // White space may follow the padding, more base64 may not: it would fill blocks unevenly.
    if (this.padded && text !== "") throw new BodyError("A picture's base64 goes on after its padding.");
    this.carry = text.substring(this.decode(text));
    if (this.carry.length > 3) throw new BodyError("A picture's base64 is not valid.");
    return end;
  }

  /** Where an embedded picture ends in `raw`; -1 if it goes on. */
  private endIn(raw: string): number {
    if (!this.inLines) {
      const end = raw.search(NON_BASE64);
      if (end < 0 || !SPACE.test(raw.substring(end, end + 2))) return end;
      // White space ends the picture unless it is the first line break of many.
      const before = this.decoded + this.carry.length + (unescapeJson(raw.substring(0, end))?.length ?? 0);
      this.inLines = LINES.includes(before);
      if (!this.inLines) return end;
    }
    return raw.search(NON_BASE64_LINES);
  }

  /** Decodes the whole quads at the start of `text` and returns how many characters they are; it stops at any other. */
  private decode(text: string): number {
    let at = 0;
    while (text.length - at >= 4 && !this.padded) {
      const decoded = decodeBase64(at === 0 ? text : text.substring(at), this.sink.reserve());
      if (decoded === undefined || decoded.read === 0) break;
      this.sink.advance(decoded.written);
      this.padded = decoded.written % 3 !== 0;
      at += decoded.read;
    }
    this.decoded += at;
    return at;
  }
}
