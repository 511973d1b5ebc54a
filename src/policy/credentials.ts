import { GatewayError } from "../errors.ts";
import { log } from "../log.ts";

/** Who makes a request, and whose generations are whose. */
export interface Principal {
  id: string;
}

const encoder = new TextEncoder();
/** The right token's digest, which is the same for every request of this isolate. */
let known: { token: string; digest: ArrayBuffer } | undefined;

/** One answer to a key that is missing, wrong, too long or no longer good: nothing can be learned from it. */
const REFUSED = "The API key is missing or not valid; it goes in a header, as in: Authorization: Bearer KEY.";
/** Said to anybody, because it tells the operator what to do and nobody else anything. */
const NO_TOKEN = "No API key is valid yet: the secret ADMIN_TOKEN is not set on this gateway.";

/** Who the `Authorization` header speaks for: `Bearer KEY`, or the bare key. Throws unauthorized. */
export async function authenticate(header: string | undefined, adminToken: string | undefined): Promise<Principal> {
  if (adminToken === undefined) {
    log("unauthorized", { hint: NO_TOKEN });
    throw new GatewayError("unauthorized", NO_TOKEN);
  }
  const given = (header ?? "").replace(/^Bearer\s+/i, "").trim();
  if (await isSame(given, adminToken)) return { id: "admin" };
  throw new GatewayError("unauthorized", REFUSED);
}

/** Compares digests, in a time that tells neither where two tokens differ nor how long the right one is. */
async function isSame(given: string, right: string): Promise<boolean> {
  if (known?.token !== right) known = { token: right, digest: await digest(right) };
  return crypto.subtle.timingSafeEqual(await digest(given), known.digest);
}

function digest(token: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", encoder.encode(token));
}
