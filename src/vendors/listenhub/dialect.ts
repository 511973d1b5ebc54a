import { type ErrorCode, GatewayError } from "../../errors.ts";
import type { ImageRequest, Reference, StoredPicture } from "../../image/request.ts";
import { InlineImage } from "../../image/wire.ts";
import { readPicture, readUrl } from "../reference-fields.ts";
import { fitToDocument, parseWire, unknownFields } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { models } from "./models.ts";
import { CODES, DEFAULT_MODEL, DEFAULT_SIZE, imageConfigWire, type ReferenceWire, requestWire } from "./wire.ts";

const TABLE = { vendor: "listenhub", models };

/** The documented statuses are 400, 402, 429 and 500; the vendor's SDK also knows 401 for an invalid key. */
const FAILURES: Record<ErrorCode, [status: number, code: number]> = {
  invalid_request: [400, CODES.parameters],
  model_not_found: [400, CODES.parameters],
  content_rejected: [400, CODES.parameters],
  payload_too_large: [400, CODES.parameters],
  idempotency_conflict: [400, CODES.parameters],
  unauthorized: [401, CODES.key],
  forbidden: [401, CODES.key],
  insufficient_credit: [402, CODES.credit],
  rate_limited: [429, CODES.rate],
  vendor_error: [500, 500],
  vendor_timeout: [500, 500],
  no_image: [500, 500],
  internal: [500, 500],
};

/** ListenHub's format as the gateway serves it. Source: vendor-docs, "AI 生图". */
export const dialect: Dialect = {
  name: "listenhub",
  paths: ["/openapi/v1/images/generation", "/v1/images/generation"],
  fields: { size: "imageConfig.imageSize", aspectRatio: "imageConfig.aspectRatio", references: "referenceImages" },

  decode(wire, pictures) {
    const parsed = parseWire(requestWire, wire);
    const images = parsed.referenceImages ?? [];
    const request: ImageRequest = {
      model: parsed.model ?? DEFAULT_MODEL,
      prompt: parsed.prompt,
      n: 1,
      size: parsed.imageConfig?.imageSize ?? DEFAULT_SIZE,
      aspectRatio: parsed.imageConfig?.aspectRatio,
      references: images.map((image, index) => readReferenceWire(image, index, pictures)),
    };
    const warnings = [
      ...images.flatMap((image, index) => typeWarnings(image, index, request.references)),
      ...unknownFields(requestWire, wire),
      ...unknownFields(imageConfigWire, (wire as { imageConfig?: unknown }).imageConfig, "imageConfig."),
    ];
    const fitted = fitToDocument(TABLE, request);
    return {
      request: fitted.request,
      warnings: [...warnings, ...fitted.warnings],
      defaulted: parsed.imageConfig?.imageSize === undefined ? ["size"] : [],
    };
  },

  encode(record) {
    return {
      candidates: [
        {
          content: {
            parts: record.images.map((image) => ({
              inlineData: { mimeType: image.type, data: new InlineImage(image) },
            })),
          },
        },
      ],
    };
  },

  encodeError(error, requestId) {
    const [status, code] = FAILURES[error.code];
    return { status, body: { code, message: error.message, request_id: requestId } };
  },
};

/** Warn about each declared type that is wrong. The vendor rejects such a picture, so it gets the real type. */
function typeWarnings({ inlineData }: ReferenceWire, index: number, references: readonly Reference[]): string[] {
  const reference = references[index];
  if (!inlineData || reference === undefined || !("picture" in reference)) return [];
  const { type } = reference.picture;
  return type === inlineData.mimeType ? [] : [`referenceImages[${index}].inlineData.mimeType was corrected to ${type}`];
}

function readReferenceWire(
  { fileData, inlineData }: ReferenceWire,
  index: number,
  pictures: StoredPicture[],
): Reference {
  const field = `referenceImages[${index}]`;
  if (fileData && !inlineData)
    return readUrl(fileData.fileUri, `${field}.fileData.fileUri`, ["http", "https", "gs"], fileData.mimeType);
  if (inlineData && !fileData) return readPicture(inlineData.data, pictures, `${field}.inlineData.data`);
  throw new GatewayError("invalid_request", `${field} must have exactly one of fileData and inlineData.`, { field });
}
