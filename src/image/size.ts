import { GatewayError } from "../errors.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { TIERS, type Tier } from "./request.ts";

/** A width and a height: pixels, or the two numbers of a ratio. */
export interface Shape {
  width: number;
  height: number;
}

const SIDE: Record<Tier, number> = { "512": 512, "1K": 1024, "2K": 2048, "3K": 3072, "4K": 4096 };

/** Parse `W:H` into two positive numbers (`16:9`, `1.91:1`); undefined for anything else. */
export function parseRatio(ratio: string): Shape | undefined {
  const match = /^(\d{1,5}(?:\.\d{1,4})?):(\d{1,5}(?:\.\d{1,4})?)$/.exec(ratio);
  return positiveShape(Number(match?.[1]), Number(match?.[2]));
}

/** Parse `WxH` into two positive integers (`1024x1024`); undefined for anything else. */
export function parsePixels(size: string): Shape | undefined {
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(size);
  return positiveShape(Number(match?.[1]), Number(match?.[2]));
}

function positiveShape(width: number, height: number): Shape | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** Return the tier for a common spelling: `1k`, `2K`, `512`, `512px`, `0.5K`; undefined for anything else. */
export function canonicalTier(size: string): Tier | undefined {
  const name = size.toUpperCase();
  if (name === "0.5K" || name === "512PX") return "512";
  return TIERS.find((tier) => tier === name);
}

/** Return the distance of two ratios, which is symmetric: the absolute logarithm of their quotient. */
export function ratioDistance(a: Shape, b: Shape): number {
  return Math.abs(Math.log((a.width * b.height) / (a.height * b.width)));
}

/** Return the ratio of a list that is nearest to a shape: the first of equals, undefined for an empty list. */
export function nearestRatio(shape: Shape, ratios: readonly string[]): string | undefined {
  let best: { ratio: string; distance: number } | undefined;
  for (const ratio of ratios) {
    const parsed = parseRatio(ratio);
    const distance = parsed ? ratioDistance(shape, parsed) : Infinity;
    if (best === undefined || distance < best.distance) best = { ratio, distance };
  }
  return best?.ratio;
}

/** Return the table's entry. Without a table only squares are known, because a tier is named after a square's side. */
function publishedPixels(table: PixelTable | undefined, tier: Tier, ratio: string): Shape | undefined {
  if (table === undefined) return ratio === "1:1" ? { width: SIDE[tier], height: SIDE[tier] } : undefined;
  return parsePixels(table[tier]?.[ratio] ?? "");
}

/** Return the pixels of a tier and ratio: the table's entry, else the tier's area, its sides multiples of `step`. */
export function pixelsOf(table: PixelTable | undefined, tier: Tier, ratio: string, step = 8): Shape {
  const shape = parseRatio(ratio);
  if (!shape) throw new GatewayError("invalid_request", "aspectRatio is not W:H, as in 16:9", { field: "aspectRatio" });
  const side = (quotient: number) => Math.max(step, Math.round((SIDE[tier] * Math.sqrt(quotient)) / step) * step);
  return (
    publishedPixels(table, tier, ratio) ?? {
      width: side(shape.width / shape.height),
      height: side(shape.height / shape.width),
    }
  );
}

/** The tier and ratio that are nearest to requested pixels. */
export interface Nearest extends Shape {
  /** Absent if the vendor has no size field. */
  size?: Tier | undefined;
  aspectRatio: string;
  /** The published pixels are the requested ones. */
  exact: boolean;
  /** `width` and `height` are published, not computed. */
  published: boolean;
  /** `ratioDistance` from the requested ratio. */
  distance: number;
}

/** Find the tier and ratio of a spec nearest to `width`×`height`: an exact entry, else by ratio and then by area. */
export function nearest(width: number, height: number, spec: ModelSpec): Nearest {
  const ratios = spec.ratios.length > 0 ? spec.ratios : [spec.defaultRatio ?? "1:1"];
  const publishedTiers = TIERS.filter((tier) => spec.pixels?.[tier] !== undefined);
  const tiers =
    spec.sizes.length > 0 ? spec.sizes : publishedTiers.length > 0 ? publishedTiers : [spec.defaultSize ?? "1K"];

  const candidateFor = (tier: Tier, aspectRatio: string): Nearest => {
    const pixels = pixelsOf(spec.pixels, tier, aspectRatio);
    const isPublished = publishedPixels(spec.pixels, tier, aspectRatio) !== undefined;
    return {
      ...(spec.sizes.length > 0 && { size: tier }),
      aspectRatio,
      ...pixels,
      exact: isPublished && pixels.width === width && pixels.height === height,
      published: isPublished,
      distance: ratioDistance({ width, height }, parseRatio(aspectRatio) ?? pixels),
    };
  };

  const exact = tiers
    .flatMap((tier) => ratios.map((ratio) => candidateFor(tier, ratio)))
    .find((candidate) => candidate.exact);
  if (exact) return exact;
  const ratio = nearestRatio({ width, height }, ratios) ?? "1:1";
  const areaDistance = (candidate: Nearest) =>
    Math.abs(Math.log((candidate.width * candidate.height) / (width * height)));
  return tiers
    .map((tier) => candidateFor(tier, ratio))
    .reduce((best, candidate) => (areaDistance(candidate) < areaDistance(best) ? candidate : best));
}
