import type { Random } from "./random.ts";

/** A generated JSON text, with the expected skeleton and pictures after hoisting. */
export interface Document {
  text: string;
  /** The parsed value, with placeholders for its pictures. */
  skeleton: unknown;
  pictures: { bytes: Uint8Array; type: string }[];
}

const HEADS: [type: string, head: number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]],
  ["image/jpeg", [0xff, 0xd8, 0xff, 0xe0, 0, 16]],
  ["image/jpeg", [0xff, 0xd8, 0xff, 0xfe, 0xff, 0xff, 0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38, 0x39, 0x61]],
  ["image/webp", [0x52, 0x49, 0x46, 0x46, 1, 2, 3, 4, 0x57, 0x45, 0x42, 0x50]],
  ["image/avif", [0, 0, 0, 0x20, 0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x66]],
  ["image/heic", [0, 0, 0, 0x18, 0x66, 0x74, 0x79, 0x70, 0x68, 0x65, 0x69, 0x63]],
];

/** Generate random bytes with the header of a picture. */
export function picture(random: Random, length: number): { bytes: Uint8Array; type: string } {
  const [type, head] = random.pick(HEADS);
  const bytes = random.bytes(length);
  // Many slashes and pluses, which escapes and alphabets encode differently.
  if (random.chance(0.3)) bytes.fill(random.pick([0xff, 0xfb, 0xef]), 12, 12 + random.int(0, length));
  bytes.set(head);
  return { bytes, type };
}

/** Texts that a careless hoist mistakes for a picture or the end of a string. */
const TRAPS = [
  "",
  "i",
  "A cat on a mat",
  "/9j",
  "iVBOR is a word",
  "iVBORw0KGgo",
  "iVBORw0KGgo: so begins a PNG",
  "R0lGODlh",
  "UklGRgAAAABOT1BF is no picture, whatever comes",
  "hoisted:0",
  "data:image/png;base64,hoisted:0",
  "data:image/png;base64,",
  "data:text/plain;base64,aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk",
  "data:application/pdf;base64,JVBERi0xLjQKJeLjz9MKMyAwIG9iago8PC9GaWx0ZXI",
  ";base64,;base64,;;base64,iVBOR",
  "a;base6",
  "a;base64",
  'quote " and \\ and \\" and \\\\',
  "ends with \\",
  "\\",
  '"',
  "\\\\",
  "\u0000\u001f\u007f\u2028",
  "i\\n",
  " \t\r\n",
  '{"a":["}',
  "0123456789abcdef".repeat(20),
];

const ASCII = "abc XYZ 019 ,.:;/+=-_(){}[]<>'\"\\\n\t";
const LETTERS = [...ASCII.split(""), "é", "ß", "漢", "字", "🐈", "𝄞", "\u{10ffff}"];

/** Writes a document; each method returns JSON text and the value expected in the skeleton. */
class Writer {
  readonly pictures: { bytes: Uint8Array; type: string }[] = [];
  private readonly random: Random;
  private readonly maxBytes: number;
  private readonly gap: string;

  /** `maxBytes` is the maximum size of a picture. */
  constructor(random: Random, maxBytes: number) {
    this.random = random;
    this.maxBytes = maxBytes;
    this.gap = random.pick(["", "", " ", "\n  ", "\r\n\t"]);
  }

  value(depth: number): [text: string, value: unknown] {
    const { random } = this;
    if (depth > 0 && random.chance(0.45)) return random.chance(0.5) ? this.list(depth) : this.object(depth);
    if (random.chance(0.15)) return literal(random.pick([0, -1.5, 1e21, 12_345, true, false, null]));
    if (random.chance(0.35)) return this.bare();
    if (random.chance(0.3)) return this.prose();
    return this.text(random.chance(0.5) ? random.pick(TRAPS) : this.letters(random.int(0, 400)));
  }

  object(depth: number): [string, unknown] {
    const entries: [string, unknown][] = [];
    const texts = Array.from({ length: this.random.int(0, 6) }, (_, n) => {
      const key = this.random.chance(0.2) ? `${this.random.pick(TRAPS)}${n}` : `key${n}`;
      const [text, value] = this.value(depth - 1);
      entries.push([key, value]);
      return `${this.gap}${this.text(key)[0]}:${this.gap}${text}`;
    });
    return [`{${texts.join(",")}${this.gap}}`, Object.fromEntries(entries)];
  }

  private list(depth: number): [string, unknown] {
    const values: unknown[] = [];
    const texts = Array.from({ length: this.random.int(0, 5) }, () => {
      const [text, value] = this.value(depth - 1);
      values.push(value);
      return this.gap + text;
    });
    return [`[${texts.join(",")}${this.gap}]`, values];
  }

  private text(value: string): [string, unknown] {
    const text = JSON.stringify(value);
    if (this.random.chance(0.3)) return [text.replaceAll("/", "\\/"), value];
    return [this.random.chance(0.2) ? text.replace(/[^\n -~]/g, unicodeEscape) : text, value];
  }

  private letters(length: number): string {
    return Array.from({ length }, () => this.random.pick(LETTERS)).join("");
  }

  /** A string that contains only a picture. */
  private bare(): [string, unknown] {
    const { random } = this;
    const uri = random.chance(0.3) ? "data:image/png;base64," : "";
    let base64 = this.base64();
    const space = random.int(0, uri === "" ? 4 : 2);
    if (space === 1) base64 = base64.replace(/(.{76})/g, random.pick(["$1\n", "$1\r\n"]));
    if (space === 2) base64 = base64.replace(/(.{64})/g, "$1\n");
    if (space === 3) base64 = base64.replace(/(.{17})/g, random.pick(["$1 ", "$1\n", "$1\t \r"]));
    return [`"${uri}${this.escape(base64)}"`, `${uri}hoisted:${this.pictures.length - 1}`];
  }

  /** A text with pictures inside, as chat models write them. */
  private prose(): [string, unknown] {
    let text = "";
    let value = "";
    const add = (part: string) => {
      text += JSON.stringify(part).slice(1, -1);
      value += part;
    };
    for (let n = this.random.int(1, 3); n > 0; n--) {
      add(`${this.letters(this.random.int(0, 60))}data:image/png;base64,`);
      text += this.escape(this.base64());
      value += `hoisted:${this.pictures.length - 1}`;
      add(this.random.pick([")", "\n", " then text", '"', "'>", "é", "\\", "\t", "🐈", ") and ![]("]));
    }
    return [`"${text}"`, value];
  }

  private base64(): string {
    const generated = picture(this.random, this.random.int(60, this.maxBytes));
    this.pictures.push(generated);
    const base64 = Buffer.from(generated.bytes).toString("base64");
    if (this.random.chance(0.2)) return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return this.random.chance(0.2) ? base64.replaceAll("=", "") : base64;
  }

  private escape(base64: string): string {
    const text = base64.replace(/[\r\n\t]/g, (space) => JSON.stringify(space).slice(1, -1));
    const style = this.random.int(0, 5);
    if (style === 0) return text.replaceAll("/", "\\/");
    if (style === 1) return text.replace(/[/+=_-]/g, unicodeEscape);
    if (style === 2) return text.replace(/[/+=]/g, (sign) => unicodeEscape(sign).toUpperCase().replace("U", "u"));
    return text;
  }
}

function literal(value: unknown): [string, unknown] {
  return [JSON.stringify(value), value];
}

function unicodeEscape(char: string): string {
  return Array.from({ length: char.length }, (_, n) => `\\u${char.charCodeAt(n).toString(16).padStart(4, "0")}`).join(
    "",
  );
}

/** Generate a document: an object with everything that a vendor or a client could send. */
export function makeDocument(random: Random, maxBytes: number): Document {
  const writer = new Writer(random, maxBytes);
  const [text, skeleton] = writer.object(5);
  return { text, skeleton, pictures: writer.pictures };
}
