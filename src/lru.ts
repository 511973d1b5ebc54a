/** Sets what is remembered by `key`, as the latest; of more than `most`, the one that was set longest ago leaves. */
export function lruSet<T>(memory: Map<string, T>, key: string, value: T, most: number): void {
  memory.delete(key);
  const oldest = memory.size < most ? undefined : memory.keys().next().value;
  if (oldest !== undefined) memory.delete(oldest);
  memory.set(key, value);
}
