import { imageSourceIn, asCode, asList, asObject, errorMessageIn } from "../response-fields.ts";
import { writeReference } from "../reference-fields.ts";
import { type VendorErrorKind, vendorError, noImageError } from "../vendor-errors.ts";
import type { Provider } from "../vendor.ts";
import { models } from "./models.ts";

/** 错误响应: statuses whose meaning at this vendor differs from the usual one. */
const STATUSES: Readonly<Record<number, VendorErrorKind>> = {
  402: "model_not_found",
  406: "insufficient_credit",
  409: "content_rejected",
  // 接口调用异常
  503: "busy",
};

/** LinkAI's format as the gateway calls it. Source: vendor-docs, "图像生成接口". */
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
        images: request.references.length === 0 ? undefined : request.references.map(writeReference),
        size: request.size,
        aspect_ratio: request.aspectRatio,
        quality: request.quality,
        response_format: "url",
      },
    };
  },

  decode(status, wire) {
    const answer = asObject(wire);
    const error = answer["error"] ?? undefined;
    const { code: errorCode, type } = asObject(error);
    const message = errorMessageIn(answer);
    if (status !== 200 || error !== undefined)
      throw vendorError("linkai", {
        status,
        code: asCode(errorCode) ?? asCode(type),
        message,
        kinds: STATUSES,
      });
    // The document promises `url`; the vendor's own client also reads `b64_json`.
    const images = asList(answer["data"]).flatMap((item) => imageSourceIn(item) ?? []);
    if (images.length > 0) return { images };
    throw noImageError("linkai", [], message);
  },
};
