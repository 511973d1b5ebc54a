import { invalidField } from "../../errors.ts";
import type { ModelSpec } from "../../image/model-spec.ts";
import { type ImageRequest, TIERS } from "../../image/request.ts";
import { canonicalTier } from "../../image/size.ts";
import { object, text } from "../response-fields.ts";
import { unknownFields } from "../request-schema.ts";
import { extraBodyWire, googleWire, imageConfigWire } from "./wire.ts";

const DOCUMENTED = ["extra_body", "google", "image_config"];
/**
 * Where clients put image_config, the first that there is: as documented; from an SDK that sends extra_body as it is and was
 * given the nested form; with extra_body merged into the body; and as OpenRouter's clients have it.
 */
const PLACES = [
  DOCUMENTED,
  ["extra_body", "extra_body", "google", "image_config"],
  ["google", "image_config"],
  ["extra_body", "image_config"],
  ["extra_body", "extra_body", "image_config"],
  ["image_config"],
];

/** A value inside the body; undefined where there is none. */
const at = (wire: unknown, place: readonly string[]) =>
  place.reduce<unknown>((value, key) => object(value)[key], wire) ?? undefined;

/** The shape asked for, in a body that the schema has read; and what around it is no field. Throws invalid_request. */
export function readConfig(
  wire: unknown,
  own: ModelSpec | undefined,
): Pick<ImageRequest, "size" | "aspectRatio"> & { warnings: string[] } {
  const place = PLACES.find((each) => at(wire, each) !== undefined) ?? DOCUMENTED;
  const config = object(at(wire, place));
  const prefix = `${place.join(".")}.`;
  const asked = text(config["image_size"]);
  // 建议使用大写: lower case is taken as well.
  const size = asked === undefined ? undefined : canonicalTier(asked);
  if (asked !== undefined && size === undefined) {
    const allowed = own === undefined || own.sizes.length === 0 ? TIERS : own.sizes;
    throw invalidField(`${prefix}image_size`, `must be one of ${allowed.join(", ")}`);
  }
  const warnings = [
    ...unknownFields(extraBodyWire, at(wire, ["extra_body"]), "extra_body."),
    ...unknownFields(googleWire, at(wire, ["extra_body", "google"]), "extra_body.google."),
    ...unknownFields(imageConfigWire, config, prefix),
  ];
  return { size, aspectRatio: text(config["aspect_ratio"]), warnings };
}
