import { GatewayError } from "../errors.ts";
import { isLarger } from "../image/size-cap.ts";
import type { PixelTable } from "../image/model-spec.ts";
import { type ImageRequest, referencesOf, type Tier } from "../image/request.ts";
import { parsePixels, pixelsOf, type Shape } from "../image/size.ts";
import type { KeyRecord } from "./keys.ts";

/** The facts about a request that its key's restrictions are checked against. */
export interface PermissionContext {
  /** The canonical name of the requested model, and the vendor that the request pins. */
  model: { name: string; vendor?: string | undefined };
  /** The pixel sizes of the model's tiers. */
  pixels?: PixelTable | undefined;
  /** The preset used by the request. */
  preset?: string | undefined;
}

/** Check a request against its key's restrictions. Throws forbidden with the field and what is allowed. */
export function checkPermissions(key: KeyRecord, request: ImageRequest, context: PermissionContext): void {
  enforceModel(key, context);
  if (key.size !== undefined) enforceSize(key.size, request, context.pixels);
  if (key.kind === "publishable") enforcePublishable(request, context);
}

/** A listed preset decides the model; without a preset, or with another one, the model must be listed. */
function enforceModel({ models, presets }: KeyRecord, { model, preset }: PermissionContext): void {
  if (models === undefined && presets === undefined) return;
  if (preset !== undefined && presets?.includes(preset) === true) return;
  if (models === undefined) return forbid("preset", `must be ${oneOf(presets ?? [])} with this key`);
  const names = [model.name, ...(model.vendor === undefined ? [] : [`${model.vendor}/${model.name}`])];
  if (!names.some((name) => models.includes(name))) forbid("model", `must be ${oneOf(models)} with this key`);
}

function enforceSize(max: Tier, { size, width, height }: ImageRequest, pixels: PixelTable | undefined): void {
  if (size !== undefined && isLarger(size, max)) forbid("size", `may be ${max} at most with this key`);
  if (width === undefined && height === undefined) return;
  // A width or height alone is rejected later, with its own message.
  const requestedArea = (width ?? 1) * (height ?? 1);
  // The tier's square, or the largest size published for the tier: for some models 1536x1024 counts as 1K.
  const square = pixelsOf(undefined, max, "1:1");
  const tables = Object.values(pixels?.[max] ?? {}).flatMap((text) => parsePixels(text) ?? []);
  const allowedArea = Math.max(...[square, ...tables].map((shape: Shape) => shape.width * shape.height));
  if (requestedArea > allowedArea)
    forbid("width", `asks for more than the ${allowedArea} pixels at most of ${max}, which is as far as this key goes`);
}

/**
 * Every visitor of a page can read its key, so a request may only generate one picture from text: its cost is bounded.
 */
function enforcePublishable(request: ImageRequest, { preset }: PermissionContext): void {
  // The rate limit counts requests, not pictures.
  if (request.n > 1) forbid("n", "must be 1 with a publishable key");
  // Uploads from strangers would be stored and paid for; a preset's reference pictures are the operator's choice.
  if (preset === undefined && referencesOf(request).length > 0)
    forbid("references", "cannot be sent with a publishable key, unless a preset lets them");
  // These include a vendor's own options, such as its content filter.
  if (Object.keys(request.providerOptions ?? {}).length > 0)
    forbid("providerOptions", "cannot be sent with a publishable key");
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `one of ${names.join(", ")}`;
}

function forbid(field: string, allowed: string): void {
  throw new GatewayError("forbidden", `${field} ${allowed}.`, { field });
}
