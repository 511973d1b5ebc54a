import { invalidField } from "../../errors.ts";
import type { ModelSpec } from "../../image/model-spec.ts";
import { type ImageRequest, TIERS } from "../../image/request.ts";
import { canonicalTier } from "../../image/size.ts";
import { asObject, asText } from "../response-fields.ts";
import { unknownFields } from "../request-schema.ts";
import { extraBodyWire, googleWire, imageConfigWire } from "./wire.ts";

const DOCUMENTED_PATH = ["extra_body", "google", "image_config"];
/**
 * The paths of image_config in clients' bodies; the first that exists counts. In order: as documented; from an SDK that
 * sends extra_body unchanged and got the nested form; with extra_body merged into the body; and as OpenRouter's clients
 * send it.
 */
const CONFIG_PATHS = [
  DOCUMENTED_PATH,
  ["extra_body", "extra_body", "google", "image_config"],
  ["google", "image_config"],
  ["extra_body", "image_config"],
  ["extra_body", "extra_body", "image_config"],
  ["image_config"],
];

/** The value at a path in the body; undefined if there is none. */
const valueAt = (wire: unknown, path: readonly string[]) =>
  path.reduce<unknown>((value, key) => asObject(value)[key], wire) ?? undefined;

/** Read the requested shape from a checked body, with warnings about unknown fields. Throws invalid_request. */
export function readConfig(
  wire: unknown,
  spec: ModelSpec | undefined,
): Pick<ImageRequest, "size" | "aspectRatio"> & { warnings: string[] } {
  const path = CONFIG_PATHS.find((candidate) => valueAt(wire, candidate) !== undefined) ?? DOCUMENTED_PATH;
  const config = asObject(valueAt(wire, path));
  const prefix = `${path.join(".")}.`;
  const requested = asText(config["image_size"]);
  // 建议使用大写: upper case is recommended, so lower case is accepted too.
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
