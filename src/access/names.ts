import { invalidField } from "../errors.ts";
import { isObject } from "../json.ts";

/** What a name that stands in a URL may be. */
export const NAME = "1 to 64 of a-z, 0-9 and -";

/** Whether it may be the name of a preset or a schedule. */
export function isName(text: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(text);
}

/** The name in a path. Throws invalid_request. */
export function nameIn(path: string | undefined): string {
  if (path !== undefined && isName(path)) return path;
  throw invalidField("name", `must be ${NAME}`);
}

/** A body without the name that our answers have in it. Throws invalid_request where it is another than the path's. */
export function withoutName(wire: unknown, name: string): unknown {
  if (!isObject(wire)) return wire;
  const { name: given, ...rest } = wire;
  if (given !== undefined && given !== name)
    throw invalidField("name", `must be ${name}, as in the path, or be left out`);
  return rest;
}
