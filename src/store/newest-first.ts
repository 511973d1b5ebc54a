/** R2 lists keys in ascending order only. */
const LATEST = 2 ** 48 - 1;

/** A time in milliseconds as ten characters of a key: the later the time, the earlier the key is listed. */
export function inverse(time: number): string {
  return (LATEST - time).toString(36).padStart(10, "0");
}

/** The time of such characters. */
export function timeOf(text: string): number {
  return LATEST - Number.parseInt(text, 36);
}
