import type { Reference } from "../../image/request.ts";
import { placeholderIndex, InlineImage, type Wire } from "../../image/wire.ts";
import { asList, asObject, asText } from "../response-fields.ts";
import { type VendorErrorKind, vendorError, noImageError } from "../vendor-errors.ts";
import type { ImageSource, Provider } from "../vendor.ts";
import { models } from "./models.ts";
import { KINDS } from "./wire.ts";

/** Statuses whose meaning at this vendor differs from the usual one ("What goes wrong"). */
const STATUSES: Readonly<Record<number, VendorErrorKind>> = {
  [KINDS.no_engine]: "model_not_found",
  [KINDS.bad_motif]: "content_rejected",
};

const STATUS_OF: ReadonlyMap<unknown, number> = new Map(Object.entries(KINDS));

/** Aquarelle's format as the gateway calls it. Source: test/exercise/README.md. */
export const provider: Provider = {
  name: "aquarelle",
  baseUrl: "https://api.aquarelle.example",
  models,

  encode({ prompt, n, size, aspectRatio, seed, references, mask }, spec) {
    return {
      path: "/v2/paint",
      body: {
        engine: spec.wireName,
        text: prompt,
        sheets: n > 1 ? n : undefined,
        format: size === undefined && aspectRatio === undefined ? undefined : { ratio: aspectRatio, tier: size },
        sources: references.length === 0 ? undefined : references.map(sourceWire),
        stencil: mask && sourceWire(mask),
        random: seed,
      },
    };
  },

  decode(status, wire) {
    const answer = asObject(wire);
    const why = asObject(answer["why"]);
    const message = asText(why["words"]);
    if (status !== 200 || answer["ok"] === false)
      throw vendorError("aquarelle", { status, code: STATUS_OF.get(why["kind"]), message, kinds: STATUSES });
    const images = asList(answer["sheets"]).flatMap((sheet) => hoistedSource(asText(asObject(sheet)["data"])) ?? []);
    if (images.length > 0) return { images };
    throw noImageError("aquarelle", [], message);
  },
};

function sourceWire(reference: Reference): Wire {
  if ("url" in reference) return { kind: "uri", value: reference.url };
  return { kind: "data", value: new InlineImage(reference.picture), media: reference.picture.type };
}

function hoistedSource(data: string | undefined): ImageSource | undefined {
  const index = data === undefined ? undefined : placeholderIndex(data);
  return index === undefined ? undefined : { hoisted: index };
}
