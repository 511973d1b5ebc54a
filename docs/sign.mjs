import { createHmac } from "node:crypto";

/**
 * Return the path and query of a signed URL; put them after the gateway's origin. `fields` are the fields that the
 * preset lets vary, with the prompt, and optionally `exp`, the expiry in seconds since 1970. `kid` and `secret` are the
 * name and value of one key in SIGNING_KEYS.
 */
export function sign(preset, fields, kid, secret) {
  const path = `/i/${preset}`;
  const query = Object.entries({ ...fields, kid })
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  const sig = createHmac("sha256", secret).update(`GET\n${path}\n${query}`).digest("base64url");
  return `${path}?${query}&sig=${sig}`;
}
