import { joinValues, warnDropped, drop, reject, shorten, type FitContext } from "./fit-context.ts";
import type { ModelSpec } from "./model-spec.ts";
import { TIERS, type Tier } from "./request.ts";
import { nearest, nearestRatio, ratioDistance, parseRatio, pixelsOf, type Shape } from "./size.ts";

/** Maximum distance between a ratio in pixels and a supported one: 4 %, so that 1792x1024 is 16:9 and 5:4 is not 4:3. */
const TOLERANCE = Math.log(1.04);

/** Convert size and ratio, or pixels, to the form that the model takes. */
export function fitShape(context: FitContext): void {
  const { width, height } = context.request;
  if (width !== undefined || height !== undefined) return fitPixels(context);
  fitRatio(context);
  fitSize(context);
  if (context.spec.dimensions) tierToPixels(context);
}

function fitPixels(context: FitContext): void {
  const { request, spec, warnings } = context;
  const { model, width, height, size, aspectRatio } = request;
  if (width === undefined) reject("width", "width is needed beside height");
  if (height === undefined) reject("height", "height is needed beside width");
  for (const [field, side] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(side) || side < 1) reject(field, `${field} is not a whole number of pixels above 0`);

  const ratio = aspectRatio === undefined ? undefined : parseRatio(aspectRatio);
  if (aspectRatio !== undefined && !(ratio && ratioDistance(ratio, { width, height }) <= TOLERANCE))
    warnings.push(`aspectRatio ${shorten(aspectRatio)} was left out: width and height decide`);

  if (spec.dimensions) {
    checkSide("width", width, model, spec.dimensions);
    checkSide("height", height, model, spec.dimensions);
    const { maxPixels = Infinity } = spec.dimensions;
    if (width * height > maxPixels)
      reject("width", `${width}x${height} is not drawn by ${shorten(model)} here; allowed: ${maxPixels} pixels in all`);
    if (size !== undefined) warnings.push(`size ${size} was left out: width and height decide`);
    delete request.size;
    delete request.aspectRatio;
    return;
  }

  delete request.width;
  delete request.height;
  if (spec.ratios.length === 0) {
    drop(context, `width and height were left out: ${shorten(model)} does not take them here`);
    delete request.aspectRatio;
    fitSize(context);
    return;
  }
  const match = nearest(width, height, spec);
  const name = match.size === undefined ? match.aspectRatio : `${match.size} ${match.aspectRatio}`;
  const nearestText = `${name} (${match.published ? "" : "about "}${match.width}x${match.height})`;
  if (!match.exact && match.distance > TOLERANCE)
    reject(
      "width",
      `${width}x${height} has a ratio that is not drawn by ${shorten(model)} here; ` +
        `allowed: ${joinValues(spec.ratios)}; nearest: ${nearestText}`,
    );
  if (!match.exact) warnings.push(`${width}x${height} is drawn as ${nearestText}`);
  if (size !== undefined && size !== match.size) warnings.push(`size ${size} was left out: width and height decide`);
  request.aspectRatio = match.aspectRatio;
  delete request.size;
  if (match.size !== undefined) request.size = match.size;
}

type Sides = NonNullable<ModelSpec["dimensions"]>;

function snap(side: number, { multipleOf, min, max }: Sides): number {
  const low = Math.ceil(min / multipleOf) * multipleOf;
  const high = Math.floor(max / multipleOf) * multipleOf;
  return Math.min(high, Math.max(low, Math.round(side / multipleOf) * multipleOf));
}

/** Shorten the longer side if the area is up to 5 % over the limit: the area of a tier is approximate anyway. */
function limitArea({ width, height }: Shape, { multipleOf, maxPixels = Infinity }: Sides): Shape {
  if (width * height <= maxPixels || width * height > maxPixels * 1.05) return { width, height };
  const shorter = Math.min(width, height);
  const longer = Math.floor(maxPixels / shorter / multipleOf) * multipleOf;
  return width > height ? { width: longer, height } : { width, height: longer };
}

function checkSide(field: "width" | "height", side: number, model: string, sides: Sides): void {
  const { multipleOf, min, max } = sides;
  if (side % multipleOf === 0 && side >= min && side <= max) return;
  reject(
    field,
    `${field} ${side} is not drawn by ${shorten(model)} here; ` +
      `allowed: multiples of ${multipleOf} from ${min} to ${max}; nearest: ${snap(side, sides)}`,
  );
}

function fitRatio(context: FitContext): void {
  const { request, spec } = context;
  const { aspectRatio } = request;
  if (aspectRatio === undefined || spec.ratios.includes(aspectRatio)) return;
  const requested = parseRatio(aspectRatio);
  if (!requested)
    reject(
      "aspectRatio",
      `aspectRatio ${shorten(aspectRatio)} is not W:H; allowed: ${joinValues(spec.ratios) || "16:9 and the like"}`,
    );
  const closest = nearestRatio(requested, spec.ratios);
  if (spec.dimensions) return;
  if (closest === undefined) {
    delete request.aspectRatio;
    warnDropped(context, `aspectRatio ${shorten(aspectRatio)}`);
  } else
    reject(
      "aspectRatio",
      `aspectRatio ${shorten(aspectRatio)} is not drawn by ${shorten(request.model)} here; ` +
        `allowed: ${joinValues(spec.ratios)}; nearest: ${closest}`,
    );
}

function fitSize(context: FitContext): void {
  const { request, spec } = context;
  const { model, size } = request;
  if (size === undefined || spec.sizes.includes(size)) return;
  if (spec.sizes.length > 0)
    reject("size", `size ${size} is not drawn by ${shorten(model)} here; allowed: ${joinValues(spec.sizes)}`);
  if (spec.dimensions) return;
  delete request.size;
  warnDropped(context, `size ${size}`);
}

/** Convert a tier, or a ratio outside the model's list, to width and height, for a model that takes pixels. */
function tierToPixels({ request, spec }: FitContext): void {
  const { model, size, aspectRatio } = request;
  const sides = spec.dimensions;
  if (!sides || (size === undefined && (aspectRatio === undefined || spec.ratios.includes(aspectRatio)))) return;
  const ratio = aspectRatio ?? spec.defaultRatio ?? "1:1";
  const pixelsForTier = (tier: Tier): Shape | undefined => {
    const { width, height } = limitArea(pixelsOf(spec.pixels, tier, ratio, sides.multipleOf), sides);
    const snapped = { width: snap(width, sides), height: snap(height, sides) };
    // A side that is cut at a limit would change the shape.
    const fits =
      Math.abs(snapped.width - width) < sides.multipleOf &&
      Math.abs(snapped.height - height) < sides.multipleOf &&
      snapped.width * snapped.height <= (sides.maxPixels ?? Infinity);
    return fits ? snapped : undefined;
  };
  const pixels = pixelsForTier(size ?? spec.defaultSize ?? "1K");
  if (!pixels) {
    const sizes = (spec.sizes.length > 0 ? spec.sizes : TIERS).filter((tier) => pixelsForTier(tier) !== undefined);
    reject(
      size === undefined || sizes.length === 0 ? "aspectRatio" : "size",
      `${size === undefined ? "" : `size ${size} at `}aspectRatio ${shorten(ratio)} is not drawn by ${shorten(model)} here; ` +
        `sides are ${sides.min} to ${sides.max} pixels; sizes allowed at that ratio: ${joinValues(sizes) || "none"}`,
    );
  }
  delete request.size;
  delete request.aspectRatio;
  Object.assign(request, pixels);
}
