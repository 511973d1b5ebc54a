import { GatewayError } from "../../errors.ts";
import type { ModelSpec } from "../../image/models.ts";
import { type ImageRequest, TIERS } from "../../image/request.ts";
import { canonicalTier } from "../../image/size.ts";
import { object, text } from "../loose.ts";
import { unknownFields } from "../strict.ts";
import { imageConfigWire } from "./wire.ts";

/**
 * Where clients put image_config, the first that there is: as documented; from an SDK that sends extra_body as it is and was
 * given the nested form; with extra_body merged into the body; and as OpenRouter's clients have it.
 */
const PLACES = [
  ["extra_body", "google", "image_config"],
  ["extra_body", "extra_body", "google", "image_config"],
  ["google", "image_config"],
  ["extra_body", "image_config"],
  ["extra_body", "extra_body", "image_config"],
  ["image_config"],
];

/** The shape asked for, in a body that the schema has read; and what in its place is no field. Throws invalid_request. */
export function readConfig(
  wire: unknown,
  own: ModelSpec | undefined,
): Pick<ImageRequest, "size" | "aspectRatio"> & { warnings: string[] } {
  const found = (place: string[]) => place.reduce<unknown>((value, key) => object(value)[key], wire) ?? undefined;
  const place = PLACES.find((each) => found(each) !== undefined);
  if (place === undefined) return { warnings: [] };
  const config = object(found(place));
  const prefix = `${place.join(".")}.`;
  const asked = text(config["image_size"]);
  // 建议使用大写: lower case is taken as well.
  const size = asked === undefined ? undefined : canonicalTier(asked);
  if (asked !== undefined && size === undefined) {
    const field = `${prefix}image_size`;
    const allowed = own === undefined || own.sizes.length === 0 ? TIERS : own.sizes;
    throw new GatewayError("invalid_request", `${field} must be one of ${allowed.join(", ")}.`, { field });
  }
  return { size, aspectRatio: text(config["aspect_ratio"]), warnings: unknownFields(imageConfigWire, config, prefix) };
}
