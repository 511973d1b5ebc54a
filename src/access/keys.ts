import type { Tier } from "../image/request.ts";

/** An API key as KV has it: all that is known of it but the key itself. */
export interface KeyRecord extends KeyTerms {
  /** Letters and digits; part of the key, and the owner's name in records, buckets and logs: no secret. */
  id: string;
  /** SHA-256 of the whole key, in hex. */
  hash: string;
  /** ISO 8601. */
  createdAt: string;
  revokedAt?: string | undefined;
}

/** What a key is for; what is absent is not bounded. */
export interface KeyTerms {
  /** `secret` for servers, `publishable` for pages, where everybody can read it. */
  kind: "secret" | "publishable";
  name?: string | undefined;
  /** ISO 8601. */
  expiresAt?: string | undefined;
  /** Canonical models, or `vendor/model` with that vendor only. */
  models?: string[] | undefined;
  presets?: string[] | undefined;
  /** Pages that may use it, as in access/origins.ts. */
  origins?: string[] | undefined;
  /** The largest that may be asked for. */
  size?: Tier | undefined;
  /** Its own bucket; absent: that of the var LIMITS. */
  perMinute?: number | undefined;
}

const PREFIX: Record<KeyTerms["kind"], string> = { secret: "ek", publishable: "pk" };
const KEY = /^(?:ek|pk)_([0-9a-f]{16})_[0-9a-f]{48}$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** A new key of these terms: 192 bits that nobody can guess, to be shown once, and the record to keep. */
export async function newKey(terms: KeyTerms, now: number): Promise<{ key: string; record: KeyRecord }> {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)).toHex();
  const id = random(8);
  const key = `${PREFIX[terms.kind]}_${id}_${random(24)}`;
  const hash = new Uint8Array(await digest(key)).toHex();
  return { key, record: { id, ...terms, hash, createdAt: new Date(now).toISOString() } };
}

/** The id in a key; undefined where it cannot be one. */
export function keyIdOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

export function isKeyId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** Why a key is good no longer; undefined while it is. */
export function invalidReason({ revokedAt, expiresAt }: KeyRecord, now: number): "revoked" | "expired" | undefined {
  if (revokedAt !== undefined) return "revoked";
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? "expired" : undefined;
}

/** Milliseconds since 1970 of an ISO 8601 time with its zone; undefined for any other text, and on a day that there is not. */
export function parseTimestamp(text: string): number | undefined {
  const [, day = ""] = TIMESTAMP.exec(text) ?? [];
  const time = Date.parse(text);
  if (day === "" || Number.isNaN(time)) return undefined;
  // Date.parse takes 31 February for 3 March.
  return new Date(day).toISOString().startsWith(day) ? time : undefined;
}

/** SHA-256: of what is compared and stored in place of a secret. */
export function digest(secret: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
}
