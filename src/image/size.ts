import { GatewayError } from "../errors.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { TIERS, type Tier } from "./request.ts";

/** A width and a height: pixels, or the two numbers of a ratio. */
export interface Shape {
  width: number;
  height: number;
}

const SIDE: Record<Tier, number> = { "512": 512, "1K": 1024, "2K": 2048, "3K": 3072, "4K": 4096 };

/** `W:H` as two positive numbers (`16:9`, `1.91:1`); undefined for anything else. */
export function parseRatio(ratio: string): Shape | undefined {
  const found = /^(\d{1,5}(?:\.\d{1,4})?):(\d{1,5}(?:\.\d{1,4})?)$/.exec(ratio);
  return positive(Number(found?.[1]), Number(found?.[2]));
}

/** `WxH` as two positive integers (`1024x1024`); undefined for anything else. */
export function parsePixels(size: string): Shape | undefined {
  const found = /^(\d{1,5})x(\d{1,5})$/.exec(size);
  return positive(Number(found?.[1]), Number(found?.[2]));
}

function positive(width: number, height: number): Shape | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** A tier as vendors and people spell it: `1k`, `2K`, `512`, `512px`, `0.5K`; undefined for anything else. */
export function canonicalTier(size: string): Tier | undefined {
  const name = size.toUpperCase();
  if (name === "0.5K" || name === "512PX") return "512";
  return TIERS.find((tier) => tier === name);
}

/** How far apart two shapes are, the same both ways: the logarithm of the quotient of their ratios. */
export function distance(a: Shape, b: Shape): number {
  return Math.abs(Math.log((a.width * b.height) / (a.height * b.width)));
}

/** The ratio of a list that is nearest to a shape; the first of equals, undefined for an empty list. */
export function nearestRatio(shape: Shape, ratios: readonly string[]): string | undefined {
  let best: { ratio: string; off: number } | undefined;
  for (const ratio of ratios) {
    const parsed = parseRatio(ratio);
    const off = parsed ? distance(shape, parsed) : Infinity;
    if (best === undefined || off < best.off) best = { ratio, off };
  }
  return best?.ratio;
}

/** The table's own entry; without any table a square is known all the same, since its side names the tier. */
function published(table: PixelTable | undefined, tier: Tier, ratio: string): Shape | undefined {
  if (table === undefined) return ratio === "1:1" ? { width: SIDE[tier], height: SIDE[tier] } : undefined;
  return parsePixels(table[tier]?.[ratio] ?? "");
}

/** Pixels of a tier and ratio: the table's as they are, else the tier's area in that ratio, sides multiples of `step`. */
export function pixelsOf(table: PixelTable | undefined, tier: Tier, ratio: string, step = 8): Shape {
  const shape = parseRatio(ratio);
  if (!shape) throw new GatewayError("invalid_request", "aspectRatio is not W:H, as in 16:9", { field: "aspectRatio" });
  const side = (quotient: number) => Math.max(step, Math.round((SIDE[tier] * Math.sqrt(quotient)) / step) * step);
  return (
    published(table, tier, ratio) ?? {
      width: side(shape.width / shape.height),
      height: side(shape.height / shape.width),
    }
  );
}

/** The tier and ratio that answer a request in pixels. */
export interface Nearest extends Shape {
  /** Absent where the vendor has no size field. */
  size?: Tier | undefined;
  aspectRatio: string;
  /** The published pixels are those asked for. */
  exact: boolean;
  /** `width` and `height` are published, not computed. */
  published: boolean;
  /** Distance from the ratio asked for, as of `distance`. */
  off: number;
}

/** The tier and ratio of a spec nearest to `width`×`height`: a published entry, else by ratio and then by area. */
export function nearest(width: number, height: number, spec: ModelSpec): Nearest {
  const ratios = spec.ratios.length > 0 ? spec.ratios : [spec.defaultRatio ?? "1:1"];
  const drawn = TIERS.filter((tier) => spec.pixels?.[tier] !== undefined);
  const tiers = spec.sizes.length > 0 ? spec.sizes : drawn.length > 0 ? drawn : [spec.defaultSize ?? "1K"];

  const answer = (tier: Tier, aspectRatio: string): Nearest => {
    const pixels = pixelsOf(spec.pixels, tier, aspectRatio);
    const known = published(spec.pixels, tier, aspectRatio) !== undefined;
    return {
      ...(spec.sizes.length > 0 && { size: tier }),
      aspectRatio,
      ...pixels,
      exact: known && pixels.width === width && pixels.height === height,
      published: known,
      off: distance({ width, height }, parseRatio(aspectRatio) ?? pixels),
    };
  };

  const exact = tiers.flatMap((tier) => ratios.map((ratio) => answer(tier, ratio))).find((each) => each.exact);
  if (exact) return exact;
  const ratio = nearestRatio({ width, height }, ratios) ?? "1:1";
  const byArea = (each: Nearest) => Math.abs(Math.log((each.width * each.height) / (width * height)));
  return tiers.map((tier) => answer(tier, ratio)).reduce((best, each) => (byArea(each) < byArea(best) ? each : best));
}
