import type { OutputFormat, Tier } from "./request.ts";
import type { Cost } from "./record.ts";

/**
 * The capabilities of one model at one vendor; the vendor's models.ts names the source of each value. The var MODELS
 * can change every field: add a new field to models/overrides.ts too (the types enforce it).
 */
export interface ModelSpec {
  /** The model's name on this vendor's wire. */
  wireName: string;
  /** The model's maker, if the wire has a field for it next to the name. */
  maker?: string;
  /** Ratios that may be sent; without a ratio the model decides. */
  ratios: readonly string[];
  /** Tiers that may be sent; empty if the vendor has no such field. */
  sizes: readonly Tier[];
  /** The vendor's default if no size or ratio is sent. */
  defaultSize?: Tier;
  defaultRatio?: string;
  /** Tier → ratio → "WxH", to find the tier and ratio for a request in pixels. */
  pixels?: PixelTable;
  /** Set if the vendor takes width and height unchanged: their step, and the limits of a side. */
  dimensions?: { multipleOf: number; min: number; max: number; maxPixels?: number };
  /** Maximum number of reference pictures, and maximum bytes of each. */
  references: number;
  referenceBytes?: number;
  /** URL schemes a reference may have at this vendor; a URL of another is fetched and sent as a picture. */
  referenceSchemes: readonly ("https" | "http" | "gs")[];
  /** Set if the vendor prefers a URL to a picture in the request. */
  prefersUrls?: true;
  /** Set if earlier turns can be sent as turns; otherwise they become part of the prompt. */
  turns?: true;
  mask?: true;
  qualities: readonly string[];
  formats: readonly OutputFormat[];
  seed: boolean;
  /** Maximum number of pictures in one call. */
  n: number;
  /** The form in which pictures come back, and the lifetime of a URL. */
  output: "base64" | "url";
  urlSeconds?: number;
  /** Per picture, by tier if it differs; absent if no price is published. */
  price?: Price;
  /** Known from third-party code only: not served until the var MODELS sets `"off": false`. */
  off?: boolean;
}

export interface Price {
  /** `CNY`, `USD`, or `credits` of the vendor's own. */
  currency: string;
  amount: number | Partial<Record<Tier, number>>;
}

export type PixelTable = Partial<Record<Tier, Record<string, string>>>;

/** Return a message if the fields of a spec contradict each other, else undefined. */
export function validateSpec({ sizes, defaultSize, ratios, defaultRatio, dimensions }: ModelSpec): string | undefined {
  // A vendor without a field for size or ratio may still have a fixed size or ratio.
  if (defaultSize !== undefined && sizes.length > 0 && !sizes.includes(defaultSize))
    return `defaultSize ${defaultSize} is not among sizes: ${sizes.join(", ")}`;
  if (defaultRatio !== undefined && ratios.length > 0 && !ratios.includes(defaultRatio))
    return `defaultRatio ${defaultRatio} is not among ratios: ${ratios.join(", ")}`;
  if (dimensions !== undefined && dimensions.min > dimensions.max)
    return `dimensions.min ${dimensions.min} is more than dimensions.max ${dimensions.max}`;
  return undefined;
}

/** Return the cost of a number of pictures by the price list, if one is published. `size` is the tier that was sent. */
export function priceOf({ price, defaultSize }: ModelSpec, size: Tier | undefined, pictures: number): Cost | undefined {
  if (price === undefined) return undefined;
  const tier = size ?? defaultSize;
  const perPicture = typeof price.amount === "number" ? price.amount : tier && price.amount[tier];
  return perPicture === undefined ? undefined : { amount: round(perPicture * pictures), currency: price.currency };
}

/** Add up the costs of several vendor calls by currency; undefined if there are none. */
export function totalCost(costs: readonly Cost[]): Cost[] | undefined {
  const sums = new Map<string, number>();
  for (const { amount, currency } of costs) sums.set(currency, round((sums.get(currency) ?? 0) + amount));
  return costs.length === 0 ? undefined : [...sums].map(([currency, amount]) => ({ amount, currency }));
}

/** Round off the noise of binary fractions: prices have at most four decimals. */
function round(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
