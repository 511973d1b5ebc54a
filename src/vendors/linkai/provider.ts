import { type ErrorCode, GatewayError } from "../../errors.ts";
import type { Reference } from "../../image/request.ts";
import { hoistedIndex, Inline, type Wire } from "../../image/wire.ts";
import { list, object, text } from "../loose.ts";
import type { Carrier, Provider } from "../vendor.ts";
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
    const failed = status !== 200 || (answer["error"] ?? undefined) !== undefined;
    const said = text(object(answer["error"])["message"]) ?? text(answer["message"]) ?? text(answer["error"]);
    if (failed) {
      // To the caller, whose own key is fine, a refused key is a fault of the vendor's side.
      const who = status === 401 ? "linkai refused the gateway's own key" : "linkai";
      throw new GatewayError(CODES[status] ?? "vendor_error", `${who}: ${said ?? `status ${status}`}`, {
        vendorStatus: status,
        // The document's own "call failed"; any other 5xx is a proxy's, behind which the picture may be drawn all the same.
        retryable: status === 429 || status === 503,
      });
    }
    const images = list(answer["data"]).flatMap((item) => carrier(object(item)) ?? []);
    if (images.length > 0) return { images };
    const why = said === undefined ? "" : ` (${said})`;
    throw new GatewayError("no_image", `linkai answered without a picture${why}.`, { vendorStatus: status });
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
