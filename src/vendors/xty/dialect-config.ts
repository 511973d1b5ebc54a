import { invalidField } from "../../errors.ts";
import type { ModelSpec } from "../../image/model-spec.ts";
import { type ImageRequest, TIERS } from "../../image/request.ts";
import { canonicalTier } from "../../image/size.ts";
import { asObject, asText } from "../response-fields.ts";
import { unknownFields } from "../request-schema.ts";
import { extraBodyWire, googleWire, imageConfigWire } from "./wire.ts";

const DOCUMENTED_PATH = ["extra_body", "google", "image_config"];
/**
 * Where clients put image_config, the first that there is: as documented; from an SDK that sends extra_body as it is and was
 * given the nested form; with extra_body merged into the body; and as OpenRouter's clients have it.
 */
const CONFIG_PATHS = [
  DOCUMENTED_PATH,
  ["extra_body", "extra_body", "google", "image_config"],
  ["google", "image_config"],
  ["extra_body", "image_config"],
  ["extra_body", "extra_body", "image_config"],
  ["image_config"],
];

/** A value inside the body; undefined where there is none. */
const valueAt = (wire: unknown, place: readonly string[]) =>
  place.reduce<unknown>((value, key) => asObject(value)[key], wire) ?? undefined;

/** The shape asked for, in a body that the schema has read; and what around it is no field. Throws invalid_request. */
export function readConfig(
  wire: unknown,
  spec: ModelSpec | undefined,
): Pick<ImageRequest, "size" | "aspectRatio"> & { warnings: string[] } {
  const place = CONFIG_PATHS.find((each) => valueAt(wire, each) !== undefined) ?? DOCUMENTED_PATH;
  const config = asObject(valueAt(wire, place));
  const prefix = `${place.join(".")}.`;
  const requested = asText(config["image_size"]);
  // 建议使用大写: lower case is taken as well.
  const size = requested === undefined ? undefined : canonicalTier(requested);
  if (requested !== undefined && size === undefined) {
    const allowed = spec === undefined || spec.sizes.length === 0 ? TIERS : spec.sizes;
    throw invalidField(`${prefix}image_size`, `must be one of ${allowed.join(", ")}`);
  }
  const warnings = [
    ...unknownFields(extraBodyWire, valueAt(wire, ["extra_body"]), "extra_body."),
    ...unknownFields(googleWire, valueAt(wire, ["extra_body", "google"]), "extra_body.google."),
    ...unknownFields(imageConfigWire, config, prefix),
  ];
  return { size, aspectRatio: asText(config["aspect_ratio"]), warnings };
}
