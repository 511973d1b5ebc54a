import { GatewayError } from "../errors.ts";
import { log } from "../log.ts";
import { digest, invalidReason, keyIdOf, type KeyRecord } from "./keys.ts";

/** The identity behind a request; generations belong to it. */
export interface Principal {
  /** `admin`, or the key's id. */
  id: string;
  kind: "admin" | KeyRecord["kind"];
  /** The key's restrictions; absent for the admin. */
  key?: KeyRecord | undefined;
}

/** The data that a credential is checked against. */
export interface AuthContext {
  adminToken: string | undefined;
  /** Look up a key's record by its id. */
  find(id: string): Promise<KeyRecord | null>;
  now: number;
}

/** The admin token's digest, cached because it is the same for every request of this isolate. */
let adminDigest: { token: string; digest: ArrayBuffer } | undefined;
/** Compared with when there is no record: no text with this SHA-256 is known. */
const NO_HASH = new Uint8Array(32);

/**
 * One message for a key that is missing, wrong, too long, revoked or expired, so that nothing can be learned from it.
 */
const INVALID_KEY = "The API key is missing or not valid; it goes in a header, as in: Authorization: Bearer KEY.";
/** Safe to show to every client: it helps the operator and reveals nothing to others. */
const NO_ADMIN_TOKEN = "No API key is valid yet: the secret ADMIN_TOKEN is not set on this gateway.";

/**
 * Authenticate the `Authorization` header: `Bearer KEY`, or the bare key. Throws unauthorized. Digests are compared in
 * constant time, so that timing reveals neither where two keys differ nor how long the expected one is. The admin token
 * needs no store.
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
    // The client gets the general message; the log shows the operator that this key is still in use.
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
