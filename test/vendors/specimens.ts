import { type ErrorCode, STATUS } from "../../src/errors.ts";
import type { GenerationRecord } from "../../src/image/record.ts";
import type { Reference, StoredPicture } from "../../src/image/request.ts";
import type { ParsedRequest, Dialect } from "../../src/vendors/vendor.ts";
import { png, webp } from "../image/pictures.ts";
import { receive, type PictureStore } from "./over-the-wire.ts";

export const CODES = Object.keys(STATUS) as ErrorCode[];
/** The picture in every request that has one, and in every response. */
export const INLINE = png(20, 10);
/** The placeholders for base64 in the documents. */
const ELIDED_BASE64 = /<BASE64_ENCODED_IMAGE>|iVBORw0KGgoAA\w*\.\.\./g;

/** A request for tests in which its content does not matter. */
export const SAMPLE_REQUEST: ParsedRequest = {
  request: { model: "", prompt: "a cat", n: 2, references: [] },
  warnings: [],
};

/** A record with two pictures. */
export function sampleRecord(store: PictureStore): GenerationRecord {
  const images = [INLINE, webp.lossy(30, 20)].map((bytes, n) => ({
    ...store.put(bytes),
    url: `https://easel.example/images/id/${n}`,
  }));
  const times = { createdAt: "2026-11-20T00:00:00.000Z", finishedAt: "2026-11-20T00:00:01.000Z" };
  return {
    id: "id",
    status: "succeeded",
    dialect: "d",
    vendor: "v",
    model: "m",
    images,
    warnings: [],
    attempts: [],
    ...times,
  };
}

/** Create a reference from the name in a meaning: a URL, or `inline` for the first picture. */
export function referenceOf(url: string, pictures: readonly StoredPicture[]): Reference {
  const [picture] = pictures;
  return url === "inline" && picture !== undefined ? { picture } : { url };
}

/** A reference's name in a meaning. */
export function referenceName(reference: Reference): string {
  return "url" in reference ? reference.url : "inline";
}

/** A fixture as bytes, with the base64 that its document elides. */
export function bytesOf(fixture: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(fixture).replace(ELIDED_BASE64, INLINE.toBase64()));
}

/** Decode a fixture with a dialect. */
export function decodeFixture(dialect: Dialect, fixture: object, store: PictureStore): ParsedRequest {
  const { wire, pictures } = receive(bytesOf(fixture), store);
  return dialect.decode(wire, pictures, new Headers());
}
