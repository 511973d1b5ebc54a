import { GatewayError } from "../errors.ts";
import type { ModelSpec } from "./models.ts";
import { type ImageRequest, TIERS, type Tier } from "./request.ts";
import { nearest, nearestRatio, distance, parseRatio, pixelsOf, type Shape } from "./size.ts";

/** How far a ratio in pixels may be from a supported one: 4 %, so that 1792x1024 is 16:9 and 5:4 is not 4:3. */
const TOLERANCE = Math.log(1.04);

/** Words that vendors use for the same step; only used where the vendor lacks the word that was sent. */
const QUALITY_SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["standard", "medium"],
  ["medium", "standard"],
  ["hd", "high"],
  ["high", "hd"],
]);

/** `request` is a copy that the steps below change. */
interface Work {
  request: ImageRequest;
  spec: ModelSpec;
  warnings: string[];
}

/**
 * The request as this vendor's model takes it, with a warning for everything dropped or rewritten; throws
 * invalid_request with the field and the values that work. `n` is left to the caller, who sends several.
 */
export function fit(request: ImageRequest, spec: ModelSpec): { request: ImageRequest; warnings: string[] } {
  const work: Work = { request: { ...request }, spec, warnings: [] };
  if (request.width !== undefined || request.height !== undefined) fitPixels(work);
  else {
    fitRatio(work);
    fitSize(work);
    if (spec.dimensions) tierToPixels(work);
  }
  fitQuality(work);
  fitExtras(work);
  checkReferences(work);
  return { request: work.request, warnings: work.warnings };
}

function refuse(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}

/** A caller's own word, short and in ASCII, since warnings go into a header. */
function shown(word: string): string {
  const safe = word.slice(0, 40).replace(/[^\x20-\x7e]/g, "?");
  return word.length > 40 ? `${safe}...` : safe;
}

function leftOut({ request, warnings }: Work, what: string, more = ""): void {
  warnings.push(`${what} was left out: ${shown(request.model)} does not take it here${more}`);
}

const list = (values: readonly string[]) => values.join(", ");

function fitPixels(work: Work): void {
  const { request, spec, warnings } = work;
  const { model, width, height, size, aspectRatio } = request;
  if (width === undefined) refuse("width", "width is needed beside height");
  if (height === undefined) refuse("height", "height is needed beside width");
  for (const [field, side] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(side) || side < 1) refuse(field, `${field} is not a whole number of pixels above 0`);

  const ratio = aspectRatio === undefined ? undefined : parseRatio(aspectRatio);
  if (aspectRatio !== undefined && !(ratio && distance(ratio, { width, height }) <= TOLERANCE))
    warnings.push(`aspectRatio ${shown(aspectRatio)} was left out: width and height decide`);

  if (spec.dimensions) {
    checkSide("width", width, model, spec.dimensions);
    checkSide("height", height, model, spec.dimensions);
    if (size !== undefined) warnings.push(`size ${size} was left out: width and height decide`);
    delete request.size;
    delete request.aspectRatio;
    return;
  }

  delete request.width;
  delete request.height;
  if (spec.ratios.length === 0) {
    warnings.push(`width and height were left out: ${shown(model)} does not take them here`);
    delete request.aspectRatio;
    fitSize(work);
    return;
  }
  const hit = nearest(width, height, spec);
  const name = hit.size === undefined ? hit.aspectRatio : `${hit.size} ${hit.aspectRatio}`;
  const drawn = `${name} (${hit.published ? "" : "about "}${hit.width}x${hit.height})`;
  if (!hit.exact && hit.off > TOLERANCE)
    refuse(
      "width",
      `${width}x${height} has a ratio that is not drawn by ${shown(model)} here; ` +
        `allowed: ${list(spec.ratios)}; nearest: ${drawn}`,
    );
  if (!hit.exact) warnings.push(`${width}x${height} is drawn as ${drawn}`);
  if (size !== undefined && size !== hit.size) warnings.push(`size ${size} was left out: width and height decide`);
  request.aspectRatio = hit.aspectRatio;
  delete request.size;
  if (hit.size !== undefined) request.size = hit.size;
}

type Sides = NonNullable<ModelSpec["dimensions"]>;

function snap(side: number, { multipleOf, min, max }: Sides): number {
  const low = Math.ceil(min / multipleOf) * multipleOf;
  const high = Math.floor(max / multipleOf) * multipleOf;
  return Math.min(high, Math.max(low, Math.round(side / multipleOf) * multipleOf));
}

function checkSide(field: "width" | "height", side: number, model: string, sides: Sides): void {
  const { multipleOf, min, max } = sides;
  if (side % multipleOf === 0 && side >= min && side <= max) return;
  refuse(
    field,
    `${field} ${side} is not drawn by ${shown(model)} here; ` +
      `allowed: multiples of ${multipleOf} from ${min} to ${max}; nearest: ${snap(side, sides)}`,
  );
}

function fitRatio(work: Work): void {
  const { request, spec } = work;
  const { aspectRatio } = request;
  if (aspectRatio === undefined || spec.ratios.includes(aspectRatio)) return;
  const asked = parseRatio(aspectRatio);
  if (!asked)
    refuse(
      "aspectRatio",
      `aspectRatio ${shown(aspectRatio)} is not W:H; allowed: ${list(spec.ratios) || "16:9 and the like"}`,
    );
  const closest = nearestRatio(asked, spec.ratios);
  if (spec.dimensions) return;
  if (closest === undefined) {
    delete request.aspectRatio;
    leftOut(work, `aspectRatio ${shown(aspectRatio)}`);
  } else
    refuse(
      "aspectRatio",
      `aspectRatio ${shown(aspectRatio)} is not drawn by ${shown(request.model)} here; ` +
        `allowed: ${list(spec.ratios)}; nearest: ${closest}`,
    );
}

function fitSize(work: Work): void {
  const { request, spec } = work;
  const { model, size } = request;
  if (size === undefined || spec.sizes.includes(size)) return;
  if (spec.sizes.length > 0)
    refuse("size", `size ${size} is not drawn by ${shown(model)} here; allowed: ${list(spec.sizes)}`);
  if (spec.dimensions) return;
  delete request.size;
  leftOut(work, `size ${size}`);
}

/** For a model that takes pixels: a tier, or a ratio outside its list, is sent as width and height. */
function tierToPixels({ request, spec }: Work): void {
  const { model, size, aspectRatio } = request;
  const sides = spec.dimensions;
  if (!sides || (size === undefined && (aspectRatio === undefined || spec.ratios.includes(aspectRatio)))) return;
  const ratio = aspectRatio ?? spec.defaultRatio ?? "1:1";
  const at = (tier: Tier): Shape | undefined => {
    const { width, height } = pixelsOf(spec.pixels, tier, ratio, sides.multipleOf);
    const snapped = { width: snap(width, sides), height: snap(height, sides) };
    // A side that had to give way to a limit would change the shape.
    const kept =
      Math.abs(snapped.width - width) < sides.multipleOf && Math.abs(snapped.height - height) < sides.multipleOf;
    return kept ? snapped : undefined;
  };
  const pixels = at(size ?? spec.defaultSize ?? "1K");
  if (!pixels) {
    const sizes = (spec.sizes.length > 0 ? spec.sizes : TIERS).filter((tier) => at(tier) !== undefined);
    refuse(
      size === undefined || sizes.length === 0 ? "aspectRatio" : "size",
      `${size === undefined ? "" : `size ${size} at `}aspectRatio ${shown(ratio)} is not drawn by ${shown(model)} here; ` +
        `sides are ${sides.min} to ${sides.max} pixels; sizes allowed at that ratio: ${list(sizes) || "none"}`,
    );
  }
  delete request.size;
  delete request.aspectRatio;
  Object.assign(request, pixels);
}

function fitQuality(work: Work): void {
  const { request, spec, warnings } = work;
  const { model, quality } = request;
  if (quality === undefined || spec.qualities.includes(quality)) return;
  delete request.quality;
  // "auto" asks for nothing in particular, which is what leaving it out says.
  if (quality === "auto") return;
  const synonym = QUALITY_SYNONYMS.get(quality);
  if (synonym !== undefined && spec.qualities.includes(synonym)) {
    request.quality = synonym;
    warnings.push(`quality ${quality} is drawn as ${synonym}`);
  } else if (spec.qualities.length > 0)
    refuse(
      "quality",
      `quality ${shown(quality)} is not offered by ${shown(model)} here; allowed: ${list(spec.qualities)}`,
    );
  else leftOut(work, `quality ${shown(quality)}`);
}

function fitExtras(work: Work): void {
  const { request, spec } = work;
  const { seed, outputFormat } = request;
  if (seed !== undefined && !spec.seed) {
    delete request.seed;
    leftOut(work, "seed");
  }
  if (outputFormat !== undefined && !spec.formats.includes(outputFormat)) {
    delete request.outputFormat;
    const why = spec.formats.length > 0 ? `; allowed: ${list(spec.formats)}` : "; the format is not selectable";
    leftOut(work, `outputFormat ${outputFormat}`, why);
  }
}

function checkReferences({ request, spec }: Work): void {
  const { model, references } = request;
  if (references.length > spec.references)
    refuse(
      "references",
      `references has ${references.length} pictures; ${shown(model)} takes at most ${spec.references} here`,
    );
  references.forEach((reference, i) => {
    if (!("url" in reference)) return;
    // Only the scheme is named: the rest of the URL may carry a signature.
    const scheme = /^([a-z][a-z0-9+.-]{0,19}):\/\//i.exec(reference.url)?.[1]?.toLowerCase();
    if (scheme !== undefined && spec.referenceSchemes.some((each) => each === scheme)) return;
    refuse(
      `references[${i}]`,
      `references[${i}] has a URL ${scheme === undefined ? "without a scheme" : `of scheme ${scheme}`}; ` +
        `allowed: ${list(spec.referenceSchemes) || "none, send the picture itself"}`,
    );
  });
}
