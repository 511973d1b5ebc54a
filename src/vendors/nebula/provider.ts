import type { Turn } from "../../image/request.ts";
import type { Wire } from "../../image/wire.ts";
import { imageSourceIn, asCode, asList, asObject, errorMessageIn } from "../response-fields.ts";
import { writeReference } from "../reference-fields.ts";
import { vendorError, noImageError } from "../vendor-errors.ts";
import type { Provider } from "../vendor.ts";
import { models } from "./models.ts";

/** The format of ai-nebula as the gateway calls it. Source: vendor-docs, "图片生成". */
export const provider: Provider = {
  name: "nebula",
  baseUrl: "https://llm.ai-nebula.com",
  models,

  encode({ prompt, references, turns = [] }, spec) {
    // As in the samples: `prompt` if there is nothing else, `contents` instead if there are turns or references.
    const promptOnly = turns.length === 0 && references.length === 0;
    const contents = [...turns, { role: "user", text: prompt, references } as const].map(turnWire);
    return {
      path: "/v1/images/generations",
      body: {
        model: spec.wireName,
        ...(promptOnly ? { prompt } : { contents }),
        response_format: "b64_json",
      },
    };
  },

  decode(status, wire) {
    const answer = asObject(wire);
    const error = answer["error"] ?? undefined;
    const errorCode = asCode(answer["code"]) ?? asCode(asObject(error)["code"]) ?? asCode(asObject(error)["type"]);
    const message = errorMessageIn(answer);
    if (status !== 200 || error !== undefined || (errorCode !== undefined && Number(errorCode) !== 200))
      throw vendorError("nebula", { status, code: errorCode, message });
    // Clients have also seen the list without its envelope.
    const items = [...asList(answer["data"]), ...asList(asObject(answer["data"])["data"])];
    const images = items.flatMap((item) => imageSourceIn(item) ?? []);
    if (images.length > 0) return { images };
    throw noImageError("nebula", [], message);
  },
};

/** Write a turn as one part for the text and one part for each picture, in the order of the samples. */
function turnWire({ role, text, references }: Turn): Wire {
  const pictures = references.map((reference) => ({ image: writeReference(reference) }));
  return { role, parts: [...(text === undefined ? [] : [{ text }]), ...pictures] };
}
