/** The maximum number of suggestions for an unknown name. */
const MAX_SUGGESTIONS = 3;

/** Return a zone with the letter case of IANA; undefined if there is no zone of this name. */
export function canonicalZone(name: string): string | undefined {
  // Intl also accepts offsets such as +02:00, which are no names and have no summer time.
  if (!/^[a-z]/i.test(name)) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions();
    // An older name of the same zone is valid too, and stays as the owner wrote it.
    return timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name;
  } catch {
    return undefined;
  }
}

/** Suggest zones for an unknown name, the most similar first. */
export function similarZones(name: string): string[] {
  const input = normalized(name);
  const edits = (zone: string) => {
    const zoneName = normalized(zone);
    const city = cityOf(zoneName);
    // The same city in another region costs one edit more.
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

/** Return the edit distance, or Infinity if more than every third letter differs. */
function boundedDistance(a: string, b: string): number {
  const edits = editDistance(a, b);
  return edits <= Math.max(1, Math.floor(b.length / 3)) ? edits : Infinity;
}

/** Return the number of letters to change, add or remove to turn one text into the other (Levenshtein). */
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
