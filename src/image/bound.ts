import { GatewayError } from "../errors.ts";
import { shown } from "./fitting.ts";
import type { ModelSpec } from "./models.ts";
import { type ImageRequest, TIERS, type Tier } from "./request.ts";

/** Whether a tier is larger than another. */
export function isAbove(tier: Tier, most: Tier): boolean {
  return TIERS.indexOf(tier) > TIERS.indexOf(most);
}

/** What a model can do without drawing more than `most`. Throws forbidden where it draws nothing so small. */
export function upTo(most: Tier, spec: ModelSpec, model: string): ModelSpec {
  const sizes = spec.sizes.filter((tier) => !isAbove(tier, most));
  const isTooLarge = spec.sizes.length > 0 ? sizes.length === 0 : !takesSize(spec) && isAbove(unasked(spec), most);
  if (isTooLarge) {
    const message = `size may be ${most} at most with this key, and ${shown(model)} draws nothing so small here.`;
    throw new GatewayError("forbidden", message, { field: "size" });
  }
  return { ...spec, sizes };
}

/** The size to ask for where nobody says one and the model's own would be more than `most`; undefined where it is not. */
export function sizeInPlace(most: Tier, spec: ModelSpec, { size, width, height }: ImageRequest): Tier | undefined {
  const isOpen = size === undefined && width === undefined && height === undefined;
  if (!isOpen || !takesSize(spec) || !isAbove(unasked(spec), most)) return undefined;
  return TIERS.findLast((tier) => spec.sizes.includes(tier) && !isAbove(tier, most)) ?? most;
}

/** Whether a size can be asked for at all. */
function takesSize({ sizes, dimensions }: ModelSpec): boolean {
  return sizes.length > 0 || dimensions !== undefined;
}

/** What is drawn where no size is sent; of what nobody has published, 1K. */
function unasked({ defaultSize, pixels = {} }: ModelSpec): Tier {
  return defaultSize ?? TIERS.find((tier) => pixels[tier] !== undefined) ?? "1K";
}
