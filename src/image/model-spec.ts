import type { OutputFormat, Tier } from "./request.ts";
import type { Cost } from "./record.ts";

/**
 * What one vendor can do with one model; the source of each value stands beside it in the vendor's models.ts. The var
 * MODELS can change any of it: a new field here is one in models/overrides.ts too, which the types see to.
 */
export interface ModelSpec {
  /** The name this vendor gives the model on the wire. */
  wireName: string;
  /** Whose model it is, where the wire says that beside the name. */
  maker?: string;
  /** Ratios that may be sent; leaving the ratio out lets the model decide. */
  ratios: readonly string[];
  /** Tiers that may be sent; empty where the vendor has no such field. */
  sizes: readonly Tier[];
  /** What the vendor draws when nothing is sent. */
  defaultSize?: Tier;
  defaultRatio?: string;
  /** Tier → ratio → "WxH", to tell which tier and ratio answer a request in pixels. */
  pixels?: PixelTable;
  /** Set where width and height are taken as they are: their step, and the limits of a side. */
  dimensions?: { multipleOf: number; min: number; max: number; maxPixels?: number };
  /** Reference pictures at most, and the bytes of each. */
  references: number;
  referenceBytes?: number;
  /** URL schemes a reference may have at this vendor; a URL of another is fetched and sent as a picture. */
  referenceSchemes: readonly ("https" | "http" | "gs")[];
  /** Set where the vendor would rather have a URL than a picture in the request. */
  prefersUrls?: true;
  /** Whether earlier turns may be sent as such; elsewhere they become part of the prompt. */
  turns?: true;
  mask?: true;
  qualities: readonly string[];
  formats: readonly OutputFormat[];
  seed: boolean;
  /** Pictures one call may ask for. */
  n: number;
  /** How pictures come back, and for how long a URL is good. */
  output: "base64" | "url";
  urlSeconds?: number;
  /** Per picture, by tier where it differs; absent where nobody publishes it. */
  price?: Price;
  /** Known from other people's code only: nobody draws it here until the var MODELS says `"off": false`. */
  off?: boolean;
}

export interface Price {
  /** `CNY`, `USD`, or `credits` of the vendor's own. */
  currency: string;
  amount: number | Partial<Record<Tier, number>>;
}

export type PixelTable = Partial<Record<Tier, Record<string, string>>>;

/** What contradicts itself in a spec, in words; undefined where nothing does. */
export function validateSpec({ sizes, defaultSize, ratios, defaultRatio, dimensions }: ModelSpec): string | undefined {
  // Without a field for it, a vendor may still have a size or a ratio that it always draws.
  if (defaultSize !== undefined && sizes.length > 0 && !sizes.includes(defaultSize))
    return `defaultSize ${defaultSize} is not among sizes: ${sizes.join(", ")}`;
  if (defaultRatio !== undefined && ratios.length > 0 && !ratios.includes(defaultRatio))
    return `defaultRatio ${defaultRatio} is not among ratios: ${ratios.join(", ")}`;
  if (dimensions !== undefined && dimensions.min > dimensions.max)
    return `dimensions.min ${dimensions.min} is more than dimensions.max ${dimensions.max}`;
  return undefined;
}

/** What so many pictures cost by the model's price list; undefined where nobody publishes it. `size` is the tier sent. */
export function priceOf({ price, defaultSize }: ModelSpec, size: Tier | undefined, pictures: number): Cost | undefined {
  if (price === undefined) return undefined;
  const tier = size ?? defaultSize;
  const each = typeof price.amount === "number" ? price.amount : tier && price.amount[tier];
  return each === undefined ? undefined : { amount: round(each * pictures), currency: price.currency };
}

/** The sum by currency, of calls to several vendors; undefined for none. */
export function totalCost(costs: readonly Cost[]): Cost[] | undefined {
  const sums = new Map<string, number>();
  for (const { amount, currency } of costs) sums.set(currency, round((sums.get(currency) ?? 0) + amount));
  return costs.length === 0 ? undefined : [...sums].map(([currency, amount]) => ({ amount, currency }));
}

/** Without the noise of binary fractions: prices have at most four decimals. */
function round(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
