import { inverse, timeOf } from "./newest-first.ts";

/** An unguessable id that sorts newest first. */
export function newId(now: number): string {
  const random = crypto.getRandomValues(new Uint8Array(15)).toHex();
  return inverse(now) + random;
}

/** When an id was made, in milliseconds since the epoch. */
export function madeAt(id: string): number {
  return timeOf(id.slice(0, 10));
}

export function isId(text: string): boolean {
  return /^[0-9a-z]{10}[0-9a-f]{30}$/.test(text);
}
