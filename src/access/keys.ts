import type { Tier } from "../image/request.ts";

/** An API key as stored in KV: everything except the key itself. */
export interface KeyRecord extends KeyTerms {
  /** Letters and digits. Part of the key, and the owner's name in records, buckets and logs; not a secret. */
  id: string;
  /** SHA-256 of the whole key, in hex. */
  hash: string;
  /** ISO 8601. */
  createdAt: string;
  revokedAt?: string | undefined;
}

/** The restrictions of a key; an absent field means no restriction. */
export interface KeyTerms {
  /** `secret` for servers, `publishable` for web pages, where every visitor can read it. */
  kind: "secret" | "publishable";
  name?: string | undefined;
  /** ISO 8601. */
  expiresAt?: string | undefined;
  /** Canonical model names, or `vendor/model` to allow that vendor only. */
  models?: string[] | undefined;
  presets?: string[] | undefined;
  /** Origins of the pages that may use it, in the format of access/origins.ts. */
  origins?: string[] | undefined;
  /** The largest size that may be requested. */
  size?: Tier | undefined;
  /** Requests per minute in its own bucket; absent: the value of the var LIMITS. */
  perMinute?: number | undefined;
}

const PREFIX: Record<KeyTerms["kind"], string> = { secret: "ek", publishable: "pk" };
const KEY = /^(?:ek|pk)_([0-9a-f]{16})_[0-9a-f]{48}$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Create a key with these terms: a random key of 192 bits, to be shown once, and the record to store. */
export async function newKey(terms: KeyTerms, now: number): Promise<{ key: string; record: KeyRecord }> {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)).toHex();
  const id = random(8);
  const key = `${PREFIX[terms.kind]}_${id}_${random(24)}`;
  const hash = new Uint8Array(await digest(key)).toHex();
  return { key, record: { id, ...terms, hash, createdAt: new Date(now).toISOString() } };
}

/** Return the id that is part of a key; undefined if the text cannot be a key. */
export function keyIdOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

export function isKeyId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** Return why a key is no longer valid; undefined while it is valid. */
export function invalidReason({ revokedAt, expiresAt }: KeyRecord, now: number): "revoked" | "expired" | undefined {
  if (revokedAt !== undefined) return "revoked";
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? "expired" : undefined;
}

/**
 * Parse an ISO 8601 time with a time zone to milliseconds since the epoch; undefined for any other text and for a day
 * that does not exist.
 */
export function parseTimestamp(text: string): number | undefined {
  const [, day = ""] = TIMESTAMP.exec(text) ?? [];
  const time = Date.parse(text);
  if (day === "" || Number.isNaN(time)) return undefined;
  // Date.parse reads 31 February as 3 March.
  return new Date(day).toISOString().startsWith(day) ? time : undefined;
}

/** Return the SHA-256 that is compared and stored instead of a secret. */
export function digest(secret: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
}
