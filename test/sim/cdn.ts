import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import type { Picture } from "./pictures.ts";
import type { Exchange } from "./server.ts";

/** How a CDN answers for the pictures of one generation; the pictures themselves unless told. */
export interface CdnBehaviour extends Delivery {
  /** These bytes instead of the picture: HTML, SVG. */
  body?: Buffer | string;
  type?: string;
  /** A redirect (302 unless `status` says otherwise) to this URL, or so many hops before the picture itself. */
  redirect?: string | number;
}

/** A picture on the CDN, and how it is served. */
export interface Shelf {
  picture: Picture;
  how: CdnBehaviour;
}

/** Path of a picture: its name, and the hop where it redirects to itself. */
export const CDN_PATH = /^\/cdn\/([\w-]+)\.\w+(?:\?hop=(\d+))?$/;

/** Answers one download; 404 for what was never drawn. */
export async function download({ response, seen }: Exchange<object>, shelves: Map<string, Shelf>): Promise<void> {
  const note = (so: object): object => Object.assign(seen, so);
  const [, name = "", hop = "0"] = CDN_PATH.exec(seen.path) ?? [];
  const shelf = shelves.get(name);
  if (shelf === undefined) return deliver(response, Buffer.from("not found"), "text/plain", { status: 404 }, note);

  const { picture, how } = shelf;
  const away = typeof how.redirect === "string" ? how.redirect : undefined;
  const onward = Number(hop) < Number(how.redirect) ? `${seen.path.split("?")[0]}?hop=${Number(hop) + 1}` : undefined;
  const location = away ?? onward;
  if (location !== undefined) {
    const moved = { status: how.status ?? 302, headers: { location } };
    return deliver(response, Buffer.from("moved"), "text/plain", moved, note);
  }
  const status = how.redirect === undefined ? (how.status ?? 200) : 200;
  const body = Buffer.from(how.body ?? picture.bytes);
  await deliver(response, body, how.type ?? picture.type, { contentLength: "exact", ...how, status }, note);
}
