import { createHmac, timingSafeEqual } from "node:crypto";
import { GatewayError, invalidField } from "../errors.ts";
import { isObject } from "../json.ts";

/** Signing keys: the secret by the key's name (`kid` in the URL). */
export type SigningKeys = ReadonlyMap<string, string>;

/** With one signed URL, an attacker can test guesses of the secret offline; a shorter secret could be found. */
const MIN_SECRET_CHARS = 32;

/** One message for a signature that is missing, forged, made with a retired key, or made for another URL. */
const INVALID_SIGNATURE = "This URL is not signed, or was altered: its signature does not fit.";
/** Safe to show to every client: it helps the operator and reveals nothing to others. */
const NO_KEYS = "No URL can be signed yet: the secret SIGNING_KEYS is not set on this gateway.";

/** Parse the secret SIGNING_KEYS, a JSON object. Throws an Error whose message contains no part of it. */
export function parseSigningKeys(json: string | undefined): SigningKeys {
  const keys = new Map<string, string>();
  for (const [kid, secret] of Object.entries(secretsByName(json))) {
    if (!/^[\w-]{1,64}$/.test(kid)) throw new Error("SIGNING_KEYS: a name must be 1 to 64 letters, digits, - or _");
    if (typeof secret !== "string" || secret === "") throw new Error(`SIGNING_KEYS.${kid} must be a text, the secret`);
    keys.set(kid, secret);
  }
  return keys;
}

/** Return the names of the keys whose secret is too short to be safe. */
export function weakKeys(keys: SigningKeys): string[] {
  return [...keys].filter(([, secret]) => secret.length < MIN_SECRET_CHARS).map(([kid]) => kid);
}

/** Parse a query into names and values. Throws forbidden if it can be read in more than one way. */
export function readQuery(query: string): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  for (const part of query === "" ? [] : query.split("&")) {
    const [name = "", ...rest] = part.split("=").map(decodePart);
    if (params.has(name)) throw new GatewayError("forbidden", "This URL says one thing twice.");
    params.set(name, rest.join("="));
  }
  return params;
}

/**
 * Return the text that is signed: the method, the path, and the query without `sig`, sorted by name and encoded in one
 * canonical way, however the URL is written.
 */
export function signedText(path: string, params: ReadonlyMap<string, string>): string {
  return `GET\n${path}\n${sortedQuery(params, ["sig"])}`;
}

/** Return the query sorted by name, without the given names. */
export function sortedQuery(params: ReadonlyMap<string, string>, without: readonly string[]): string {
  return [...params]
    .filter(([name]) => !without.includes(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

/** Return the HMAC-SHA-256 in base64url, without padding. */
export function signatureOf(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

/** Verify that path and query were signed with a configured key and have not expired. Throws forbidden. */
export function verifySignature(
  path: string,
  params: ReadonlyMap<string, string>,
  keys: SigningKeys,
  now: number,
): void {
  const secret = keys.get(params.get("kid") ?? "");
  const expected = secret === undefined ? undefined : signatureOf(secret, signedText(path, params));
  if (expected === undefined || !isEqual(params.get("sig") ?? "", expected))
    throw new GatewayError("forbidden", keys.size === 0 ? NO_KEYS : INVALID_SIGNATURE);
  const expires = params.get("exp");
  if (expires === undefined) return;
  if (!/^\d{1,11}$/.test(expires)) throw invalidField("exp", "must be a time in seconds since 1970, as in 1893456000");
  // The signature fits, so the exact reason may be shown.
  if (Number(expires) * 1000 <= now) throw new GatewayError("forbidden", "This URL has expired.", { field: "exp" });
}

/** Compare as text, not as decoded bytes: several texts can encode the same bytes. */
function isEqual(signature: string, expected: string): boolean {
  const [bytes, expectedBytes] = [Buffer.from(signature), Buffer.from(expected)];
  return bytes.length === expectedBytes.length && timingSafeEqual(bytes, expectedBytes);
}

/** Decode one percent-encoded part. Throws forbidden if it is not UTF-8: other software might read it differently. */
function decodePart(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new GatewayError("forbidden", "This URL is not encoded as URLs are.");
  }
}

function secretsByName(json: string | undefined): object {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return value;
  } catch {
    // The parser's message would contain a part of the secret.
  }
  throw new Error('SIGNING_KEYS must be JSON of names and secrets, as in {"main":"…"}');
}
