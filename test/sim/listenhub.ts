import { writeGemini } from "./gemini.ts";
import type { GeminiAnswer } from "./gemini.ts";
import { checkListenHub } from "./listenhub-rules.ts";
import { jpeg } from "./pictures.ts";
import type { Picture } from "./pictures.ts";
import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { handleExchange } from "./vendor.ts";
import type { Vendor, VendorBehaviour } from "./vendor.ts";

/** ListenHub's response to one valid request. The default is one small JPEG. */
export interface ListenHubBehaviour extends VendorBehaviour, GeminiAnswer {
  error?: { code?: number; message?: string };
}

/** Status → the error code that clients of ListenHub know. */
const CODES: Record<number, number> = { 400: 29003, 401: 21007, 402: 26004, 429: 25429 };

/** Start ListenHub; LISTENHUB_BASE_URL is its `origin` and `/openapi`. It accepts only `key`. */
export async function startListenHub({ key = "lh-key" }: { key?: string } = {}): Promise<Sim<ListenHubBehaviour>> {
  const vendor: Vendor<ListenHubBehaviour> = {
    path: "/openapi/v1/images/generation",
    key,
    words: { key: "Invalid API key", json: "the body must be JSON", failed: "image generation failed" },
    errorStatus: 500,
    check: (body) => ({ body: checkListenHub(body) }),
    success: (how) => ({
      body: writeGemini({ ...how, pictures: how.pictures ?? defaultPictures(how) }),
      type: how.framing === "sse" ? "text/event-stream" : "application/json",
    }),
    failure: (status, message, { error }) => ({
      code: error?.code ?? CODES[status] ?? 29999,
      message,
      request_id: "req_7f3a",
    }),
  };
  return serve<ListenHubBehaviour>((exchange) => handleExchange(exchange, vendor));
}

/** The default pictures: none with an end reason or feedback, else one. Drafts or text alone need an empty list. */
function defaultPictures(how: ListenHubBehaviour): Picture[] {
  const refused = how.promptFeedback !== undefined || (how.finishReason ?? "STOP") !== "STOP";
  return refused ? [] : [jpeg()];
}
