import { randomUUID } from "node:crypto";
import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import type { Exchange } from "./server.ts";

/** A CDN's response for the pictures of one generation; by default the pictures themselves. */
export interface CdnBehaviour extends Delivery {
  /** These bytes instead of the picture: HTML, SVG. */
  body?: Buffer | string;
  type?: string;
  /** A redirect to this URL, or this many hops before the picture itself; 302 unless `status` is set. */
  redirect?: string | number;
}

/** The path of a picture: its name, and the hop number if it redirects to itself. */
const PATH = /^\/cdn\/([\w-]+)\.\w+(?:\?hop=(\d+))?$/;

/** Check whether a request was for a picture. */
export function isDownload({ path }: Seen): boolean {
  return PATH.test(path);
}

/** The pictures that a vendor has generated and returned by URL (`/cdn/<name>.png`). */
export class Cdn {
  private readonly pictures = new Map<string, { picture: Picture; how: CdnBehaviour }>();

  /** Add a picture, at an origin that serves `download`. Returns its URL. */
  put(origin: string, picture: Picture, how: CdnBehaviour = {}): string {
    const name = randomUUID();
    this.pictures.set(name, { picture, how });
    return `${origin}/cdn/${name}.${picture.extension}`;
  }

  /** Serve one download; 404 for an unknown picture. */
  async download({ response, seen }: Exchange<object>): Promise<void> {
    const report = (progress: object): object => Object.assign(seen, progress);
    const [, name = "", hop = "0"] = PATH.exec(seen.path) ?? [];
    const found = this.pictures.get(name);
    if (found === undefined) return deliver(response, Buffer.from("not found"), "text/plain", { status: 404 }, report);

    const { picture, how } = found;
    const redirectUrl = typeof how.redirect === "string" ? how.redirect : undefined;
    const nextHop =
      Number(hop) < Number(how.redirect) ? `${seen.path.split("?")[0]}?hop=${Number(hop) + 1}` : undefined;
    const location = redirectUrl ?? nextHop;
    if (location !== undefined) {
      const moved = { status: how.status ?? 302, headers: { location } };
      return deliver(response, Buffer.from("moved"), "text/plain", moved, report);
    }
    const status = how.redirect === undefined ? (how.status ?? 200) : 200;
    const body = Buffer.from(how.body ?? picture.bytes);
    await deliver(response, body, how.type ?? picture.type, { contentLength: "exact", ...how, status }, report);
  }
}
