import type { StoredPicture } from "../image/request.ts";
import { awaitRecord, isUnfinished } from "../store/records.ts";
import type { AppContext } from "./context.ts";
import { allowAnyOrigin } from "./cors.ts";
import { etagOf, etagMatches, parseRange } from "./conditional.ts";
import { notFound } from "./error-response.ts";
import { presentRecord } from "./generations.ts";
import { isPending } from "../store/jobs.ts";
import { pictureKeys } from "../store/pictures.ts";
import { isId } from "../store/ids.ts";

/** Headers that keep browsers from treating a stored picture as anything else. */
const SAFE_HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
};

const FOREVER = "public, max-age=31536000, immutable";
const PICTURE_NUMBER = /^(0|[1-9]\d?)(?:\.(?:png|jpe?g|webp|gif|avif|heic))?$/;

/** Serve `GET /images/{id}/{n}`: picture n of a generation. The URL is enough to view it; an extension may follow. */
export async function servePicture(c: AppContext): Promise<Response> {
  allowAnyOrigin(c);
  const n = PICTURE_NUMBER.exec(c.req.param("n") ?? "")?.[1];
  const record = n === undefined ? null : await awaitRecord(c.env.BUCKET, c.req.param("id") ?? "");
  const picture = record?.images[Number(n)];
  // The config is not read before this line: an invalid var must not make stored pictures unavailable.
  if (picture !== undefined) return sendPicture(c, picture);
  const unfinished = record !== null && isUnfinished(presentRecord(c, record));
  if (unfinished) c.header("retry-after", "1");
  return notFound(c, unfinished ? "This picture is still being drawn." : "There is no such picture.");
}

/** Send a picture in response to a POST: always the whole object. */
export async function sendWholePicture(c: AppContext, picture: StoredPicture): Promise<Response> {
  return sendFromBucket(c, picture, { offset: 0, length: picture.bytes }, 200);
}

/** Send a picture in response to a GET: the whole object, a range, or 304 if the client has it already. */
export async function sendPicture(c: AppContext, picture: StoredPicture, cacheControl = FOREVER): Promise<Response> {
  // A key is written once, so it identifies the bytes as well as their hash would. It is hashed because a viewer with a
  // signed URL that can expire must not learn it.
  const etag = etagOf(picture.key);
  const notModified = etagMatches(c.req.header("if-none-match"), etag);
  const sameAsBefore = (c.req.header("if-range") ?? etag) === etag;
  // Range is defined for GET only (RFC 9110 14.2).
  const range = c.req.method === "GET" && sameAsBefore ? parseRange(c.req.header("range"), picture.bytes) : undefined;
  if (!notModified && range === "unsatisfiable") {
    c.header("content-range", `bytes */${picture.bytes}`);
    c.header("cache-control", "no-store");
    return c.body(null, 416);
  }
  c.header("etag", etag);
  c.header("accept-ranges", "bytes");
  c.header("cache-control", cacheControl);
  if (notModified || range === "unsatisfiable") return c.body(null, 304);
  if (range === undefined) return sendWholePicture(c, picture);
  c.header("content-range", `bytes ${range.offset}-${range.offset + range.length - 1}/${picture.bytes}`);
  return sendFromBucket(c, picture, range, 206);
}

async function sendFromBucket(
  c: AppContext,
  picture: StoredPicture,
  range: { offset: number; length: number },
  status: 200 | 206,
): Promise<Response> {
  const object = await c.env.BUCKET.get(picture.key, { range });
  if (object === null) {
    for (const name of ["etag", "accept-ranges", "content-range"]) c.header(name, undefined);
    return notFound(c, "There is no such picture any more.");
  }
  return sendObject(c, object, picture.type, range.length, status);
}

/** Send this many bytes of an object as a picture of this type; no body for HEAD. */
function sendObject(
  c: AppContext,
  { body }: R2ObjectBody,
  type: string | undefined,
  bytes: number,
  status: 200 | 206 = 200,
): Response {
  for (const [name, value] of Object.entries(SAFE_HEADERS)) c.header(name, value);
  c.header("content-type", type);
  c.header("content-length", String(bytes));
  if (c.req.method !== "HEAD") return c.body(body, status);
  void body.cancel();
  return c.body(null, status);
}

/** Counted from the upload; a vendor fetches a reference at once. A job may wait longer, and is pending then. */
const REFERENCE_OPEN_MS = 15 * 60_000;

/**
 * Serve `GET /references/{folder}/{n}`: a reference picture while its generation runs, for the vendor that got its URL.
 */
export async function serveReference(c: AppContext): Promise<Response> {
  const { folder = "", n = "" } = c.req.param();
  const isValid = isId(folder) && /^(?:0|[1-9]\d?)$/.test(n);
  const object = isValid ? await c.env.BUCKET.get(pictureKeys.reference(folder, Number(n))) : null;
  if (object === null || !(await isReferenceOpen(c.env.BUCKET, object))) {
    void object?.body.cancel();
    return notFound(c, "There is no such picture, or not any more.");
  }
  c.header("cache-control", "no-store");
  return sendObject(c, object, object.httpMetadata?.contentType, object.size);
}

async function isReferenceOpen(bucket: R2Bucket, { uploaded, customMetadata = {} }: R2Object): Promise<boolean> {
  if (Date.now() - uploaded.getTime() <= REFERENCE_OPEN_MS) return true;
  return isPending(bucket, customMetadata["generation"] ?? "");
}
