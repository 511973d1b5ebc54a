/** Part of an object, in bytes. */
export interface ByteRange {
  offset: number;
  length: number;
}

/**
 * What a `Range` header asks of `size` bytes: one part, or "unsatisfiable" (416). Undefined where the whole is to be sent:
 * no header, one that makes no sense, or several parts, all of which RFC 9110 14.2 lets a server ignore.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
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
