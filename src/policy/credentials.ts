import { GatewayError } from "../errors.ts";

/** Who makes a request, and whose generations are whose. */
export interface Principal {
  id: string;
}

/** A token longer than this is none of ours. */
const LONGEST = 256;
const encoder = new TextEncoder();

/** Who the `Authorization` header speaks for: `Bearer KEY`, or the bare key. Throws unauthorized. */
export function authenticate(header: string | null | undefined, adminToken: string | undefined): Principal {
  const given = (header ?? "").replace(/^Bearer\s+/i, "").trim();
  if (given === "") throw new GatewayError("unauthorized", "An API key is needed, as in: Authorization: Bearer KEY.");
  if (adminToken === undefined || !sameToken(given, adminToken)) throw new GatewayError("unauthorized", "The API key is not valid.");
  return { id: "admin" };
}

/** Compares in a time that tells neither where two tokens differ nor how long the right one is. */
function sameToken(given: string, right: string): boolean {
  const a = new Uint8Array(LONGEST);
  const b = new Uint8Array(LONGEST);
  const fits = encoder.encodeInto(given, a).read === given.length;
  encoder.encodeInto(right, b);
  return crypto.subtle.timingSafeEqual(a, b) && fits && given.length === right.length;
}
