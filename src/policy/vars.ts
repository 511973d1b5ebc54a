/** The JSON of a var. Throws with the var's name where it is none, and repeats nothing of it: it may hold secrets. */
export function parseVar(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} must be JSON`);
  }
}
