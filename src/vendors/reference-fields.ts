import { type GatewayError, invalidField } from "../errors.ts";
import { type Reference, REFERENCE_TYPES, type StoredPicture } from "../image/request.ts";
import { dataUri, placeholderIndex, type Wire } from "../image/wire.ts";

/** Schemes of the URLs that the gateway can fetch if the vendor does not. */
const WEB_SCHEMES: readonly string[] = ["https", "http"];

/** Read a list of texts as references, like `readReference`; errors name `field[index]`. */
export function readReferences(
  texts: readonly string[],
  pictures: readonly StoredPicture[],
  field: string,
  schemes = WEB_SCHEMES,
): Reference[] {
  return texts.map((text, index) => readReference(text, pictures, `${field}[${index}]`, schemes));
}

/** Read a text as a reference: a hoisted picture, or a URL of one of `schemes`. Throws invalid_request for `field`. */
export function readReference(
  text: string,
  pictures: readonly StoredPicture[],
  field: string,
  schemes = WEB_SCHEMES,
): Reference {
  const picture = hoistedPicture(text, pictures);
  if (picture !== undefined && isAllowedType(picture)) return { picture };
  if (isUrl(text, schemes)) return { url: text };
  throw referenceError(`${INLINE_PICTURE}, or ${describeUrl(schemes)}`, field, picture);
}

/** Read a text as a reference that must be a hoisted picture. Throws invalid_request for `field`. */
export function readPicture(text: string, pictures: readonly StoredPicture[], field: string): Reference {
  const picture = hoistedPicture(text, pictures);
  if (picture !== undefined && isAllowedType(picture)) return { picture };
  throw referenceError(INLINE_PICTURE, field, picture);
}

/** Read a text as a reference that must be a URL; `type` is its declared MIME type. Throws invalid_request. */
export function readUrl(text: string, field: string, schemes: readonly string[], type?: string): Reference {
  if (isUrl(text, schemes)) return { url: text, type };
  throw referenceError(describeUrl(schemes), field);
}

/** Write a reference as its URL, or as a data URI. */
export function writeReference(reference: Reference): Wire {
  return "url" in reference ? reference.url : dataUri(reference.picture);
}

const INLINE_PICTURE = "a PNG, JPEG or WebP picture in base64";

function isAllowedType({ type }: StoredPicture): boolean {
  return REFERENCE_TYPES.includes(type);
}

function hoistedPicture(text: string, pictures: readonly StoredPicture[]): StoredPicture | undefined {
  const index = placeholderIndex(text);
  return index === undefined ? undefined : pictures[index];
}

/** A host name has at most 253 characters; the time to parse one grows with the square of its length. */
const MAX_HOST_CHARS = 300;

/** Parse a URL; returns null if the text is not a URL or its host is too long. */
export function parseUrl(text: string): URL | null {
  // As the URL parser reads it: line breaks are ignored, and there may be any number of slashes or backslashes.
  const [, host = ""] = /^[^a-z]*[a-z][a-z0-9+.-]*:[/\\]*([^/?#\\]*)/i.exec(text.replace(/[\t\n\r]/g, "")) ?? [];
  return host.length > MAX_HOST_CHARS ? null : URL.parse(text);
}

function isUrl(text: string, schemes: readonly string[]): boolean {
  const url = parseUrl(text);
  return url !== null && schemes.includes(url.protocol.slice(0, -1));
}

function describeUrl(schemes: readonly string[]): string {
  return `a URL (${schemes.map((scheme) => `${scheme}://`).join(", ")})`;
}

function referenceError(allowed: string, field: string, found?: StoredPicture): GatewayError {
  const not = found === undefined ? "" : `, not ${found.type}`;
  return invalidField(field, `must be ${allowed}${not}`);
}
