import type { ModelSpec } from "../../image/model-spec.ts";
import { TIERS } from "../../image/request.ts";
import { SIDE } from "./wire.ts";

/** The sandbox's spec for every model: any size in whole pixels, and PNG only. */
export const spec: ModelSpec = {
  wireName: "sandbox",
  // The ratios that some vendor has by name; `dimensions` allows all others too.
  ratios: "1:1 1:2 2:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9 9:21 1:4 4:1 1:8 8:1".split(" "),
  sizes: TIERS,
  defaultSize: "1K",
  defaultRatio: "1:1",
  dimensions: { multipleOf: 1, ...SIDE },
  // References are not read: each set of references gives another picture.
  references: 16,
  referenceSchemes: ["https", "http", "gs"],
  qualities: [],
  formats: ["png"],
  seed: true,
  n: 10,
  turns: true,
  output: "url",
};

/** The sandbox's own model; as the fallback for other models it has the same `spec`. */
export const models: Record<string, ModelSpec> = { sandbox: spec };
