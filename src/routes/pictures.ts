import type { StoredPicture } from "../image/request.ts";
import { getRecord } from "../store/records.ts";
import type { AppContext } from "./context.ts";
import { matches, rangeOf } from "./range.ts";

/** What keeps a stored picture a picture and nothing else, wherever it is opened. */
const SAFE = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
  "access-control-allow-origin": "*",
};

/** `GET /images/{id}/{n}`: picture n of a generation, for whoever has the URL; an extension may follow. */
export async function servePicture(c: AppContext): Promise<Response> {
  const n = /^(\d{1,3})(?:\.[a-z]{3,4})?$/.exec(c.req.param("n") ?? "")?.[1];
  const record = n === undefined ? null : await getRecord(c.env.BUCKET, c.req.param("id") ?? "");
  const picture = record?.images[Number(n)];
  if (picture !== undefined) {
    c.header("cache-control", "public, max-age=31536000, immutable");
    return sendPicture(c, picture);
  }
  const running = record?.status === "running";
  if (running) c.header("retry-after", "1");
  c.header("cache-control", "no-store");
  return c.json({ error: { code: "not_found", message: running ? "This picture is still being drawn." : "There is no such picture." } }, 404);
}

/** A picture as an HTTP answer: whole, a range of it, or not at all where the client has it already. */
export async function sendPicture(c: AppContext, picture: StoredPicture): Promise<Response> {
  // A key is never written twice, so it names the bytes as well as a hash of them would.
  const etag = `"${picture.key.replaceAll("/", "-")}"`;
  for (const [name, value] of Object.entries(SAFE)) c.header(name, value);
  c.header("etag", etag);
  c.header("accept-ranges", "bytes");
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304);
  const sameAsBefore = (c.req.header("if-range") ?? etag) === etag;
  const range = sameAsBefore ? rangeOf(c.req.header("range"), picture.bytes) : undefined;
  if (range === "unsatisfiable") {
    c.header("content-range", `bytes */${picture.bytes}`);
    return c.body(null, 416);
  }
  c.header("content-type", picture.type);
  c.header("content-length", String(range?.length ?? picture.bytes));
  if (range !== undefined) c.header("content-range", `bytes ${range.offset}-${range.offset + range.length - 1}/${picture.bytes}`);
  const status = range === undefined ? 200 : 206;
  if (c.req.method === "HEAD") return c.body(null, status);
  const object = await c.env.BUCKET.get(picture.key, range === undefined ? {} : { range });
  if (object === null) return c.json({ error: { code: "not_found", message: "There is no such picture any more." } }, 404);
  return c.body(object.body, status);
}
