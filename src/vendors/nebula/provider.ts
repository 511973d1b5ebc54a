import type { Turn } from "../../image/request.ts";
import { hoistedIndex, Inline, type Wire } from "../../image/wire.ts";
import { list, object, text } from "../loose.ts";
import { refusal, withoutPicture } from "../refusals.ts";
import type { Carrier, Provider } from "../vendor.ts";
import { models } from "./models.ts";

/** ai-nebula as called: vendor-docs, "图片生成". */
export const provider: Provider = {
  name: "nebula",
  baseUrl: "https://llm.ai-nebula.com",
  models,

  encode({ prompt, references, turns = [] }, spec) {
    // As in the samples: a prompt where there is nothing else to say, contents in its place where there is.
    const alone = turns.length === 0 && references.length === 0;
    const contents = [...turns, { role: "user", text: prompt, references } as const].map(turnWire);
    return {
      path: "/v1/images/generations",
      body: {
        model: spec.wireName,
        ...(alone ? { prompt } : { contents }),
        response_format: "b64_json",
      },
    };
  },

  decode(status, wire) {
    const answer = object(wire);
    const error = answer["error"] ?? undefined;
    const code = codeOf(answer["code"]) ?? codeOf(object(error)["code"]) ?? codeOf(object(error)["type"]);
    const said = text(answer["msg"]) ?? text(answer["message"]) ?? text(object(error)["message"]) ?? text(error);
    if (status !== 200 || error !== undefined || (code !== undefined && Number(code) !== 200))
      throw refusal("nebula", { status, code, said });
    // Clients also meet the list without its envelope.
    const items = [...list(answer["data"]), ...list(object(answer["data"])["data"])];
    const images = items.flatMap((item) => carrier(object(item)) ?? []);
    if (images.length > 0) return { images };
    throw withoutPicture("nebula", [], said);
  },
};

/** One part for the words, one for each picture, in the order of the samples. */
function turnWire({ role, text: words, references }: Turn): Wire {
  const pictures = references.map((reference) => ({
    image: "url" in reference ? reference.url : new Inline(reference.picture, `data:${reference.picture.type};base64,`),
  }));
  return { role, parts: [...(words === undefined ? [] : [{ text: words }]), ...pictures] };
}

function codeOf(value: unknown): number | string | undefined {
  return typeof value === "number" ? value : text(value);
}

/** Both fields are there, and the one that is not meant is empty; of two that are full, base64 needs no second call. */
function carrier(item: Record<string, unknown>): Carrier | undefined {
  const url = text(item["url"]);
  const index = hoistedIndex(text(item["b64_json"]) ?? "") ?? hoistedIndex(url ?? "");
  if (index !== undefined) return { hoisted: index };
  return url === undefined ? undefined : { url };
}
