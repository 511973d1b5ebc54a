import type { PixelTable } from "./model-spec.ts";
import { PIXELS } from "./pixel-tables.ts";

/** Facts of a model that hold at every vendor; how a vendor serves it is in the vendor's models.ts. */
export interface CatalogEntry {
  /** Other names in use: general-availability names, dated snapshots, marketing names. */
  aliases: readonly string[];
  /** Published pixels; absent if the model takes width and height, or if none are published. */
  pixels?: PixelTable;
}

const { "2K": seedream2K, "4K": seedream4K } = PIXELS["seedream-4.x"];

export const DEFAULT_MODEL = "gemini-3-pro-image-preview";

/** Models by canonical name: the name in the vendors' documents, even if the model's maker has since retired it. */
export const CATALOG: Readonly<Record<string, CatalogEntry>> = {
  // One entry for both names: Google shut the -preview name down on 2026-01-15, one vendor's document still uses it.
  "gemini-2.5-flash-image": {
    aliases: ["gemini-2.5-flash-image-preview", "nano-banana"],
    pixels: PIXELS["gemini-2.5"],
  },
  "gemini-3-pro-image-preview": {
    aliases: ["gemini-3-pro-image", "nano-banana-pro"],
    pixels: PIXELS["gemini-3-pro"],
  },
  "gemini-3.1-flash-image-preview": {
    aliases: ["gemini-3.1-flash-image", "nano-banana-2"],
    pixels: PIXELS["gemini-3.1-flash"],
  },
  "flux-2-pro": { aliases: [] },
  // BFL's own endpoint is flux-pro-1.1.
  "flux-1.1-pro": { aliases: ["flux-pro-1.1"] },
  "gpt-image-2": { aliases: ["gpt-image-2-2026-04-21"], pixels: PIXELS["gpt-image-2"] },
  "doubao-seedream-4.5": {
    aliases: ["doubao-seedream-4-5-251128"],
    pixels: { "2K": seedream2K, "4K": seedream4K },
  },
  "doubao-seedream-4.0": { aliases: ["doubao-seedream-4-0-250828"], pixels: PIXELS["seedream-4.x"] },
};

const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(CATALOG).flatMap(([model, { aliases }]) => [model, ...aliases].map((name) => [name, model] as const)),
);

/** Return the canonical name for a model name or alias; undefined if it is unknown. Case matters. */
export function canonicalModel(name: string): string | undefined {
  return NAMES.get(name);
}
