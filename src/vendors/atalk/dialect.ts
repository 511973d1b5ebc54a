import { type ErrorCode, type GatewayError, STATUS } from "../../errors.ts";
import { totalCost } from "../../image/model-spec.ts";
import type { GenerationRecord } from "../../image/record.ts";
import { InlineImage } from "../../image/wire.ts";
import type { Dialect } from "../vendor.ts";
import { decode } from "./dialect-request.ts";
import { INPUT_IMAGES } from "./wire.ts";

/** The document's one sentence for keys, whatever is wrong with one. */
const KEY_WORDS: Partial<Record<ErrorCode, string>> = { unauthorized: "API key is invalid or expired" };

/** atalk (海鲸AI) as served: vendor-docs, "图片生成 API". */
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
    // Flux 等 by URL, Gemini 等 in base64: what a client's code expects hangs on the model that it asked for.
    const isInline = /gemini|nano-banana/i.test(request.model);
    return {
      code: 0,
      data: record.images.map((image) =>
        isInline
          ? { type: "base64", image: new InlineImage(image), mimeType: image.type, revised_prompt: null }
          : { type: "url", image: image.url, mimeType: null, revised_prompt: null },
      ),
      model: record.model,
      // As in the samples, the family: flux, gemini.
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

/** 单位:人民币元. What is charged in another currency, if only in part, cannot be told here. */
function costInYuan({ attempts }: GenerationRecord): number | undefined {
  const [cost, ...others] = totalCost(attempts.flatMap(({ cost }) => cost ?? [])) ?? [];
  return cost?.currency === "CNY" && others.length === 0 ? cost.amount : undefined;
}

/**
 * No status is documented, so the usual ones; of the server's the two that the sample's 错误重试 knows: 503 for what may be
 * asked again, 500 for what may have been charged.
 */
function statusOf({ code, retryable }: GatewayError): number {
  if (STATUS[code] < 500) return STATUS[code];
  return retryable ? 503 : 500;
}
