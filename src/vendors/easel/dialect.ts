import { GatewayError, STATUS } from "../../errors.ts";
import { DEFAULT_MODEL } from "../../image/catalog.ts";
import { errorWire, recordWire } from "../../image/record.ts";
import type { Reference, StoredPicture } from "../../image/request.ts";
import { readPicture, readReference } from "../reference-fields.ts";
import { parseWire } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { type ReferenceWire, requestWire } from "./wire.ts";

/**
 * Check whether an `Accept` header prefers a picture to JSON: of all matching ranges, the one with the highest weight
 * (the first of equals) is an image type. Without a matching range, JSON is preferred.
 */
export function prefersPicture(accept: string | null): boolean {
  let best = { picture: false, weight: 0 };
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const picture = type.startsWith("image/");
    if (!picture && !["application/json", "application/*", "*/*"].includes(type)) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = q === undefined ? 1 : Number(q);
    if (weight > best.weight) best = { picture, weight };
  }
  return best.picture;
}

const SCHEMES = ["https", "http", "gs"];

/** The gateway's own dialect: the canonical request in, the record out, or its first picture with `Accept: image/*`. */
export const dialect: Dialect = {
  name: "easel",
  paths: ["/v1/generations"],

  decode(wire, pictures, headers) {
    const { preset, ...body } = parseWire(requestWire, wire);
    const { prompt = "", references = [], mask, turns, ...shape } = body;
    if (prompt === "" && preset === undefined)
      throw new GatewayError("invalid_request", "prompt is required.", { field: "prompt" });
    const readAll = (wires: readonly ReferenceWire[], field: string) =>
      wires.map((reference, index) => readReferenceWire(reference, pictures, `${field}[${index}]`));
    return {
      request: {
        ...shape,
        prompt,
        model: shape.model ?? DEFAULT_MODEL,
        n: shape.n ?? 1,
        turns: turns?.map((turn, index) => ({
          ...turn,
          references: readAll(turn.references ?? [], `turns[${index}].references`),
        })),
        references: readAll(references, "references"),
        mask: mask === undefined ? undefined : readReferenceWire(mask, pictures, "mask"),
      },
      warnings: [],
      responseFormat: prefersPicture(headers.get("accept")) ? "picture" : "url",
      ...(preset !== undefined && { preset: { name: preset, setFields: setFieldNames(body) } }),
    };
  },

  encode: recordWire,

  encodeError(error) {
    return { status: STATUS[error.code], body: errorWire(error) };
  },
};

/** The names of the fields that are set. */
function setFieldNames(body: object): string[] {
  return Object.entries(body).flatMap(([name, value]) => (value === undefined ? [] : name));
}

function readReferenceWire(reference: ReferenceWire, pictures: readonly StoredPicture[], field: string): Reference {
  if (typeof reference === "string") return readReference(reference, pictures, field, SCHEMES);
  if ("url" in reference) return readReference(reference.url, pictures, `${field}.url`, SCHEMES);
  return readPicture(reference.data, pictures, `${field}.data`);
}
