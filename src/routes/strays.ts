import { GatewayError } from "../errors.ts";
import { type ImageRequest, referencesOf, type StoredPicture } from "../image/request.ts";
import { hoistedIndex } from "../image/wire.ts";

/**
 * Throws invalid_request for a picture in a field that nobody reads: what would be drawn without it is not what was asked
 * for, and is paid for all the same.
 */
export function refuseStrays(wire: unknown, pictures: readonly StoredPicture[], request: ImageRequest): void {
  const read = new Set(referencesOf(request).map((each) => ("picture" in each ? each.picture.key : "")));
  const stray = pictures.findIndex(({ key }) => !read.has(key));
  if (stray < 0) return;
  const field = fieldOf(wire, stray) ?? "a picture";
  throw new GatewayError("invalid_request", `${field} has a picture, and is not a field that is read here.`, { field });
}

/** Where in the JSON a picture stood, as `a.b[2]`; undefined where it stands inside a longer text. */
function fieldOf(wire: unknown, picture: number, path = ""): string | undefined {
  if (typeof wire === "string") return hoistedIndex(wire) === picture ? path : undefined;
  if (typeof wire !== "object" || wire === null) return undefined;
  for (const [key, value] of Object.entries(wire)) {
    const step = Array.isArray(wire) ? `[${key}]` : `${path === "" ? "" : "."}${key.slice(0, 40)}`;
    const found = fieldOf(value, picture, path + step);
    if (found !== undefined) return found;
  }
  return undefined;
}
