import { type ErrorCode, type GatewayError, STATUS } from "../../errors.ts";
import { totalCost } from "../../image/model-spec.ts";
import type { GenerationRecord } from "../../image/record.ts";
import { InlineImage } from "../../image/wire.ts";
import type { Dialect } from "../vendor.ts";
import { decode } from "./dialect-request.ts";
import { INPUT_IMAGES } from "./wire.ts";

/** The document's one sentence for every problem with an API key. */
const KEY_WORDS: Partial<Record<ErrorCode, string>> = { unauthorized: "API key is invalid or expired" };

/** The format of atalk (海鲸AI) as the gateway serves it. Source: vendor-docs, "图片生成 API". */
export const dialect: Dialect = {
  name: "atalk",
  paths: ["/images/generate"],
  fields: {
    aspectRatio: "aspect_ratio",
    outputFormat: "output_format",
    ...Object.fromEntries(INPUT_IMAGES.map((name, index) => [`references[${index}]`, name])),
    references: "input_image",
  },

  decode,

  encode(record, { request }) {
    // Flux 等 by URL, Gemini 等 in base64: a client's code expects the form that belongs to the requested model.
    const isInline = /gemini|nano-banana/i.test(request.model);
    return {
      code: 0,
      data: record.images.map((image) =>
        isInline
          ? { type: "base64", image: new InlineImage(image), mimeType: image.type, revised_prompt: null }
          : { type: "url", image: image.url, mimeType: null, revised_prompt: null },
      ),
      model: record.model,
      // The model's family, as in the samples: flux, gemini.
      provider: record.model.split("-", 1)[0],
      usage: {
        cost: costInYuan(record),
        images_generated: record.images.length,
        images_failed: Math.max(0, request.n - record.images.length),
      },
    };
  },

  encodeError(error) {
    return { status: statusOf(error), body: { code: -1, msg: KEY_WORDS[error.code] ?? error.message } };
  },
};

/** The cost in 人民币元; undefined if any part of it is in another currency, which this format cannot express. */
function costInYuan({ attempts }: GenerationRecord): number | undefined {
  const [cost, ...others] = totalCost(attempts.flatMap(({ cost }) => cost ?? [])) ?? [];
  return cost?.currency === "CNY" && others.length === 0 ? cost.amount : undefined;
}

/**
 * Return the HTTP status of an error. The document has no statuses, so 4xx are the usual ones; of 5xx only the two that
 * the sample's 错误重试 knows: 503 if the request may be retried, 500 if it may have been charged.
 */
function statusOf({ code, retryable }: GatewayError): number {
  if (STATUS[code] < 500) return STATUS[code];
  return retryable ? 503 : 500;
}
