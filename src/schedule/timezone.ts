/** How many near matches an unknown name is answered with. */
const NEAR = 3;

/** A zone as IANA writes it, however its letters are; undefined where there is none of this name. */
export function zoneOf(name: string): string | undefined {
  // Intl also takes offsets as in +02:00, which know no summer time and are no names.
  if (!/^[a-z]/i.test(name)) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions();
    // An older name of the same zone is as good, and stays as its owner knows it.
    return timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name;
  } catch {
    return undefined;
  }
}

/** The names that an unknown one may have been meant as, the likeliest first. */
export function nearZones(name: string): string[] {
  const wanted = plain(name);
  const edits = (zone: string) => {
    const whole = plain(zone);
    const city = cityOf(whole);
    // In the right part of the world before elsewhere.
    return Math.min(near(wanted, whole), near(wanted, city), near(cityOf(wanted), city) + 1);
  };
  return Intl.supportedValuesOf("timeZone")
    .map((zone) => ({ zone, edits: edits(zone) }))
    .filter((each) => each.edits < Infinity)
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, NEAR)
    .map(({ zone }) => zone);
}

const plain = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, "_");
const cityOf = (zone: string) => zone.slice(zone.lastIndexOf("/") + 1);

/** The distance, or Infinity where every third letter would be another. */
function near(a: string, b: string): number {
  const edits = distance(a, b);
  return edits <= Math.max(1, Math.floor(b.length / 3)) ? edits : Infinity;
}

/** Letters to change, add or leave out until one text is the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
