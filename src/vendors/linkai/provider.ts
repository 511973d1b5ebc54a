import { type ErrorCode, GatewayError } from "../../errors.ts";
import type { Reference } from "../../image/request.ts";
import { type Carrier, hoistedIndex, Inline, type Provider, type Wire } from "../vendor.ts";
import { list, record, text } from "../wire.ts";
import { models } from "./models.ts";

/** Documented statuses; 401 is about the operator's key, so to the caller it is the vendor's side that failed. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_request",
  402: "model_not_found",
  406: "insufficient_credit",
  409: "content_rejected",
  429: "rate_limited",
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
        model: spec.wire,
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
    const answer = record(wire);
    const error = record(answer["error"]);
    const said = text(error["message"]) ?? text(answer["message"]) ?? text(answer["error"]);
    if (status !== 200 || answer["error"] !== undefined) {
      throw new GatewayError(CODES[status] ?? "vendor_error", `linkai: ${said ?? `status ${status}`}`, {
        vendorStatus: status,
        retryable: status === 429 || status >= 500,
      });
    }
    const images = list(answer["data"]).flatMap((item) => carrier(record(item)) ?? []);
    if (images.length === 0) throw new GatewayError("no_image", `linkai answered without a picture${said === undefined ? "" : ` (${said})`}.`, { retryable: true });
    return { images };
  },
};

function referenceWire(reference: Reference): Wire {
  return "picture" in reference ? new Inline(reference.picture, `data:${reference.picture.type};base64,`) : reference.url;
}

/** The documents promise `url`; the vendor's own client also reads `b64_json`. */
function carrier(item: Record<string, unknown>): Carrier | undefined {
  const inline = text(item["b64_json"]) ?? text(item["url"]);
  const index = inline === undefined ? undefined : hoistedIndex(inline);
  if (index !== undefined) return { hoisted: index };
  const url = text(item["url"]);
  return url === undefined ? undefined : { url };
}
