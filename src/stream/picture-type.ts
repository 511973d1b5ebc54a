import { sniff } from "../image/sniff.ts";
import { decodeBase64, squeeze, standardAlphabet } from "./base64.ts";
import { cutEscape, unescapeJson } from "./json-text.ts";

/** Base64 characters for the 12 bytes that `sniff` needs. */
const HEAD = 16;
/** Characters of JSON that may be spent on them, escapes and white space included. */
export const RAW_HEAD = 8 * HEAD;
/** First characters of PNG, JPEG (in either alphabet), GIF, WebP, AVIF and HEIC in base64, of an escape, and a space. */
const PICTURE_STARTS = "i/_RUA\\ ";

/**
 * MIME type of the picture whose base64 begins with `raw`, the inside of a JSON string, `whole` or cut anywhere;
 * undefined if it is none, unclear if more must come to tell.
 */
export function pictureType(raw: string, whole: boolean): string | undefined {
  if (!PICTURE_STARTS.includes(raw.charAt(0))) return undefined;
  const clean = unescapeJson(raw.substring(0, cutEscape(raw)));
  if (clean === undefined) return undefined;
  const head = squeeze(clean).substring(0, HEAD);
  if (head.length < HEAD) return whole || raw.length >= RAW_HEAD ? undefined : "unclear";
  const bytes = new Uint8Array(12);
  return decodeBase64(standardAlphabet(head), bytes) && sniff(bytes);
}
