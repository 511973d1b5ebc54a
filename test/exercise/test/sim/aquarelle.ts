import { checkAquarelle } from "./aquarelle-rules.ts";
import { png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";

/** Aquarelle's response to one valid request. The default is one small PNG. */
export interface AquarelleBehaviour extends VendorBehaviour {
  pictures?: Picture[];
}

const KINDS: Record<number, string> = {
  400: "bad_field",
  401: "bad_key",
  402: "no_credit",
  404: "no_engine",
  422: "bad_motif",
  429: "too_fast",
  500: "failed",
  503: "busy",
};

/** Start Aquarelle; AQUARELLE_BASE_URL is its `origin`. It accepts only `key`. */
export async function startAquarelle(key: string): Promise<Sim<AquarelleBehaviour>> {
  const vendor: Vendor<AquarelleBehaviour> = {
    path: "/v2/paint",
    key,
    words: { key: "This key opens nothing.", json: "This is not JSON.", failed: "The paint ran." },
    errorStatus: 500,
    check: (body) => ({ body: checkAquarelle(body) }),
    success: ({ pictures = [png()] }) => {
      const sheets = pictures.map(({ type, bytes }) => ({ media: type, data: bytes.toString("base64") }));
      return { body: JSON.stringify({ ok: true, sheets }), type: "application/json" };
    },
    failure: (status, words) => ({ ok: false, why: { kind: KINDS[status] ?? "failed", words } }),
  };
  return serve<AquarelleBehaviour>((exchange) => handleExchange(exchange, vendor));
}
