import { type ErrorCode, GatewayError } from "../../errors.ts";
import { canonicalModel } from "../../image/catalog.ts";
import { fit } from "../../image/fit.ts";
import type { ImageRequest } from "../../image/request.ts";
import { canonicalTier, parsePixels } from "../../image/size.ts";
import type { Dialect } from "../vendor.ts";
import { parseWire, readReference, unknownFields } from "../wire.ts";
import { models } from "./models.ts";
import { AUTO_RATIOS, FIELDS, requestWire } from "./wire.ts";

/** The documented statuses; 429 is not among them but says best what happened at our own door. */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  payload_too_large: 400,
  idempotency_conflict: 400,
  unauthorized: 401,
  forbidden: 402,
  model_not_found: 402,
  insufficient_credit: 406,
  content_rejected: 409,
  rate_limited: 429,
  vendor_error: 503,
  vendor_timeout: 503,
  no_image: 503,
  internal: 503,
};

const TYPES: Partial<Record<ErrorCode, string>> = {
  unauthorized: "authentication_error",
  insufficient_credit: "insufficient_quota",
  content_rejected: "content_policy_violation",
  rate_limited: "rate_limit_error",
  vendor_error: "server_error",
  vendor_timeout: "server_error",
  no_image: "server_error",
  internal: "server_error",
};

/** LinkAI as served: vendor-docs, "图像生成接口". Pictures are answered as our own durable URLs. */
export const dialect: Dialect = {
  name: "linkai",
  paths: [],
  nestedPaths: ["/v1/images/generations"],
  fields: { aspectRatio: "aspect_ratio", references: "images", width: "size", height: "size" },

  decode(wire, pictures) {
    const asked = parseWire(requestWire, wire);
    const warnings = unknownFields(wire as object, FIELDS);
    const own = models[canonicalModel(asked.model) ?? ""];
    const pixels = asked.size ? parsePixels(asked.size) : undefined;
    const size = asked.size && !pixels ? canonicalTier(asked.size) : undefined;
    if (asked.size && !pixels && size === undefined) {
      throw new GatewayError("invalid_request", `size must be one of ${(own?.sizes.length ? own.sizes : ["1K", "2K", "3K", "4K"]).join(", ")}.`, { field: "size" });
    }
    const ratio = asked.aspect_ratio && !AUTO_RATIOS.includes(asked.aspect_ratio) ? asked.aspect_ratio : undefined;
    const request: ImageRequest = {
      model: asked.model,
      prompt: asked.prompt,
      n: 1,
      size: size ?? (pixels ? undefined : own?.defaultSize),
      aspectRatio: ratio ?? (pixels || asked.aspect_ratio ? undefined : own?.defaultRatio),
      ...pixels,
      quality: asked.quality ?? undefined,
      references: (asked.images ?? []).map((image, index) => readReference(image, pictures, `images[${index}]`, ["https", "http"])),
    };
    if (own === undefined) return { request, warnings };
    // The document's own table holds whoever draws, and fields the model does not know are dropped, as it says.
    const fitted = fit(request, own);
    return { request: fitted.request, warnings: [...warnings, ...fitted.warnings] };
  },

  encode(record) {
    return { data: record.images.map((image) => ({ url: image.url })) };
  },

  fail(error) {
    return { status: STATUS[error.code], body: { error: { message: error.message, type: TYPES[error.code] ?? "invalid_request_error" } } };
  },
};
