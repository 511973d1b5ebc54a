import type { Settings } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { offersOf } from "./choose.ts";
import { registryOf } from "./registry.ts";
import type { ModelSpec } from "../image/models.ts";
import type { ImageRequest, Tier } from "../image/request.ts";
import type { Principal } from "../policy/credentials.ts";
import { isAbove, permit } from "../policy/permit.ts";
import type { Asked } from "../vendors/vendor.ts";

/** The request as its key may ask it. Throws forbidden. */
export function permitted({ key }: Principal, asked: Asked, config: Settings): ImageRequest {
  if (key === undefined) return asked.request;
  const preset = asked.preset?.name;
  const { size } = asked.request;
  // A size that the dialect's document fills in was nobody's wish.
  const isOver = size !== undefined && key.size !== undefined && isAbove(size, key.size);
  const request = isOver && asked.assumed?.includes("size") ? { ...asked.request, size: key.size } : asked.request;
  const { canonical, entryOf } = registryOf(config);
  const slash = request.model.indexOf("/");
  const vendor = slash < 0 ? undefined : request.model.slice(0, slash);
  const said = request.model.slice(slash + 1);
  const name = canonical(said) ?? said;
  permit(key, request, { model: { name, vendor }, pixels: entryOf(name).pixels, preset });
  return key.size === undefined ? request : withinSize(key.size, request, config);
}

/** A model's own default may be more than the key's size, and then has to be said; or all that the model draws is. */
function withinSize(most: Tier, request: ImageRequest, config: Settings): ImageRequest {
  const { offers } = offersOf(request.model, config);
  if (offers.length > 0 && offers.every(({ spec }) => drawsAbove(spec, most))) {
    const message = `size may be ${most} at most with this key, and the model draws nothing so small here.`;
    throw new GatewayError("forbidden", message, { field: "size" });
  }
  if (request.size !== undefined || request.width !== undefined || request.height !== undefined) return request;
  const byDefault = offers.some(({ spec }) => spec.defaultSize !== undefined && isAbove(spec.defaultSize, most));
  return byDefault ? { ...request, size: most } : request;
}

function drawsAbove({ sizes, defaultSize }: ModelSpec, most: Tier): boolean {
  const tiers = sizes.length > 0 || defaultSize === undefined ? sizes : [defaultSize];
  return tiers.length > 0 && tiers.every((tier) => isAbove(tier, most));
}
