import { createHash } from "node:crypto";

/** R2 lists keys in ascending order only, so a key holds the distance of its time to this one. */
const LATEST = 2 ** 48 - 1;

/** Encode a time in milliseconds as ten characters of a key: the later the time, the earlier the key is listed. */
export function reverseTime(time: number): string {
  return (LATEST - time).toString(36).padStart(10, "0");
}

/** Decode the time of `reverseTime`, in milliseconds since the epoch. */
export function parseReverseTime(text: string): number {
  return LATEST - Number.parseInt(text, 36);
}

/** Create an unguessable id that sorts newest first. */
export function newId(now: number): string {
  const random = crypto.getRandomValues(new Uint8Array(15)).toHex();
  return reverseTime(now) + random;
}

/** Return the creation time of an id, in milliseconds since the epoch. */
export function createdAtOf(id: string): number {
  return parseReverseTime(id.slice(0, 10));
}

export function isId(text: string): boolean {
  return /^[0-9a-z]{10}[0-9a-f]{30}$/.test(text);
}

/** SHA-256 of a text in hex, for keys of R2 objects and for ETags. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
