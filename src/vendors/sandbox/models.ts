import type { ModelSpec } from "../../image/model-spec.ts";
import { TIERS } from "../../image/request.ts";
import { SIDE } from "./wire.ts";

/** What the sandbox can do, whichever model it stands in for: any picture of whole pixels, and nothing but PNG. */
export const spec: ModelSpec = {
  wireName: "sandbox",
  // By name those that some vendor has; `dimensions` takes all others too.
  ratios: "1:1 1:2 2:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9 9:21 1:4 4:1 1:8 8:1".split(" "),
  sizes: TIERS,
  defaultSize: "1K",
  defaultRatio: "1:1",
  dimensions: { multipleOf: 1, ...SIDE },
  // References are not looked at: any there are make another picture.
  references: 16,
  referenceSchemes: ["https", "http", "gs"],
  qualities: [],
  formats: ["png"],
  seed: true,
  n: 10,
  turns: true,
  output: "url",
};

/** The one model of its own; for others it stands in with the same `spec`. */
export const models: Record<string, ModelSpec> = { sandbox: spec };
