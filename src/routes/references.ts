import { isOutstanding } from "../store/jobs.ts";
import { keys } from "../store/pictures.ts";
import { isId } from "../store/ids.ts";
import type { AppContext } from "./context.ts";
import { notFound } from "./failure.ts";
import { sendObject } from "./pictures.ts";

/** From when it was stored; a vendor fetches what it is sent at once. A job may wait for longer, and is outstanding then. */
const OPEN_MS = 15 * 60_000;

/** `GET /references/{folder}/{n}`: a reference picture while its generation runs, for the vendor that was told its URL. */
export async function serveReference(c: AppContext): Promise<Response> {
  const { folder = "", n = "" } = c.req.param();
  const known = isId(folder) && /^(?:0|[1-9]\d?)$/.test(n);
  const object = known ? await c.env.BUCKET.get(keys.reference(folder, Number(n))) : null;
  if (object === null || !(await isOpen(c.env.BUCKET, object))) {
    void object?.body.cancel();
    return notFound(c, "There is no such picture, or not any more.");
  }
  c.header("cache-control", "no-store");
  return sendObject(c, object, object.httpMetadata?.contentType, object.size);
}

async function isOpen(bucket: R2Bucket, { uploaded, customMetadata = {} }: R2Object): Promise<boolean> {
  if (Date.now() - uploaded.getTime() <= OPEN_MS) return true;
  return isOutstanding(bucket, customMetadata["generation"] ?? "");
}
