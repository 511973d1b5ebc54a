import { invalidField, GatewayError } from "../errors.ts";
import { type ImageRequest, referencesOf, type StoredPicture } from "../image/request.ts";
import { placeholder, placeholderIndex } from "../image/wire.ts";
import type { Limits } from "../limits.ts";
import type { Config, Env } from "../env.ts";
import type { Principal } from "../access/authenticate.ts";
import { checkPermissions } from "../access/permissions.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";
import { registryOf } from "../models/registry.ts";
import { withPreset } from "./presets.ts";

/** Throws invalid_request for what is over a limit of ours. */
export function checkLimits(request: ImageRequest, pictures: readonly StoredPicture[], limits: Limits): void {
  const { prompt, n, turns = [] } = request;
  const said = [prompt, ...turns.map(({ text = "" }) => text)];
  // A picture in it was lifted out, and what stands in its place means nothing to a vendor.
  if (pictures.some((_, index) => said.some((text) => text.includes(placeholder(index)))))
    throw invalidField("prompt", "must be text, without pictures");
  const chars = said.reduce((sum, text) => sum + text.length, 0);
  if (chars > limits.promptChars) throw invalidField("prompt", `must have at most ${limits.promptChars} characters`);
  if (n > limits.pictures) throw invalidField("n", `must be at most ${limits.pictures}`);
  if (referencesOf(request).length > limits.references)
    throw invalidField("references", `must be at most ${limits.references} pictures`);
}

/** What was asked, as its key may ask it: no larger than that key's size, whoever draws it. Throws forbidden. */
export function enforceKey({ key }: Principal, asked: ParsedRequest, config: Config): ParsedRequest {
  if (key === undefined) return asked;
  const { size, ...unsized } = asked.request;
  // A size that the dialect's document fills in was nobody's wish.
  const wished = size === undefined || asked.defaulted?.includes("size") ? unsized : asked.request;
  const { canonical, entryOf } = registryOf(config);
  const slash = wished.model.indexOf("/");
  const vendor = slash < 0 ? undefined : wished.model.slice(0, slash);
  const said = wished.model.slice(slash + 1);
  const name = canonical(said) ?? said;
  checkPermissions(key, wished, { model: { name, vendor }, pixels: entryOf(name).pixels, preset: asked.preset?.name });
  return { ...asked, maxSize: key.size };
}

/**
 * What is to be drawn of what was asked: with its preset filled in, within our limits, and as its key may ask it. `pictures`
 * are those that came with it. Throws invalid_request or forbidden.
 */
export async function validate(
  asked: ParsedRequest,
  principal: Principal,
  pictures: readonly StoredPicture[],
  { env, config }: { env: Env; config: Config },
): Promise<ParsedRequest> {
  const whole = await withPreset(asked, env, config);
  checkLimits(whole.request, pictures, config.limits);
  return enforceKey(principal, whole, config);
}

/**
 * Throws invalid_request for a picture in a field that nobody reads: what would be drawn without it is not what was asked
 * for, and is paid for all the same.
 */
export function rejectUnreadPictures(wire: unknown, pictures: readonly StoredPicture[], request: ImageRequest): void {
  const read = new Set(referencesOf(request).map((each) => ("picture" in each ? each.picture.key : "")));
  const stray = pictures.findIndex(({ key }) => !read.has(key));
  if (stray < 0) return;
  const field = fieldOf(wire, stray) ?? "a picture";
  throw new GatewayError("invalid_request", `${field} has a picture, and is not a field that is read here.`, { field });
}

/** Where in the JSON a picture stood, as `a.b[2]`; undefined where it stands inside a longer text. */
function fieldOf(wire: unknown, picture: number, path = ""): string | undefined {
  if (typeof wire === "string") return placeholderIndex(wire) === picture ? path : undefined;
  if (typeof wire !== "object" || wire === null) return undefined;
  for (const [key, value] of Object.entries(wire)) {
    const step = Array.isArray(wire) ? `[${key}]` : `${path === "" ? "" : "."}${key.slice(0, 40)}`;
    const found = fieldOf(value, picture, path + step);
    if (found !== undefined) return found;
  }
  return undefined;
}
