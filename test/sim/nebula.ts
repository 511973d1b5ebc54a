import { Cdn, isDownload } from "./cdn.ts";
import { checkNebula } from "./nebula-rules.ts";
import { png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";

/** The response of ai-nebula to one valid request. The default is one small PNG as `b64_json`. */
export interface NebulaBehaviour extends VendorBehaviour {
  pictures?: Picture[];
  /** The field that has the picture, whatever the request says; the other one is empty. */
  carrier?: "url" | "b64_json" | "both";
  /** The list without the envelope around it. */
  flat?: boolean;
  error?: { code?: number; message?: string };
}

export interface Nebula extends Sim<NebulaBehaviour> {
  /** The requests for generations, without those for pictures. */
  generations: () => Seen[];
}

/** Start ai-nebula; NEBULA_BASE_URL is its `origin`, which also serves the pictures. It accepts only `key`. */
export async function startNebula({ key = "nb-key" }: { key?: string } = {}): Promise<Nebula> {
  const cdn = new Cdn();
  const vendor: Vendor<NebulaBehaviour> = {
    path: "/v1/images/generations",
    key,
    words: { key: "API Key 无效或已过期", json: "请求体必须为 JSON", failed: "服务器内部错误" },
    errorStatus: 500,
    check: (body) => ({ body: checkNebula(body) }),
    success: ({ pictures = [png()], carrier = "b64_json", flat = false }) => {
      const data = pictures.map((picture) => ({
        url: carrier === "b64_json" ? "" : cdn.put(sim.origin, picture),
        b64_json: carrier === "url" ? "" : picture.bytes.toString("base64"),
        revised_prompt: "",
      }));
      const list = { data, created: 1_757_320_007 };
      const body = flat ? list : { code: 200, msg: "操作成功", data: list };
      return { body: JSON.stringify(body), type: "application/json" };
    },
    failure: (status, message, { error }) => ({ code: error?.code ?? status, msg: message, data: null }),
  };
  const sim = await serve<NebulaBehaviour>((exchange) =>
    isDownload(exchange.seen) ? cdn.download(exchange) : handleExchange(exchange, vendor),
  );
  return { ...sim, generations: () => sim.seen.filter((seen) => !isDownload(seen)) };
}
