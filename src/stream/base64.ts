import { BadBody } from "./bad-body.ts";

/** Where decoded bytes go. */
export interface Sink {
  /** Free space to decode into: at least 3 bytes, a multiple of 3. */
  reserve(): Uint8Array;
  /** `bytes` of the reserved space have been filled. */
  advance(bytes: number): void;
}

const PARTIAL_ESCAPE = /\\(?:u[0-9a-fA-F]{0,3})?$/;
/** What cannot belong to a picture inside a longer text: anything but base64 and escapes of `/`, `+` and `=`. */
const FOREIGN = /[^A-Za-z0-9+/=_\\-]|\\(?!\/|u00(?:2[bBfF]|3[dD]))/;
/** Characters looked at to complete a quad that was cut in two. */
const JOINT = 64;

/**
 * Decodes base64 out of the inside of a JSON string, in pieces cut anywhere, straight into a sink. Takes JSON escapes,
 * white space, both alphabets and missing padding. With `embedded`, the picture ends at the first foreign character.
 */
export class Base64Reader {
  private readonly sink: Sink;
  private readonly embedded: boolean;
  /** Characters that do not make a quad yet, or an escape cut in two. */
  private carry: string;
  private failed = false;

  constructor(sink: Sink, embedded: boolean, start: string) {
    this.sink = sink;
    this.embedded = embedded;
    this.carry = start;
  }

  /** Uses all of `run` and returns -1, or returns the index of the foreign character at which the picture ended. */
  feed(run: string): number {
    if (run.includes("\\") || this.carry.includes("\\")) return this.feedCarefully(this.carry + run, -this.carry.length);
    let from = 0;
    const held = this.carry.length;
    if (held > 0) {
      const joint = this.carry + run.substring(0, JOINT);
      const used = this.decode(joint);
      if (this.failed || (used < held && run.length > JOINT)) {
        return this.feedCarefully(this.carry.substring(used) + run.substring(Math.max(0, used - held)), Math.max(0, used - held) - Math.max(0, held - used));
      }
      if (used < held) {
        this.carry = squeeze(joint.substring(used));
        return -1;
      }
      this.carry = "";
      from = used - held;
    }
    const rest = run.substring(from);
    const used = this.decode(rest);
    if (this.failed) return this.feedCarefully(rest.substring(used), from + used);
    this.carry = squeeze(rest.substring(used));
    return -1;
  }

  /** The string ended: whatever is left must make sense as it is. */
  finish(): void {
    if (this.carry === "") return;
    const decoded = decodeBase64(standardAlphabet(this.carry), this.sink.reserve(), true);
    if (decoded === undefined) throw new BadBody("A picture's base64 is cut short or not valid.");
    this.sink.advance(decoded.written);
    this.carry = "";
  }

  /** `raw` starts at index `offset` of the run (negative where it starts with carried characters). */
  private feedCarefully(raw: string, offset: number): number {
    const cut = raw.search(PARTIAL_ESCAPE);
    const whole = cut < 0 ? raw : raw.substring(0, cut);
    const foreign = this.embedded ? whole.search(FOREIGN) : -1;
    const clean = unescapeJson(foreign < 0 ? whole : whole.substring(0, foreign));
    if (clean === undefined) throw new BadBody("A picture's base64 has an escape that JSON does not know.");
    const text = standardAlphabet(clean);
    this.failed = false;
    const used = this.decode(text);
    if (this.failed) throw new BadBody("A picture's base64 is not valid.");
    this.carry = squeeze(text.substring(used));
    if (foreign >= 0) return offset + foreign;
    if (cut >= 0) this.carry += raw.substring(cut);
    return -1;
  }

  /** Decodes the whole quads at the start of `text` and returns how many characters they are; `failed` tells of others. */
  private decode(text: string): number {
    let at = 0;
    this.failed = false;
    while (text.length - at >= 4) {
      const decoded = decodeBase64(at === 0 ? text : text.substring(at), this.sink.reserve());
      if (decoded === undefined) this.failed = true;
      if (decoded === undefined || decoded.read === 0) break;
      this.sink.advance(decoded.written);
      at += decoded.read;
    }
    return at;
  }
}

/**
 * Decodes the whole quads of `text` that fit into `target`, white space skipped; undefined if it is not base64.
 * With `last`, a rest without padding counts as well.
 */
export function decodeBase64(text: string, target: Uint8Array, last = false): { read: number; written: number } | undefined {
  try {
    return target.setFromBase64(text, { lastChunkHandling: last ? "loose" : "stop-before-partial" });
  } catch {
    return undefined;
  }
}

/** What the inside of a JSON string stands for; undefined if JSON does not allow it. */
export function unescapeJson(inside: string): string | undefined {
  if (!inside.includes("\\")) return inside;
  try {
    const value: unknown = JSON.parse(`"${inside}"`);
    return typeof value === "string" ? value : undefined;
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

function squeeze(text: string): string {
  return text === "" ? text : text.replace(/\s+/g, "");
}
