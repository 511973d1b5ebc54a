import type { Principal } from "../access/authenticate.ts";
import { checkPermissions } from "../access/permissions.ts";
import type { Config } from "../env.ts";
import { GatewayError, invalidField } from "../errors.ts";
import { type ImageRequest, referencesOf, type StoredPicture } from "../image/request.ts";
import { placeholder, placeholderIndex } from "../image/wire.ts";
import type { Limits } from "../limits.ts";
import { registryOf, splitModelName } from "../models/registry.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";
import type { Runtime } from "./runtime.ts";
import { fillInPreset } from "./presets.ts";

/**
 * Complete and check a request: fill in its preset, then apply the limits and the API key's restrictions. `pictures` are the
 * uploads of the request. Throws invalid_request or forbidden.
 */
export async function validate(
  parsed: ParsedRequest,
  principal: Principal,
  pictures: readonly StoredPicture[],
  runtime: Pick<Runtime, "env" | "config">,
): Promise<ParsedRequest> {
  const { preset } = parsed;
  const completed = preset === undefined ? parsed : await fillInPreset(parsed, preset, runtime);
  checkLimits(completed.request, pictures, runtime.config.limits);
  return enforceKey(principal, completed, runtime.config);
}

/** Throws invalid_request if the request exceeds a limit. */
export function checkLimits(request: ImageRequest, pictures: readonly StoredPicture[], limits: Limits): void {
  const { prompt, n, turns = [] } = request;
  const texts = [prompt, ...turns.map(({ text = "" }) => text)];
  // A picture in a text was hoisted, and its placeholder means nothing to a vendor.
  if (pictures.some((_, index) => texts.some((text) => text.includes(placeholder(index)))))
    throw invalidField("prompt", "must be text, without pictures");
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  if (chars > limits.promptChars) throw invalidField("prompt", `must have at most ${limits.promptChars} characters`);
  if (n > limits.pictures) throw invalidField("n", `must be at most ${limits.pictures}`);
  if (referencesOf(request).length > limits.references)
    throw invalidField("references", `must be at most ${limits.references} pictures`);
}

/** Check the request against the API key's restrictions and set its size cap. Throws forbidden. */
export function enforceKey({ key }: Principal, parsed: ParsedRequest, config: Config): ParsedRequest {
  if (key === undefined) return parsed;
  const { size, ...unsized } = parsed.request;
  // A default size of the dialect's document was not requested by the client.
  const explicit = size === undefined || parsed.defaulted?.includes("size") ? unsized : parsed.request;
  const { canonical, entryOf } = registryOf(config);
  const { vendor, model: alias } = splitModelName(explicit.model);
  const name = canonical(alias) ?? alias;
  const context = { model: { name, vendor }, pixels: entryOf(name).pixels, preset: parsed.preset?.name };
  checkPermissions(key, explicit, context);
  return { ...parsed, maxSize: key.size };
}

/** Throws invalid_request for a picture in a field that is not read: the result would ignore it, and be paid for anyway. */
export function rejectUnreadPictures(wire: unknown, pictures: readonly StoredPicture[], request: ImageRequest): void {
  const read = new Set(referencesOf(request).map((reference) => ("picture" in reference ? reference.picture.key : "")));
  const unread = pictures.findIndex(({ key }) => !read.has(key));
  if (unread < 0) return;
  const field = fieldOf(wire, unread) ?? "a picture";
  throw new GatewayError("invalid_request", `${field} has a picture, and is not a field that is read here.`, { field });
}

/** The path of a picture in the JSON, as `a.b[2]`; undefined if it is inside a longer text. */
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
