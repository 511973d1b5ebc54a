import { createHash } from "node:crypto";
import { wrong } from "../errors.ts";

const HEADER = "Idempotency-Key";
/** Printable ASCII, as the header's draft has it; a quoted one is the same with its quotes. */
const KEY = /^[\x21-\x7e][\x20-\x7e]{0,254}$/;

/** The R2 key of the claim that a request's Idempotency-Key stands for; undefined without one. Throws invalid_request. */
export function claimKeyOf(headers: Headers, principal: string): string | undefined {
  const key = headers.get(HEADER)?.trim();
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw wrong(HEADER, "must be 1 to 255 printable ASCII characters");
  // A caller's own word, of any length and meaning, has no place in a key of ours.
  return `claims/idempotency/${principal}/${createHash("sha256").update(key).digest("hex")}`;
}
