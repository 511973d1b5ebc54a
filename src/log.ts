/** Log one structured line: names, numbers and codes only, never a prompt, a key or a signed URL. */
export function log(event: string, fields: Record<string, unknown>): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** Replace every secret in a text. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), text);
}

/** Characters of a foreign text that are searched for secrets, and that are shown. */
const SEARCHED = 64 * 1024;
const SHOWN = 1_000;

/**
 * Return the start of a text, at most `SHOWN` characters, with every secret replaced. The text may be of any length.
 */
export function redactedStart(text: string, secrets: readonly string[]): string {
  const clean = redact(text.slice(0, SEARCHED), secrets);
  // The cut at SEARCHED may have split a secret, which the search then missed. Drop as much as the longest secret.
  // Replacements shorten the text, so that this remainder may lie within the first SHOWN characters.
  const longest = secrets.reduce((max, { length }) => Math.max(max, length), 0);
  const safe = text.length > SEARCHED ? clean.slice(0, Math.max(0, clean.length - longest)) : clean;
  return safe.slice(0, SHOWN);
}
