import { GatewayError } from "../../errors.ts";
import type { ModelSpec } from "../../image/model-spec.ts";
import type { ImageRequest, Reference, StoredPicture } from "../../image/request.ts";
import { parseRatio } from "../../image/size.ts";
import { readReference } from "../reference-fields.ts";
import { fitToDocument, parseWire, documentedSpec, unknownFields } from "../request-schema.ts";
import type { ParsedRequest } from "../vendor.ts";
import { DEFAULT_RATIO, isFlux, models, RATIOS, REFERENCE } from "./models.ts";
import { INPUT_IMAGES, nearestSide, type RequestWire, requestWire } from "./wire.ts";

const TABLE = { vendor: "atalk", models };

/** Decode a client's body. Throws invalid_request. */
export function decode(wire: unknown, pictures: readonly StoredPicture[]): ParsedRequest {
  const parsed = parseWire(requestWire, wire);
  rejectExtraImages(wire as object);
  const spec = documentedSpec(TABLE, parsed.model);
  checkRatio(parsed, spec);
  const request: ImageRequest = {
    model: parsed.model,
    prompt: parsed.prompt,
    n: 1,
    aspectRatio:
      parsed.aspect_ratio ?? (parsed.width === undefined && parsed.height === undefined ? DEFAULT_RATIO : undefined),
    ...sidesOf(parsed),
    seed: parsed.seed,
    // The documented default, jpeg, is not filled in: clients that set no format accept any other one.
    outputFormat: parsed.output_format,
    references: INPUT_IMAGES.flatMap((field) => readImage(parsed[field], pictures, field) ?? []),
  };
  const warnings = unknownFields(requestWire, wire);
  const { safety_tolerance } = parsed;
  /** The wire name, if it is one of atalk's own models that does not take the Flux fields. */
  const nonFluxModel = spec === undefined || isFlux(spec.wireName) ? undefined : spec.wireName;
  // Pixels without aspect_ratio still give a ratio, which fitToDocument derives.
  if (nonFluxModel !== undefined && parsed.width !== undefined && parsed.aspect_ratio !== undefined) {
    warnings.push(`width and height were left out: ${nonFluxModel} does not take them here`);
    delete request.width;
    delete request.height;
  }
  if (nonFluxModel !== undefined && safety_tolerance !== undefined)
    warnings.push(`safety_tolerance was left out: ${nonFluxModel} does not take it here`);
  else if (safety_tolerance !== undefined) request.providerOptions = { atalk: { safety_tolerance } };
  const fitted = fitToDocument(TABLE, request);
  const names = INPUT_IMAGES.filter((field) => parsed[field] !== undefined);
  return {
    request: fitted.request,
    warnings: [...warnings, ...fitted.warnings],
    defaulted: parsed.aspect_ratio === undefined ? ["aspectRatio"] : [],
    // The fields may have gaps: the second reference may be input_image_3.
    fields: Object.fromEntries(names.map((name, index) => [`references[${index}]`, name])),
  };
}

/** 根据 aspect_ratio 自动计算: compute a missing side from the other one and the ratio. */
function sidesOf({ width, height, aspect_ratio = DEFAULT_RATIO }: RequestWire): Pick<ImageRequest, "width" | "height"> {
  const ratio = parseRatio(aspect_ratio);
  if ((width === undefined) === (height === undefined) || ratio === undefined) return { width, height };
  return {
    width: width ?? nearestSide(((height ?? 0) * ratio.width) / ratio.height),
    height: height ?? nearestSide(((width ?? 0) * ratio.height) / ratio.width),
  };
}

function reject(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}

/** 最多支持 8 张图片: reject a ninth, which would be dropped silently. */
function rejectExtraImages(wire: object): void {
  const known: readonly string[] = INPUT_IMAGES;
  const extra = Object.entries(wire).find(
    ([key, value]) => /^input_image_\d{1,3}$/.test(key) && !known.includes(key) && value !== null,
  )?.[0];
  if (extra !== undefined) reject(extra, `${extra} is not a field here; there are at most 8: ${known.join(", ")}.`);
}

function checkRatio({ aspect_ratio }: RequestWire, spec: ModelSpec | undefined): void {
  // A model of another vendor may have other ratios, which are checked later.
  if (spec !== undefined && aspect_ratio !== undefined && !RATIOS.includes(aspect_ratio))
    reject("aspect_ratio", `Invalid aspect_ratio parameter. Supported ratios: ${RATIOS.join(", ")}`);
}

function readImage(text: string | undefined, pictures: readonly StoredPicture[], field: string): Reference | undefined {
  if (text === undefined) return undefined;
  const reference = readReference(text, pictures, field, ["https", "http"]);
  if ("url" in reference) return reference;
  const { bytes, width, height } = reference.picture;
  if (bytes > REFERENCE.bytes || width * height > REFERENCE.pixels)
    reject(
      field,
      `${field} must be a picture of at most 20 MB and 20 megapixels, not ${bytes} bytes and ${width}x${height}.`,
    );
  return reference;
}
