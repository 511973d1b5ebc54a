const BACKSLASH = 0x5c;
/** Length of the longest escape, such as `\u002f`. */
const MAX_ESCAPE_CHARS = 6;

/** Return the index of the quote that closes the string around `from`; -1 if it is not in `slice`. */
export function closingQuote(slice: string, from: number): number {
  let quote = slice.indexOf('"', from);
  // Check only the characters before each quote: a forward search for escapes would scan the remainder of the slice.
  while (quote >= 0 && hasOddBackslashes(slice, quote, from)) quote = slice.indexOf('"', quote + 1);
  return quote;
}

/** Return the index of an escape that the end of `inside` splits; the length of `inside` if there is none. */
export function cutEscape(inside: string): number {
  for (let index = inside.length - 1; index >= 0 && index > inside.length - MAX_ESCAPE_CHARS; index--) {
    if (inside.charCodeAt(index) !== BACKSLASH) continue;
    const cut = index === inside.length - 1 || inside.charAt(index + 1) === "u";
    return cut && !hasOddBackslashes(inside, index, 0) ? index : inside.length;
  }
  return inside.length;
}

/** Decode the inside of a JSON string; undefined if it is not valid JSON. */
export function unescapeJson(inside: string): string | undefined {
  if (!inside.includes("\\")) return inside;
  try {
    const value: unknown = JSON.parse(`"${inside}"`);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function hasOddBackslashes(text: string, before: number, from: number): boolean {
  let index = before;
  while (index > from && text.charCodeAt(index - 1) === BACKSLASH) index--;
  return (before - index) % 2 === 1;
}
