import type { ModelSpec } from "../../image/model-spec.ts";
import { PIXELS } from "../../image/pixel-tables.ts";

/** What the document says of every engine ("What is sent"). */
const common = {
  ratios: ["1:1", "2:3", "3:2", "9:16", "16:9"],
  defaultRatio: "1:1",
  defaultSize: "1K",
  // No field for quality or format; random: the same number draws the same picture.
  qualities: [],
  formats: [],
  seed: true,
  // sheets: 1 to 4
  n: 4,
  // sources: 4 at most, of 10 MB each; a uri is https.
  references: 4,
  referenceBytes: 10_000_000,
  referenceSchemes: ["https"],
  // sheets[].data, always.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** Engines of the document. */
export const models: Record<string, ModelSpec> = {
  "gpt-image-2": {
    ...common,
    wireName: "gpt-image-2",
    sizes: ["1K", "2K", "4K"],
    // Somebody else's engine, in its maker's pixels.
    pixels: PIXELS["gpt-image-2"],
    // stencil: this engine only.
    mask: true,
    price: { currency: "credits", amount: { "1K": 2, "2K": 3, "4K": 6 } },
  },
  // The vendor's own.
  "aquarelle-1": {
    ...common,
    wireName: "aquarelle-1",
    sizes: ["1K"],
    price: { currency: "credits", amount: 1 },
  },
};
