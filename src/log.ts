/** Writes one structured line: names, numbers and codes only, never a prompt, a key or a URL with a signature. */
export function log(event: string, fields: Record<string, unknown>): void {
  console.log(JSON.stringify({ event, ...fields }));
}
