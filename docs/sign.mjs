import { createHmac } from "node:crypto";

/**
 * The path and query of a signed URL, to be put after the gateway's origin. `fields` is what the preset lets vary, the
 * prompt above all, and `exp` (seconds since 1970) where the URL is to end; `kid` and `secret` are one of SIGNING_KEYS.
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
