import { type ErrorCode, GatewayError, STATUS } from "../../errors.ts";
import { canonicalTier, parsePixels } from "../../image/size.ts";
import { type Asked, type Dialect, type Failure, Inline } from "../vendor.ts";
import { parseWire, readReference, unknownFields } from "../wire.ts";
import { DEFAULT_MODEL, FIELDS, requestWire } from "./wire.ts";

/** Its SDKs retry 408, 409, 429 and every 5xx, so moderation and an empty account are answered with neither. */
const STATUSES: Record<ErrorCode, number> = { ...STATUS, content_rejected: 400 };

const CODES: Partial<Record<ErrorCode, [type: string, code: string]>> = {
  unauthorized: ["invalid_request_error", "invalid_api_key"],
  model_not_found: ["invalid_request_error", "model_not_found"],
  insufficient_credit: ["insufficient_quota", "insufficient_quota"],
  content_rejected: ["image_generation_user_error", "moderation_blocked"],
  rate_limited: ["requests", "rate_limit_exceeded"],
  vendor_error: ["server_error", "vendor_error"],
  vendor_timeout: ["server_error", "vendor_timeout"],
  no_image: ["server_error", "no_image"],
  internal: ["server_error", "internal"],
};

/** OpenAI's images API as served; also takes the extra fields of the vendors that share its path. */
export const dialect: Dialect = {
  name: "openai",
  paths: ["/v1/images/generations"],
  fields: { aspectRatio: "aspect_ratio", references: "images", width: "size", height: "size", outputFormat: "output_format" },

  decode(wire, pictures) {
    const asked = parseWire(requestWire, wire);
    const model = asked.model ?? DEFAULT_MODEL;
    return {
      request: {
        model,
        prompt: asked.prompt,
        n: asked.n ?? 1,
        ...readSize(asked.size),
        aspectRatio: asked.aspect_ratio && asked.aspect_ratio !== "auto" ? asked.aspect_ratio : undefined,
        seed: asked.seed ?? undefined,
        quality: asked.quality && asked.quality !== "auto" ? asked.quality : undefined,
        outputFormat: asked.output_format ?? undefined,
        references: (asked.images ?? []).map((image, index) => readReference(image, pictures, `images[${index}]`, ["https", "http"])),
      },
      warnings: unknownFields(wire as object, FIELDS),
      as: asked.response_format === "url" || (!asked.response_format && !isGptImage(model)) ? "url" : "base64",
    };
  },

  encode(record, asked) {
    return {
      created: Math.floor(Date.parse(record.createdAt) / 1000),
      data: record.images.map((image) => (asked.as === "base64" ? { b64_json: new Inline(image) } : { url: image.url })),
    };
  },

  fail(error) {
    const [type, code] = CODES[error.code] ?? ["invalid_request_error", null];
    const failure: Failure = {
      status: STATUSES[error.code],
      body: { error: { message: error.message, type, param: error.field ?? null, code } },
    };
    // A second try might be a second charge.
    if (!error.retryable && failure.status >= 500) failure.headers = { "x-should-retry": "false" };
    return failure;
  },
};

/** OpenAI's own gpt-image models always answer base64. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}

function readSize(size: string | null | undefined): Pick<Asked["request"], "size" | "width" | "height"> {
  if (!size || size === "auto") return {};
  const tier = canonicalTier(size);
  if (tier !== undefined) return { size: tier };
  const pixels = parsePixels(size);
  if (pixels !== undefined) return { width: pixels.width, height: pixels.height };
  throw new GatewayError("invalid_request", "size must be auto, pixels as in 1024x1024, or one of 512, 1K, 2K, 3K, 4K.", { field: "size" });
}
