/** How many near matches an unknown name is answered with. */
const MAX_SUGGESTIONS = 3;

/** A zone as IANA writes it, however its letters are; undefined where there is none of this name. */
export function canonicalZone(name: string): string | undefined {
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
export function similarZones(name: string): string[] {
  const input = normalized(name);
  const edits = (zone: string) => {
    const zoneName = normalized(zone);
    const city = cityOf(zoneName);
    // In the right part of the world before elsewhere.
    return Math.min(
      boundedDistance(input, zoneName),
      boundedDistance(input, city),
      boundedDistance(cityOf(input), city) + 1,
    );
  };
  return Intl.supportedValuesOf("timeZone")
    .map((zone) => ({ zone, edits: edits(zone) }))
    .filter(({ edits }) => edits < Infinity)
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ zone }) => zone);
}

const normalized = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, "_");
const cityOf = (zone: string) => zone.slice(zone.lastIndexOf("/") + 1);

/** The distance, or Infinity where every third letter would be another. */
function boundedDistance(a: string, b: string): number {
  const edits = editDistance(a, b);
  return edits <= Math.max(1, Math.floor(b.length / 3)) ? edits : Infinity;
}

/** Letters to change, add or leave out until one text is the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previousRow = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const nextRow = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (previousRow[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      nextRow.push(Math.min(swap, (previousRow[j] ?? 0) + 1, (nextRow[j - 1] ?? 0) + 1));
    }
    previousRow = nextRow;
  }
  return previousRow[b.length] ?? 0;
}
