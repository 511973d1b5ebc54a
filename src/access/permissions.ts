import { GatewayError } from "../errors.ts";
import { isLarger } from "../image/size-cap.ts";
import type { PixelTable } from "../image/model-spec.ts";
import { type ImageRequest, referencesOf, type Tier } from "../image/request.ts";
import { parsePixels, pixelsOf, type Shape } from "../image/size.ts";
import type { KeyRecord } from "./keys.ts";

/** What is known of the request that a key comes with. */
export interface PermissionContext {
  /** The model's canonical name behind what the caller calls it, and the vendor it pins. */
  model: { name: string; vendor?: string | undefined };
  /** The pixels that the model's tiers have. */
  pixels?: PixelTable | undefined;
  /** The preset that the request is made by. */
  preset?: string | undefined;
}

/** Throws forbidden, naming the field and what is allowed, where a request is more than its key may ask. */
export function checkPermissions(key: KeyRecord, request: ImageRequest, context: PermissionContext): void {
  checkModel(key, context);
  if (key.size !== undefined) checkSize(key.size, request, context.pixels);
  if (key.kind === "publishable") checkPublishable(request, context);
}

/** A preset that is listed decides the model; without it, or with another, the model must be listed. */
function checkModel({ models, presets }: KeyRecord, { model, preset }: PermissionContext): void {
  if (models === undefined && presets === undefined) return;
  if (preset !== undefined && presets?.includes(preset) === true) return;
  if (models === undefined) return forbid("preset", `must be ${oneOf(presets ?? [])} with this key`);
  const names = [model.name, ...(model.vendor === undefined ? [] : [`${model.vendor}/${model.name}`])];
  if (!names.some((name) => models.includes(name))) forbid("model", `must be ${oneOf(models)} with this key`);
}

function checkSize(max: Tier, { size, width, height }: ImageRequest, pixels: PixelTable | undefined): void {
  if (size !== undefined && isLarger(size, max)) forbid("size", `may be ${max} at most with this key`);
  if (width === undefined && height === undefined) return;
  // One alone is refused later, in words of its own.
  const requestedArea = (width ?? 1) * (height ?? 1);
  // A tier's square, or the largest that is published of it: 1536x1024 is a 1K of some models.
  const square = pixelsOf(undefined, max, "1:1");
  const tables = Object.values(pixels?.[max] ?? {}).flatMap((text) => parsePixels(text) ?? []);
  const allowedArea = Math.max(...[square, ...tables].map((shape: Shape) => shape.width * shape.height));
  if (requestedArea > allowedArea)
    forbid("width", `asks for more than the ${allowedArea} pixels at most of ${max}, which is as far as this key goes`);
}

/** Everybody who opens a page has its key, so it asks for one picture from words, and what that may cost is known. */
function checkPublishable(request: ImageRequest, { preset }: PermissionContext): void {
  // Its bucket counts requests.
  if (request.n > 1) forbid("n", "must be 1 with a publishable key");
  // Strangers' pictures would be stored and paid for; those of a preset are the operator's choice.
  if (preset === undefined && referencesOf(request).length > 0)
    forbid("references", "cannot be sent with a publishable key, unless a preset lets them");
  // A vendor's own switches, its content filter among them.
  if (Object.keys(request.providerOptions ?? {}).length > 0)
    forbid("providerOptions", "cannot be sent with a publishable key");
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `one of ${names.join(", ")}`;
}

function forbid(field: string, allowed: string): void {
  throw new GatewayError("forbidden", `${field} ${allowed}.`, { field });
}
