import { type ErrorCode, GatewayError } from "../../errors.ts";
import { fit } from "../../image/fit.ts";
import type { ImageRequest, Reference, StoredPicture } from "../../image/request.ts";
import { type Dialect, Inline } from "../vendor.ts";
import { parseWire, readReference, specOf, unknownFields } from "../wire.ts";
import { models } from "./models.ts";
import { CODES, DEFAULT_MODEL, DEFAULT_SIZE, requestWire } from "./wire.ts";

/** The documented statuses are 400, 402, 429 and 500; 401 is what its SDK knows for a wrong key. */
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

/** ListenHub as served: vendor-docs, "AI 生图". */
export const dialect: Dialect = {
  name: "listenhub",
  paths: ["/openapi/v1/images/generation", "/v1/images/generation"],
  fields: { size: "imageConfig.imageSize", aspectRatio: "imageConfig.aspectRatio", references: "referenceImages" },

  decode(wire, pictures) {
    const asked = parseWire(requestWire, wire);
    const model = asked.model ?? DEFAULT_MODEL;
    const request: ImageRequest = {
      model,
      prompt: asked.prompt,
      n: 1,
      size: asked.imageConfig?.imageSize ?? DEFAULT_SIZE,
      aspectRatio: asked.imageConfig?.aspectRatio,
      references: (asked.referenceImages ?? []).map((image, index) => reference(image, index, pictures)),
    };
    const warnings = [
      ...(asked.referenceImages ?? []).flatMap((image, index) => corrected(image, index, request.references)),
      ...unknownFields(wire, Object.keys(requestWire.shape)),
      ...unknownFields((wire as { imageConfig?: unknown }).imageConfig, ["imageSize", "aspectRatio"], "imageConfig."),
    ];
    // Refused as documented, although another vendor might draw it.
    const own = specOf(models, model);
    return { request: own === undefined ? request : fit(request, own).request, warnings };
  },

  encode(record) {
    return {
      candidates: [
        {
          content: {
            parts: record.images.map((image) => ({ inlineData: { mimeType: image.type, data: new Inline(image) } })),
          },
        },
      ],
    };
  },

  fail(error, requestId) {
    const [status, code] = FAILURES[error.code];
    return { status, body: { code, message: error.message, request_id: requestId } };
  },
};

/** The vendor refuses a picture that is not of the type it is said to be, so it is told the real one. */
function corrected({ inlineData }: ReferenceWire, index: number, references: readonly Reference[]): string[] {
  const reference = references[index];
  if (!inlineData || reference === undefined || !("picture" in reference)) return [];
  const { type } = reference.picture;
  return type === inlineData.mimeType ? [] : [`referenceImages[${index}].inlineData.mimeType was corrected to ${type}`];
}

interface ReferenceWire {
  fileData?: { fileUri: string; mimeType: string } | undefined;
  inlineData?: { data: string; mimeType: string } | undefined;
}

function reference({ fileData, inlineData }: ReferenceWire, index: number, pictures: StoredPicture[]): Reference {
  const field = `referenceImages[${index}]`;
  if (!fileData === !inlineData) {
    throw new GatewayError("invalid_request", `${field} must have exactly one of fileData and inlineData.`, { field });
  }
  if (fileData)
    return readReference(fileData.fileUri, [], `${field}.fileData.fileUri`, ["http", "https", "gs"], fileData.mimeType);
  return readReference(inlineData?.data ?? "", pictures, `${field}.inlineData.data`, []);
}
