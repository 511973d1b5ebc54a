/** Return whether a value that was parsed from JSON is an object, neither an array nor null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parse a var that must hold a JSON object. Throws an Error with the var's name and what is `expected`, as in `an
 * object`; it repeats nothing of the text, which may hold secrets.
 */
export function parseVarObject(name: string, text: string, expected: string): Record<string, unknown> {
  const value = parseJson(name, text);
  if (isObject(value)) return value;
  throw new Error(`${name} must be ${expected}`);
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} must be JSON`);
  }
}
