import type { Reference } from "../../image/request.ts";
import { Inline, type Wire } from "../../image/wire.ts";
import { refusal, withoutPicture } from "../refusals.ts";
import type { Provider } from "../vendor.ts";
import { readAnswer, refusedBy } from "./answer.ts";
import { models } from "./models.ts";

/** xty as called: vendor-docs, "图像API接口". */
export const provider: Provider = {
  name: "xty",
  baseUrl: "https://api.xty.app",
  models,

  encode({ prompt, references, n, aspectRatio, size }, spec) {
    const config = { aspect_ratio: aspectRatio, image_size: size };
    const isAsked = aspectRatio !== undefined || size !== undefined;
    const parts = [{ type: "text", text: prompt }, ...references.map(part)];
    return {
      path: "/v1/chat/completions",
      body: {
        model: spec.wireName,
        messages: [{ role: "user", content: references.length === 0 ? prompt : parts }],
        n: n > 1 ? n : undefined,
        extra_body: isAsked ? { google: { image_config: config } } : undefined,
      },
    };
  },

  decode(status, wire, _headers, { n }) {
    const refused = refusedBy(status, wire);
    if (refused !== undefined) throw refusal("xty", { status, ...refused });
    const { images, text, usage, reasons } = readAnswer(wire, n);
    if (images.length === 0) throw withoutPicture("xty", reasons, text);
    return { images, text, usage };
  },
};

function part(reference: Reference): Wire {
  const url =
    "url" in reference ? reference.url : new Inline(reference.picture, `data:${reference.picture.type};base64,`);
  return { type: "image_url", image_url: { url } };
}
