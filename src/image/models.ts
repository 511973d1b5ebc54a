import type { OutputFormat, Tier } from "./request.ts";

/** What one vendor can do with one model; the source of each value stands beside it in the vendor's models.ts. */
export interface ModelSpec {
  /** The name this vendor gives the model on the wire. */
  wireName: string;
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
  dimensions?: { multipleOf: number; min: number; max: number };
  /** Reference pictures at most. */
  references: number;
  /** URL schemes a reference may have at this vendor. */
  referenceSchemes: readonly ("https" | "http" | "gs")[];
  qualities: readonly string[];
  formats: readonly OutputFormat[];
  seed: boolean;
  /** Pictures one call may ask for. */
  n: number;
}

export type PixelTable = Partial<Record<Tier, Record<string, string>>>;
