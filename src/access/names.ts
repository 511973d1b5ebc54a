import { invalidField } from "../errors.ts";
import { isObject } from "../json.ts";

/** The allowed form of a name in a URL, as error messages state it. */
export const NAME = "1 to 64 of a-z, 0-9 and -";

/** Check that a text can be the name of a preset or a schedule. */
export function isName(text: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(text);
}

/** Return the name from a path parameter. Throws invalid_request. */
export function nameParam(path: string | undefined): string {
  if (path !== undefined && isName(path)) return path;
  throw invalidField("name", `must be ${NAME}`);
}

/**
 * Return a request body without `name`, which our responses contain. Throws invalid_request if it differs from the
 * path's name.
 */
export function withoutName(wire: unknown, name: string): unknown {
  if (!isObject(wire)) return wire;
  const { name: bodyName, ...rest } = wire;
  if (bodyName !== undefined && bodyName !== name)
    throw invalidField("name", `must be ${name}, as in the path, or be left out`);
  return rest;
}
