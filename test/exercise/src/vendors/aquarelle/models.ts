import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** The limits of every engine, from the document ("What is sent"). */
const common = {
  ratios: ["1:1", "2:3", "3:2", "9:16", "16:9"],
  defaultRatio: "1:1",
  defaultSize: "1K",
  // No field for quality or format. random: the same number gives the same picture.
  qualities: [],
  formats: [],
  seed: true,
  // sheets: 1 to 4
  n: 4,
  // sources: at most 4, each at most 10 MB; a uri is https.
  references: 4,
  referenceBytes: 10_000_000,
  referenceSchemes: ["https"],
  // sheets[].data, always.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** The engines in the document. */
export const models: Record<string, ModelSpec> = {
  "gpt-image-2": {
    ...common,
    wireName: "gpt-image-2",
    sizes: ["1K", "2K", "4K"],
    // An engine of another maker, with that maker's pixels.
    pixels: PIXELS["gpt-image-2"],
    // stencil: this engine only.
    mask: true,
    price: { currency: "credits", amount: { "1K": 2, "2K": 3, "4K": 6 } },
  },
  // The vendor's own engine.
  "aquarelle-1": {
    ...common,
    wireName: "aquarelle-1",
    sizes: ["1K"],
    price: { currency: "credits", amount: 1 },
  },
};
