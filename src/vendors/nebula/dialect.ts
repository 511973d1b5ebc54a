import type { ErrorCode } from "../../errors.ts";
import { type ImageRequest, type Reference, type StoredPicture, TIERS } from "../../image/request.ts";
import { parseRatio } from "../../image/size.ts";
import { InlineImage } from "../../image/wire.ts";
import { readContents } from "../contents.ts";
import { readReferences } from "../reference-fields.ts";
import { parseWire, readSize, unknownFields } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { requestWire } from "./wire.ts";

/** The vendor's statuses are 400, 401, 429 and 500. Clients retry 429 and 500, so insufficient credit is neither. */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  payload_too_large: 400,
  idempotency_conflict: 400,
  model_not_found: 400,
  insufficient_credit: 400,
  content_rejected: 400,
  unauthorized: 401,
  forbidden: 401,
  rate_limited: 429,
  vendor_error: 500,
  vendor_timeout: 500,
  no_image: 500,
  internal: 500,
};

/**
 * The format of ai-nebula as the gateway serves it. Source: vendor-docs, "图片生成". The document sets no limits, so only
 * those of the vendor that serves the request apply.
 */
export const dialect: Dialect = {
  name: "nebula",
  paths: ["/v1/images/generations"],
  prefixedOnly: true,
  fields: {
    aspectRatio: "size",
    width: "size",
    height: "size",
    references: "contents[].parts[].image",
    turns: "contents",
  },

  decode(wire, pictures) {
    const parsed = parseWire(requestWire, wire);
    const { prompt, references, turns, fields } = readContents(
      parsed.contents ?? [],
      pictures,
      "contents",
      parsed.prompt,
    );
    const imageFields = [
      ...readOneOrMore("image", parsed.image, pictures),
      ...readOneOrMore("images", parsed.images, pictures),
    ];
    return {
      request: {
        model: parsed.model,
        prompt,
        n: parsed.n ?? 1,
        ...readShape(parsed.size),
        references: [...references, ...imageFields],
        turns,
      },
      warnings: unknownFields(requestWire, wire),
      fields,
      responseFormat: parsed.response_format === "b64_json" ? "base64" : "url",
    };
  },

  encode(record, { responseFormat }) {
    const data = record.images.map((image) => ({
      url: responseFormat === "base64" ? "" : image.url,
      b64_json: responseFormat === "base64" ? new InlineImage(image) : "",
      revised_prompt: "",
    }));
    return envelope(200, "操作成功", { data, created: Math.floor(Date.parse(record.createdAt) / 1000) });
  },

  encodeError(error) {
    const status = STATUS[error.code];
    return { status, body: envelope(status, error.message, null) };
  },
};

/** The envelope of every response. */
function envelope<T>(code: number, msg: string, data: T) {
  return { code, msg, data };
}

/** Read the references of a field that holds one picture or a list. */
function readOneOrMore(
  field: string,
  value: string | string[] | undefined,
  pictures: readonly StoredPicture[],
): Reference[] {
  return readReferences(value === undefined ? [] : [value].flat(), pictures, field);
}

/** Read `size` as the vendor's other pages define it: a ratio such as `16:9`, or pixels, which mean their ratio. */
function readShape(size: string | undefined): Pick<ImageRequest, "size" | "aspectRatio" | "width" | "height"> {
  if (size !== undefined && parseRatio(size) !== undefined) return { aspectRatio: size };
  return readSize(size, ["a ratio as in 16:9", ...TIERS]);
}
