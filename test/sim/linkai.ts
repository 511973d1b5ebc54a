import { Cdn, isDownload } from "./cdn.ts";
import type { CdnBehaviour } from "./cdn.ts";
import type { JsonObject } from "./json.ts";
import { checkLinkAI } from "./linkai-rules.ts";
import { png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";

/** LinkAI's response to one valid request. The default is one small PNG. */
export interface LinkAIBehaviour extends VendorBehaviour {
  pictures?: Picture[];
  cdn?: CdnBehaviour;
  /** The values of `data[].url`, instead of the CDN's. */
  urls?: string[];
  /** Pictures as `b64_json` instead of URLs. */
  base64?: boolean;
  pretty?: boolean;
  error?: { message?: string; type?: string };
}

export interface LinkAI extends Sim<LinkAIBehaviour> {
  /** `host:port` of the CDN. */
  cdnHost: string;
  /** The requests for generations, without those for pictures. */
  generations: () => Seen[];
  downloads: () => Seen[];
}

/**
 * Start LinkAI and its CDN (`/cdn/<name>.png`); LINKAI_BASE_URL is its `origin`. With `cdnElsewhere` the CDN is another
 * host (127.0.0.2), as in production. It accepts only `key`.
 */
export async function startLinkAI(options: { key?: string; cdnElsewhere?: boolean } = {}): Promise<LinkAI> {
  const { key = "la-key", cdnElsewhere = false } = options;
  const cdn = new Cdn();
  const inline = ({ bytes }: Picture): JsonObject => ({ b64_json: bytes.toString("base64") });
  const rules: Vendor<LinkAIBehaviour> = {
    path: "/v1/images/generations",
    key,
    words: {
      key: "接口鉴权失败,请检查 API Key",
      json: "请求体必须为 JSON",
      failed: "接口调用异常,联系客服处理",
    },
    errorStatus: 503,
    check: checkLinkAI,
    success: ({ pictures = [png()], ...how }) => {
      const urls = () => how.urls ?? pictures.map((picture) => cdn.put(host.origin, picture, how.cdn));
      const data = how.base64 ? pictures.map(inline) : urls().map((url) => ({ url }));
      return { body: JSON.stringify({ data }, null, how.pretty ? 2 : 0), type: "application/json" };
    },
    failure: (status, message, { error }) => ({
      error: { message, type: error?.type ?? (status < 500 ? "invalid_request_error" : "server_error") },
    }),
  };
  const vendor = await serve<LinkAIBehaviour>((exchange) =>
    !cdnElsewhere && isDownload(exchange.seen) ? cdn.download(exchange) : handleExchange(exchange, rules),
  );
  const host = cdnElsewhere ? await serve((exchange) => cdn.download(exchange), "127.0.0.2") : vendor;
  const both = [...new Set([vendor, host])];
  return {
    ...vendor,
    cdnHost: host.host,
    generations: () => vendor.seen.filter((seen) => !isDownload(seen)),
    downloads: () => host.seen.filter(isDownload),
    settled: async (timeoutMs) => void (await Promise.all(both.map((sim) => sim.settled(timeoutMs)))),
    reset: () => both.forEach((sim) => sim.reset()),
    stop: async () => void (await Promise.all(both.map((sim) => sim.stop()))),
  };
}
