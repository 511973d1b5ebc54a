import type { Reference } from "../../image/request.ts";
import { hoistedIndex, Inline, type Wire } from "../../image/wire.ts";
import { list, object, text } from "../loose.ts";
import { type Meaning, refusal, withoutPicture } from "../refusals.ts";
import type { Carrier, Provider } from "../vendor.ts";
import { models } from "./models.ts";

/** 错误响应: what this vendor's statuses mean where the usual meaning is another. */
const STATUSES: Readonly<Record<number, Meaning>> = {
  402: "model_not_found",
  406: "insufficient_credit",
  409: "content_rejected",
  // 接口调用异常
  503: "busy",
};

/** LinkAI as called: vendor-docs, "图像生成接口". */
export const provider: Provider = {
  name: "linkai",
  baseUrl: "https://api.link-ai.tech",
  models,

  encode(request, spec) {
    return {
      path: "/v1/images/generations",
      body: {
        model: spec.wireName,
        prompt: request.prompt,
        images: request.references.length === 0 ? undefined : request.references.map(referenceWire),
        size: request.size,
        aspect_ratio: request.aspectRatio,
        quality: request.quality,
        response_format: "url",
      },
    };
  },

  decode(status, wire) {
    const answer = object(wire);
    const error = answer["error"] ?? undefined;
    const { message, code, type } = object(error);
    const said = text(message) ?? text(answer["message"]) ?? text(error);
    if (status !== 200 || error !== undefined)
      throw refusal("linkai", {
        status,
        code: typeof code === "number" ? code : (text(code) ?? text(type)),
        said,
        own: STATUSES,
      });
    const images = list(answer["data"]).flatMap((item) => carrier(object(item)) ?? []);
    if (images.length > 0) return { images };
    throw withoutPicture("linkai", [], said);
  },
};

function referenceWire(reference: Reference): Wire {
  if ("url" in reference) return reference.url;
  return new Inline(reference.picture, `data:${reference.picture.type};base64,`);
}

/** The document promises `url`; the vendor's own client also reads `b64_json`. */
function carrier(item: Record<string, unknown>): Carrier | undefined {
  const url = text(item["url"]);
  const index = hoistedIndex(text(item["b64_json"]) ?? url ?? "");
  if (index !== undefined) return { hoisted: index };
  return url === undefined ? undefined : { url };
}
