import { randomUUID } from "node:crypto";
import { CDN_PATH, download } from "./cdn.ts";
import type { CdnBehaviour, Shelf } from "./cdn.ts";
import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import { parseJson, Refusal } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { checkLinkAI } from "./linkai-rules.ts";
import { png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import { serve } from "./server.ts";
import type { Exchange, Sim } from "./server.ts";

/** How LinkAI answers one valid request; without anything, one small PNG. */
export interface LinkAIBehaviour extends Delivery {
  pictures?: Picture[];
  cdn?: CdnBehaviour;
  /** `data[].url` as given, instead of the CDN's. */
  urls?: string[];
  /** Pictures as `b64_json` instead of URLs. */
  base64?: boolean;
  pretty?: boolean;
  /** An error in the documented shape, with `status` (503 unless told): 200 is allowed. */
  error?: { message?: string; type?: string };
  /** The error's message repeats the credential that came. */
  echoKey?: boolean;
  /** These bytes, whatever they are, instead of LinkAI's JSON. */
  body?: Buffer | string;
  /** Content type of the answer. */
  type?: string;
}

export interface LinkAI extends Sim<LinkAIBehaviour> {
  /** `host:port` of the CDN. */
  cdnHost: string;
  /** The requests that were generations, not pictures. */
  generations: () => Seen[];
  downloads: () => Seen[];
}

const PATH = "/v1/images/generations";

/**
 * LinkAI and its CDN (`/cdn/<name>.png`); LINKAI_BASE_URL is its `origin`. With `cdnElsewhere` the CDN is another host
 * (127.0.0.2), as in real life. Any key but `key` is refused.
 */
export async function startLinkAI(options: { key?: string; cdnElsewhere?: boolean } = {}): Promise<LinkAI> {
  const { key = "la-key", cdnElsewhere = false } = options;
  const shelves = new Map<string, Shelf>();
  const vendor = await serve<LinkAIBehaviour>(async (exchange) => {
    if (!cdnElsewhere && CDN_PATH.test(exchange.seen.path)) return download(exchange, shelves);
    try {
      check(exchange, key);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      exchange.seen.refused = error.message;
      return answer(exchange, { status: error.status, error: { message: error.message } }, []);
    }
    const how = exchange.behaviour();
    const pictures = how.pictures ?? [png()];
    const urls = pictures.map((picture) => {
      const name = randomUUID();
      shelves.set(name, { picture, how: how.cdn ?? {} });
      return `${cdn.origin}/cdn/${name}.${picture.extension}`;
    });
    const data: JsonObject[] = how.base64
      ? pictures.map((picture) => ({ b64_json: picture.bytes.toString("base64") }))
      : (how.urls ?? urls).map((url) => ({ url }));
    return answer(exchange, how, data);
  });
  const cdn = cdnElsewhere ? await serve((exchange) => download(exchange, shelves), "127.0.0.2") : vendor;
  const both = [...new Set([vendor, cdn])];
  return {
    ...vendor,
    cdnHost: cdn.host,
    generations: () => vendor.seen.filter((seen) => !CDN_PATH.test(seen.path)),
    downloads: () => cdn.seen.filter((seen) => CDN_PATH.test(seen.path)),
    settled: async (timeoutMs) => void (await Promise.all(both.map((sim) => sim.settled(timeoutMs)))),
    reset: () => both.forEach((sim) => sim.reset()),
    stop: async () => void (await Promise.all(both.map((sim) => sim.stop()))),
  };
}

function check({ request, seen, body }: Exchange<LinkAIBehaviour>, key: string): void {
  const parsed = parseJson(body.toString());
  try {
    if (seen.path !== PATH) throw new Refusal(404, `no such path: ${seen.path}`);
    if (request.method !== "POST") throw new Refusal(405, "POST only");
    if (seen.headers.authorization !== `Bearer ${key}`) throw new Refusal(401, "接口鉴权失败,请检查 API Key");
    if (!seen.headers["content-type"]?.startsWith("application/json")) throw new Refusal(400, "请求体必须为 JSON");
    Object.assign(seen, checkLinkAI(parsed));
  } catch (error) {
    // A refused body is recorded as it is, unless it is large.
    if (parsed !== undefined && body.length < 65_536) seen.body = parsed;
    throw error;
  }
}

async function answer(exchange: Exchange<LinkAIBehaviour>, how: LinkAIBehaviour, data: JsonObject[]): Promise<void> {
  const { response, seen } = exchange;
  const failed = how.error !== undefined || how.echoKey === true;
  const status = how.status ?? (failed ? 503 : 200);
  const json = failed ? failure(how, status, seen.headers.authorization) : { data };
  const body = Buffer.from(how.body ?? JSON.stringify(json, null, how.pretty ? 2 : 0));
  await deliver(response, body, how.type ?? "application/json", { ...how, status }, (so) => Object.assign(seen, so));
}

function failure(how: LinkAIBehaviour, status: number, credential = ""): JsonObject {
  const message = how.error?.message ?? "接口调用异常,联系客服处理";
  const type = how.error?.type ?? (status < 500 ? "invalid_request_error" : "server_error");
  return { error: { message: how.echoKey ? `${message} (Authorization: ${credential})` : message, type } };
}
