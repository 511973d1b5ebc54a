const BACKSLASH = 0x5c;
/** Characters of the longest escape, as in `\u002f`. */
const ESCAPE = 6;

/** Index of the quote that closes the string in whose inside `from` is; -1 if it is not in `slice`. */
export function closingQuote(slice: string, from: number): number {
  let quote = slice.indexOf('"', from);
  // Only what stands before each quote is looked at: a search ahead for escapes would pass over the rest of the slice.
  while (quote >= 0 && oddBackslashes(slice, quote, from)) quote = slice.indexOf('"', quote + 1);
  return quote;
}

/** Where an escape begins that the end of `inside` cuts in two; its length if none does. */
export function cutEscape(inside: string): number {
  for (let at = inside.length - 1; at >= 0 && at > inside.length - ESCAPE; at--) {
    if (inside.charCodeAt(at) !== BACKSLASH) continue;
    const cut = at === inside.length - 1 || inside.charAt(at + 1) === "u";
    return cut && !oddBackslashes(inside, at, 0) ? at : inside.length;
  }
  return inside.length;
}

/** What the inside of a JSON string stands for; undefined if JSON does not allow it. */
export function unescapeJson(inside: string): string | undefined {
  if (!inside.includes("\\")) return inside;
  try {
    const value: unknown = JSON.parse(`"${inside}"`);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function oddBackslashes(text: string, before: number, from: number): boolean {
  let at = before;
  while (at > from && text.charCodeAt(at - 1) === BACKSLASH) at--;
  return (before - at) % 2 === 1;
}
