import { Cdn, isDownload } from "./cdn.ts";
import type { CdnBehaviour } from "./cdn.ts";
import type { JsonObject } from "./json.ts";
import { png } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import type { Seen } from "./record.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";
import { FORMS, LISTS } from "./xty-forms.ts";
import type { Form } from "./xty-forms.ts";
import { checkXty } from "./xty-rules.ts";

/** The response of xty to one valid request. The default is the requested number of small PNGs, one per choice. */
export interface XtyBehaviour extends VendorBehaviour {
  pictures?: Picture[];
  /** Pictures in every choice before its final one. */
  drafts?: Picture[];
  /** The form of the pictures; by default markdown with a URL of the CDN. */
  form?: Form;
  /** All pictures in one choice. */
  together?: boolean;
  /** One choice with this text and no picture. */
  text?: string;
  finishReason?: string;
  cdn?: CdnBehaviour;
  error?: { message?: string; type?: string; code?: string | null };
}

export interface Xty extends Sim<XtyBehaviour> {
  /** The requests for generations, without those for pictures. */
  generations: () => Seen[];
  downloads: () => Seen[];
}

/** Start xty and its files (`/cdn/<name>.png`); XTY_BASE_URL is its `origin`. It accepts only `key`. */
export async function startXty({ key = "xty-key" }: { key?: string } = {}): Promise<Xty> {
  const cdn = new Cdn();
  // New rules for each request, because the response depends on the request.
  const rules = (): Vendor<XtyBehaviour> => {
    let request: JsonObject = {};
    let n = 1;
    return {
      path: "/v1/chat/completions",
      key,
      words: { key: "无效的令牌", json: "the body must be JSON", failed: "请求失败" },
      errorStatus: 500,
      check: (wire) => {
        const { body, ...checked } = checkXty(wire);
        [request, n] = [body, checked.n];
        return { body };
      },
      success: (how) => {
        const pictures = how.pictures ?? Array.from({ length: n }, (_, seed) => png({ seed }));
        const url = (picture: Picture): string => cdn.put(sim.origin, picture, how.cdn);
        const createdAt = 1_704_067_200;
        const head = {
          id: `gemini-${createdAt}000`,
          object: "chat.completion",
          created: createdAt,
          model: request.model ?? null,
        };
        return { body: JSON.stringify({ ...head, ...responseBody(how, pictures, url) }), type: "application/json" };
      },
      failure: (_, message, { error = {} }) => ({
        error: { message, type: error.type ?? "invalid_request_error", param: null, code: error.code ?? null },
      }),
    };
  };
  const sim = await serve<XtyBehaviour>((exchange) =>
    isDownload(exchange.seen) ? cdn.download(exchange) : handleExchange(exchange, rules()),
  );
  return {
    ...sim,
    generations: () => sim.seen.filter((seen) => !isDownload(seen)),
    downloads: () => sim.seen.filter(isDownload),
  };
}

/** The part of the response that depends on its form. */
function responseBody(how: XtyBehaviour, pictures: Picture[], url: (picture: Picture) => string): JsonObject {
  const { form = "markdown with a URL", drafts = [], together = false, text, finishReason = "stop" } = how;
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  if (form in LISTS) return { data: pictures.map((picture) => LISTS[form as keyof typeof LISTS](picture, url)) };
  const groups = together ? [pictures] : pictures.map((picture) => [picture]);
  const write = FORMS[form as keyof typeof FORMS];
  const messages = text === undefined ? groups.map((group) => write([...drafts, ...group], url)) : [{ content: text }];
  const choices = messages.map((message, index) => ({
    index,
    finish_reason: finishReason,
    message: { role: "assistant", ...message },
  }));
  return { choices, usage };
}
