/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parse JSON; returns undefined if the text is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** An error message for an invalid request; the vendor adds its own status and form. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
  }
}

/** Throw a 400 for a key of `object` that is not in `known`. */
export function onlyKeys(object: JsonObject, known: readonly string[], path = ""): void {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) throw new Refusal(400, `unknown field ${path}${key}`);
  }
}

/** Throw a 400 unless `value` is absent or one of `allowed`. */
export function oneOf(value: Json | undefined, allowed: readonly string[], name: string): void {
  if (value === undefined) return;
  if (typeof value !== "string" || !allowed.includes(value)) {
    throw new Refusal(400, `${name} must be one of ${allowed.join(", ")}`);
  }
}

/** Throw a 400 unless `value` is a non-empty string. */
export function text(value: Json | undefined, name: string): string {
  if (typeof value !== "string" || value.trim() === "") throw new Refusal(400, `${name} must be a non-empty string`);
  return value;
}
