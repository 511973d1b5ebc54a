import { Refusal } from "./json.ts";
import { sha256, typeOf } from "./pictures.ts";

/** The value that replaces a reference's base64 in a recorded request. */
export interface ReferenceSeen {
  sha256: string;
  bytes: number;
  type: string;
}

/** Read padded standard base64 of a picture of exactly this type. Anything else is a 400. */
export function readReference(base64: string, type: string, name: string): ReferenceSeen {
  const bytes = Buffer.from(base64, "base64");
  // Node skips characters that are not base64, so only a value that encodes back to itself was valid.
  if (bytes.length === 0 || bytes.toString("base64") !== base64) throw new Refusal(400, `${name} is not valid base64`);
  if (typeOf(bytes) !== type) throw new Refusal(400, `${name} is not ${type}`);
  return { sha256: sha256(bytes), bytes: bytes.length, type };
}

/** Read a data URI with such base64. Anything else is a 400. */
export function readDataUri(uri: string, name: string): ReferenceSeen {
  const comma = uri.indexOf(",");
  const type = /^data:(image\/(?:png|jpeg|webp));base64$/.exec(uri.slice(0, comma))?.[1];
  if (type === undefined) throw new Refusal(400, `${name} must be a base64 data URI`);
  return readReference(uri.slice(comma + 1), type, name);
}

/** Variants in which a vendor may write a picture's base64 inside its JSON. */
export interface Base64Style {
  /** JSON escapes: `slashes` for `/`, `unicode` for `/`, `+` and `=`. */
  escape?: "slashes" | "unicode";
  /** Seen: line breaks after each 76 characters, the url-safe alphabet unpadded, a data URI, a NUL in the middle. */
  base64?: "whitespace" | "url-safe" | "data-uri" | "nul";
  /** Keep only this many characters of the base64; the JSON around it stays complete. */
  cutPicture?: number;
}

/** Write bytes as the inside of a JSON string literal (without quotes). */
export function writeBase64(bytes: Buffer, type: string, style: Base64Style = {}): string {
  let value = bytes.toString("base64");
  if (style.cutPicture !== undefined) value = value.slice(0, style.cutPicture);
  if (style.base64 === "url-safe") value = value.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (style.escape === "slashes") value = value.replaceAll("/", "\\/");
  if (style.escape === "unicode") value = value.replace(/[/+=]/g, (sign) => UNICODE[sign] ?? sign);
  if (style.base64 === "whitespace") value = value.replace(/(.{76})/g, "$1\\r\\n");
  if (style.base64 === "nul") value = `${value.slice(0, value.length >> 1)}\\u0000${value.slice(value.length >> 1)}`;
  if (style.base64 === "data-uri") value = `data:${type};base64,${value}`;
  return value;
}

const UNICODE: Record<string, string> = { "/": "\\u002f", "+": "\\u002B", "=": "\\u003d" };
