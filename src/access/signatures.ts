import { createHmac, timingSafeEqual } from "node:crypto";
import { GatewayError, invalidField } from "../errors.ts";
import { isObject } from "../json.ts";

/** The keys that sign URLs: by the name that stands in the URL, the secret. */
export type SigningKeys = ReadonlyMap<string, string>;

/** A shorter secret may be guessed by whoever has one signed URL to try guesses on. */
const SECRET_CHARS = 32;

/** One answer to a signature that is missing, forged, of a key that is not live, or of another URL. */
const REFUSED = "This URL is not signed, or was altered: its signature does not fit.";
/** Said to anybody, because it tells the operator what to do and nobody else anything. */
const NO_KEYS = "No URL can be signed yet: the secret SIGNING_KEYS is not set on this gateway.";

/** Reads the secret SIGNING_KEYS, a JSON object. Throws an Error without any of it in its message. */
export function parseSigningKeys(json: string | undefined): SigningKeys {
  const keys = new Map<string, string>();
  for (const [kid, secret] of Object.entries(members(json))) {
    if (!/^[\w-]{1,64}$/.test(kid)) throw new Error("SIGNING_KEYS: a name must be 1 to 64 letters, digits, - or _");
    if (typeof secret !== "string" || secret === "") throw new Error(`SIGNING_KEYS.${kid} must be a text, the secret`);
    keys.set(kid, secret);
  }
  return keys;
}

/** Names of those keys whose secret is too short to be safe. */
export function weakKeys(keys: SigningKeys): string[] {
  return [...keys].filter(([, secret]) => secret.length < SECRET_CHARS).map(([kid]) => kid);
}

/** A query's names and values. Throws forbidden where it cannot be read in one way only. */
export function readQuery(query: string): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  for (const part of query === "" ? [] : query.split("&")) {
    const [name = "", ...rest] = part.split("=").map(decoded);
    if (params.has(name)) throw new GatewayError("forbidden", "This URL says one thing twice.");
    params.set(name, rest.join("="));
  }
  return params;
}

/**
 * What is signed: the method, the path, and what the query says but for `sig`, sorted by name and encoded in one way,
 * however the URL has it.
 */
export function signedText(path: string, params: ReadonlyMap<string, string>): string {
  return `GET\n${path}\n${sortedQuery(params, ["sig"])}`;
}

/** The query without some of its names, sorted by name. */
export function sortedQuery(params: ReadonlyMap<string, string>, without: readonly string[]): string {
  return [...params]
    .filter(([name]) => !without.includes(name))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

/** HMAC-SHA-256 in base64url, without padding. */
export function signatureOf(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

/** Throws forbidden unless path and query are as somebody with a live key signed them, and not expired. */
export function verify(path: string, params: ReadonlyMap<string, string>, keys: SigningKeys, now: number): void {
  const secret = keys.get(params.get("kid") ?? "");
  const right = secret === undefined ? undefined : signatureOf(secret, signedText(path, params));
  if (right === undefined || !isSame(params.get("sig") ?? "", right))
    throw new GatewayError("forbidden", keys.size === 0 ? NO_KEYS : REFUSED);
  const end = params.get("exp");
  if (end === undefined) return;
  if (!/^\d{1,11}$/.test(end)) throw invalidField("exp", "must be a time in seconds since 1970, as in 1893456000");
  // Whoever gets here has what the operator signed, and may know.
  if (Number(end) * 1000 <= now) throw new GatewayError("forbidden", "This URL has expired.", { field: "exp" });
}

/** Compared as text, and not the bytes it stands for: several texts may stand for the same bytes. */
function isSame(given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Throws forbidden for what is not UTF-8, percent-encoded: it might be read in another way elsewhere. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new GatewayError("forbidden", "This URL is not encoded as URLs are.");
  }
}

function members(json: string | undefined): object {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return value;
  } catch {
    // Its message would have a piece of the text in it.
  }
  throw new Error('SIGNING_KEYS must be JSON of names and secrets, as in {"main":"…"}');
}
