import { sha256Hex } from "../store/ids.ts";

/** Return a strong ETag derived from `text`, which it does not reveal. */
export function etagOf(text: string): string {
  return `"${sha256Hex(text).slice(0, 32)}"`;
}

/** Check whether an `If-None-Match` header contains `etag` (weak comparison, RFC 9110 13.1.2). */
export function etagMatches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === "*" || header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

/** A part of an object, in bytes. */
export interface ByteRange {
  offset: number;
  length: number;
}

/**
 * Parse a `Range` header for an object of `size` bytes: one part, or "unsatisfiable" (416). Returns undefined if the
 * whole object is to be sent: no header, an invalid one, or several parts, all of which RFC 9110 14.2 allows a server
 * to ignore.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? "");
  const [from, to] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const offset = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < offset) return undefined;
  return offset >= size ? "unsatisfiable" : { offset, length: last - offset + 1 };
}
