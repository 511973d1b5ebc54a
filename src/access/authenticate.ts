import { GatewayError } from "../errors.ts";
import { log } from "../log.ts";
import { digest, invalidReason, keyIdOf, type KeyRecord } from "./keys.ts";

/** Who makes a request, and whose generations are whose. */
export interface Principal {
  /** `admin`, or the key's id. */
  id: string;
  kind: "admin" | KeyRecord["kind"];
  /** What a key may ask; the admin has none. */
  key?: KeyRecord | undefined;
}

/** What a credential is checked against. */
export interface AuthContext {
  adminToken: string | undefined;
  /** The record of a key by its id. */
  find(id: string): Promise<KeyRecord | null>;
  now: number;
}

/** The right token's digest, which is the same for every request of this isolate. */
let adminDigest: { token: string; digest: ArrayBuffer } | undefined;
/** Compared with where there is no record: no SHA-256 that anybody can find the text of. */
const NO_HASH = new Uint8Array(32);

/** One answer to a key that is missing, wrong, too long or no longer good: nothing can be learned from it. */
const INVALID_KEY = "The API key is missing or not valid; it goes in a header, as in: Authorization: Bearer KEY.";
/** Said to anybody, because it tells the operator what to do and nobody else anything. */
const NO_ADMIN_TOKEN = "No API key is valid yet: the secret ADMIN_TOKEN is not set on this gateway.";

/**
 * Who the `Authorization` header speaks for: `Bearer KEY`, or the bare key. Throws unauthorized. Digests are compared, in a
 * time that tells neither where two keys differ nor how long the right one is; the admin's needs no store.
 */
export async function authenticate(
  header: string | undefined,
  { adminToken, find, now }: AuthContext,
): Promise<Principal> {
  const token = (header ?? "").replace(/^Bearer\s+/i, "").trim();
  const hash = await digest(token);
  if (adminToken !== undefined && crypto.subtle.timingSafeEqual(hash, await digestOfAdminToken(adminToken)))
    return { id: "admin", kind: "admin" };
  const id = keyIdOf(token);
  const record = id === undefined ? null : await find(id);
  const expected = record === null ? NO_HASH : Uint8Array.fromHex(record.hash);
  if (crypto.subtle.timingSafeEqual(hash, expected) && record !== null) {
    const reason = invalidReason(record, now);
    if (reason === undefined) return { id: record.id, kind: record.kind, key: record };
    // Whoever asks is not told, the operator is: somebody still uses it.
    log("unauthorized", { key: record.id, reason });
  }
  if (adminToken !== undefined) throw new GatewayError("unauthorized", INVALID_KEY);
  log("unauthorized", { hint: NO_ADMIN_TOKEN });
  throw new GatewayError("unauthorized", NO_ADMIN_TOKEN);
}

async function digestOfAdminToken(token: string): Promise<ArrayBuffer> {
  if (adminDigest?.token !== token) adminDigest = { token, digest: await digest(token) };
  return adminDigest.digest;
}
