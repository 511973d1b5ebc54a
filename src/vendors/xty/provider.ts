import { writeReference } from "../reference-fields.ts";
import { vendorError, noImageError } from "../vendor-errors.ts";
import type { Provider } from "../vendor.ts";
import { readAnswer, readError } from "./provider-response.ts";
import { models } from "./models.ts";

/** The format of xty as the gateway calls it. Source: vendor-docs, "图像API接口". */
export const provider: Provider = {
  name: "xty",
  baseUrl: "https://api.xty.app",
  models,

  encode({ prompt, references, n, aspectRatio, size }, spec) {
    const config = { aspect_ratio: aspectRatio, image_size: size };
    const hasConfig = aspectRatio !== undefined || size !== undefined;
    const pictures = references.map((reference) => ({
      type: "image_url",
      image_url: { url: writeReference(reference) },
    }));
    return {
      path: "/v1/chat/completions",
      body: {
        model: spec.wireName,
        messages: [
          { role: "user", content: pictures.length === 0 ? prompt : [{ type: "text", text: prompt }, ...pictures] },
        ],
        n: n > 1 ? n : undefined,
        extra_body: hasConfig ? { google: { image_config: config } } : undefined,
      },
    };
  },

  decode(status, wire, _headers, { n }) {
    const error = readError(status, wire);
    if (error !== undefined) throw vendorError("xty", { status, ...error });
    const { images, text, usage, reasons } = readAnswer(wire, n);
    if (images.length === 0) throw noImageError("xty", reasons, text);
    return { images, text, usage };
  },
};
