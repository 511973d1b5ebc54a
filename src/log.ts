/** Log one structured line: names, numbers and codes only, never a prompt, a key or a signed URL. */
export function log(event: string, fields: Record<string, unknown>): void {
  console.log(JSON.stringify({ event, ...fields }));
}
