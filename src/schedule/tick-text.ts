/** A tick as URLs and answers have it: `2027-01-31T12:00Z`; one that was run by hand has its seconds too. */
export function tickText(at: number): string {
  return new Date(at).toISOString().replace(/:00\.000Z$/, "Z");
}

const TICK = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;

/** Milliseconds since the epoch; undefined where a text is no tick. */
export function readTick(text: string): number | undefined {
  const at = TICK.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
