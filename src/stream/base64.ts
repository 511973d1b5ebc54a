/**
 * Decodes the whole quads of `text` that fit into `target`, white space skipped; undefined if it is not base64.
 * With `last`, a rest without padding counts as well.
 */
export function decodeBase64(
  text: string,
  target: Uint8Array,
  last = false,
): { read: number; written: number } | undefined {
  try {
    return target.setFromBase64(text, { lastChunkHandling: last ? "loose" : "stop-before-partial" });
  } catch {
    return undefined;
  }
}

/** Text in the standard alphabet, whichever of the two it came in. */
export function standardAlphabet(text: string): string {
  return /[-_]/.test(text) ? text.replaceAll("-", "+").replaceAll("_", "/") : text;
}

/** Length of the base64 of `bytes` bytes, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Text without its white space, which base64 may hold anywhere. */
export function squeeze(text: string): string {
  return /\s/.test(text) ? text.replace(/\s+/g, "") : text;
}
