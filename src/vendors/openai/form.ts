/** Fields that are not text; a form has nothing else. */
const NUMBERS: readonly string[] = ["n", "seed", "output_compression", "partial_images"];
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

/**
 * A form's fields as JSON would have them, for the schema to judge. An empty field asks for nothing, and `null` is what
 * OpenAI's SDK tells its users to write for that.
 */
export function typed(form: unknown): unknown {
  return Object.fromEntries(
    Object.entries(form as Record<string, unknown>).map(([name, value]) => [name, typedValue(name, value)]),
  );
}

function typedValue(name: string, value: unknown): unknown {
  if (name === "prompt" || typeof value !== "string") return value;
  if (value === "" || value === "null") return null;
  if (name === "stream") return BOOLEANS.get(value.toLowerCase()) ?? value;
  return NUMBERS.includes(name) && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
}
