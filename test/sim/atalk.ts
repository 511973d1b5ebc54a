import { checkAtalk } from "./atalk-rules.ts";
import type { Family } from "./atalk-rules.ts";
import { Cdn, isDownload } from "./cdn.ts";
import type { CdnBehaviour } from "./cdn.ts";
import type { Json, JsonObject } from "./json.ts";
import { jpeg, png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";

/** atalk's response to one valid request. The default is one small picture: Flux's by URL, Gemini's in base64. */
export interface AtalkBehaviour extends VendorBehaviour {
  pictures?: Picture[];
  cdn?: CdnBehaviour;
  /** Additional or different members of `usage`. */
  usage?: JsonObject;
  /** `code` is -1 by default; the document's own sample code reads the text from `message`. */
  error?: { message?: string; code?: number; as?: "msg" | "message" };
}

export interface Atalk extends Sim<AtalkBehaviour> {
  /** The requests for generations, without those for pictures. */
  generations: () => Seen[];
  downloads: () => Seen[];
}

const COST: Record<Family, number> = { flux: 0.04, gemini: 0.02 };

/** Start atalk and its CDN (`/cdn/<name>.png`); ATALK_BASE_URL is its `origin`. It accepts `key`, Bearer or not. */
export async function startAtalk({ key = "at-key" }: { key?: string } = {}): Promise<Atalk> {
  const cdn = new Cdn();
  // New rules for each request, because the response depends on the requested model.
  const rules = (): Vendor<AtalkBehaviour> => {
    let request: { model: Json | undefined; family: Family } = { model: undefined, family: "flux" };
    return {
      path: "/images/generate",
      key,
      bareKey: true,
      words: { key: "API key is invalid or expired", json: "the body must be JSON", failed: "Image generation failed" },
      // In the document, errors have a `code` and no statuses.
      errorStatus: 200,
      check: (wire) => {
        const { body, family } = checkAtalk(wire);
        request = { model: body.model, family };
        return { body };
      },
      success: (how) => {
        const { model, family } = request;
        const pictures = how.pictures ?? [family === "flux" ? jpeg() : png()];
        const data = pictures.map((picture) =>
          family === "flux"
            ? {
                type: "url",
                image: cdn.put(vendor.origin, picture, how.cdn),
                mimeType: null,
                revised_prompt: "A cute kitten",
              }
            : {
                type: "base64",
                image: picture.bytes.toString("base64"),
                mimeType: picture.type,
                revised_prompt: null,
              },
        );
        const usage = { cost: COST[family], images_generated: data.length, images_failed: 0, ...how.usage };
        return {
          body: JSON.stringify({ code: 0, data, model, provider: family, usage }),
          type: "application/json",
        };
      },
      failure: (_, message, { error = {} }) => ({ code: error.code ?? -1, [error.as ?? "msg"]: message }),
    };
  };
  const vendor = await serve<AtalkBehaviour>((exchange) =>
    isDownload(exchange.seen) ? cdn.download(exchange) : handleExchange(exchange, rules()),
  );
  return {
    ...vendor,
    generations: () => vendor.seen.filter((seen) => !isDownload(seen)),
    downloads: () => vendor.seen.filter(isDownload),
  };
}
