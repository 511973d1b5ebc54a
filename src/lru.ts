/** Set an entry as the most recently set; of more than `maxSize` entries, remove the one that was set longest ago. */
export function lruSet<T>(map: Map<string, T>, key: string, value: T, maxSize: number): void {
  map.delete(key);
  const oldest = map.size < maxSize ? undefined : map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}
