/** Set `key` as the most recent entry; above `max` entries, the one set longest ago is removed. */
export function lruSet<T>(entries: Map<string, T>, key: string, value: T, max: number): void {
  entries.delete(key);
  const oldest = entries.size < max ? undefined : entries.keys().next().value;
  if (oldest !== undefined) entries.delete(oldest);
  entries.set(key, value);
}

/** Values that an isolate remembers with the time of their last confirmation, at most `max`; the least recently used leave. */
export class TtlCache<T> {
  private readonly entries = new Map<string, { value: T; at: number }>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  /** The value, if it is younger than `ttlMs`. A clock that was set back makes it old, not young. */
  get(key: string, now: number, ttlMs: number): T | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || Math.abs(now - entry.at) >= ttlMs) return undefined;
    lruSet(this.entries, key, entry, this.max);
    return entry.value;
  }

  set(key: string, value: T, now: number): void {
    lruSet(this.entries, key, { value, at: now }, this.max);
  }
}

/** Compute a value once per object: per binding or config, so once per isolate. A computation that throws is repeated. */
export function memoizeWeak<K extends object, V>(compute: (key: K) => V): (key: K) => V {
  const values = new WeakMap<K, { value: V }>();
  return (key) => {
    let known = values.get(key);
    if (known === undefined) values.set(key, (known = { value: compute(key) }));
    return known.value;
  };
}
