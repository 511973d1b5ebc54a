import type { ErrorCode } from "../../errors.ts";
import { type ImageRequest, TIERS } from "../../image/request.ts";
import { parsePixels } from "../../image/size.ts";
import { readReferences } from "../reference-fields.ts";
import { fitToDocument, parseWire, readSize, documentedSpec, unknownFields } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { models } from "./models.ts";
import { AUTO_RATIOS, requestWire } from "./wire.ts";

const SCHEMES = ["https", "http"];
const TABLE = { vendor: "linkai", models };

/** The documented statuses, and 429, which is not documented but fits the gateway's own rate limits best. */
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

/** The document shows invalid_request_error only; the other types are those that clients of the same format know. */
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

/** LinkAI's format as the gateway serves it. Source: vendor-docs, "图像生成接口". Pictures are the gateway's durable URLs. */
export const dialect: Dialect = {
  name: "linkai",
  paths: ["/v1/images/generations"],
  prefixedOnly: true,
  fields: { aspectRatio: "aspect_ratio", references: "images", width: "size", height: "size" },

  decode(wire, pictures) {
    const parsed = parseWire(requestWire, wire);
    const warnings = unknownFields(requestWire, wire);
    const spec = documentedSpec(TABLE, parsed.model);
    let { size } = parsed;
    // 模型不支持的字段会被自动忽略: unsupported fields are ignored, whatever their value; pixels still give a ratio.
    if (size !== undefined && spec?.sizes.length === 0 && parsePixels(size) === undefined) {
      warnings.push(`size was ignored: ${parsed.model} does not take it`);
      size = undefined;
    }
    const request: ImageRequest = {
      model: parsed.model,
      prompt: parsed.prompt,
      n: 1,
      ...readSize(size, spec?.sizes ?? TIERS),
      aspectRatio: AUTO_RATIOS.includes(parsed.aspect_ratio ?? "") ? undefined : parsed.aspect_ratio,
      quality: parsed.quality,
      references: [
        ...readReferences(parsed.images ?? [], pictures, "images", SCHEMES),
        ...readReferences([parsed.image_url ?? []].flat(), pictures, "image_url", SCHEMES),
      ],
    };
    const defaulted: ("size" | "aspectRatio")[] = [];
    if (request.width === undefined) {
      if (request.size === undefined) defaulted.push("size");
      if (parsed.aspect_ratio === undefined) defaulted.push("aspectRatio");
      request.size ??= spec?.defaultSize;
      if (parsed.aspect_ratio === undefined) request.aspectRatio = spec?.defaultRatio;
    }
    const fitted = fitToDocument(TABLE, request);
    return { request: fitted.request, warnings: [...warnings, ...fitted.warnings], defaulted };
  },

  encode(record) {
    return { data: record.images.map((image) => ({ url: image.url })) };
  },

  encodeError(error) {
    const type = TYPES[error.code] ?? "invalid_request_error";
    return { status: STATUS[error.code], body: { error: { message: error.message, type } } };
  },
};
