/** Values that are not valid for any field. */
export const JUNK: readonly unknown[] = [
  null,
  undefined,
  0,
  -1,
  1e99,
  "",
  "x",
  "hoisted:9",
  [],
  {},
  true,
  [null],
  [[]],
  { a: 1 },
];

/** Run `work` and return the error that it throws; undefined if there is none. */
export function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The paths of all values inside `value`, itself included. */
export function pathsIn(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const inside = Object.entries(value).flatMap(([key, member]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return pathsIn(member).map((path) => [step, ...path]);
  });
  return [[], ...inside];
}

/** A copy of `value` with another value at one path. */
export function replaced(value: unknown, [step, ...rest]: (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  copy[step] = replaced(copy[step], rest, by);
  return copy;
}

/** Freeze a value deeply, so that any change throws. */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
