import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";
import { writeGemini } from "./gemini.ts";
import type { GeminiAnswer } from "./gemini.ts";
import { parseJson, Refusal } from "./json.ts";
import { checkListenHub } from "./listenhub-rules.ts";
import { jpeg } from "./pictures.ts";
import { serve } from "./server.ts";
import type { Exchange, Sim } from "./server.ts";

/** How ListenHub answers one valid request; without anything, a small JPEG. */
export interface ListenHubBehaviour extends Delivery, GeminiAnswer {
  /** An error in the documented shape, with `status` (500 unless told): 200 is allowed, and seen. */
  error?: { code?: number; message?: string };
  /** The error's message repeats the credential that came. */
  echoKey?: boolean;
  /** These bytes, whatever they are, instead of Gemini's JSON. */
  body?: Buffer | string;
  /** Content type of the answer. */
  type?: string;
}

const PATH = "/openapi/v1/images/generation";
/** Codes that clients of ListenHub know, by status. */
const CODES: Record<number, number> = { 400: 29003, 401: 21007, 402: 26004, 429: 25429 };

/** ListenHub; LISTENHUB_BASE_URL is its `origin` and `/openapi`. Any key but `key` is refused. */
export async function startListenHub(options: { key?: string } = {}): Promise<Sim<ListenHubBehaviour>> {
  const { key = "lh-key" } = options;
  return serve<ListenHubBehaviour>(async (exchange) => {
    try {
      check(exchange, key);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      exchange.seen.refused = error.message;
      return answer(exchange, { status: error.status, error: { message: error.message } });
    }
    return answer(exchange, exchange.behaviour());
  });
}

function check({ request, seen, body }: Exchange<ListenHubBehaviour>, key: string): void {
  const parsed = parseJson(body.toString());
  try {
    if (seen.path !== PATH) throw new Refusal(404, `no such path: ${seen.path}`);
    if (request.method !== "POST") throw new Refusal(405, "POST only");
    if (seen.headers.authorization !== `Bearer ${key}`) throw new Refusal(401, "Invalid API key");
    if (!seen.headers["content-type"]?.startsWith("application/json")) throw new Refusal(400, "the body must be JSON");
    seen.body = checkListenHub(parsed);
  } catch (error) {
    // A refused body is recorded as it is, unless it is large.
    if (parsed !== undefined && body.length < 65_536) seen.body = parsed;
    throw error;
  }
}

async function answer(exchange: Exchange<ListenHubBehaviour>, how: ListenHubBehaviour): Promise<void> {
  const { response, seen } = exchange;
  const failed = how.error !== undefined || how.echoKey === true;
  const status = how.status ?? (failed ? 500 : 200);
  const type = how.type ?? (how.framing === "sse" && !failed ? "text/event-stream" : "application/json");
  const body =
    how.body !== undefined
      ? Buffer.from(how.body)
      : failed
        ? failure(how, status, seen.headers.authorization)
        : success(how);
  await deliver(response, body, type, { ...how, status }, (so) => Object.assign(seen, so));
}

function success(how: ListenHubBehaviour): Buffer {
  // Whoever asks for drafts, text, a reason or feedback alone says so by an empty list, or by a reason.
  const refused = how.promptFeedback !== undefined || (how.finishReason ?? "STOP") !== "STOP";
  return writeGemini({ ...how, pictures: how.pictures ?? (refused ? [] : [jpeg()]) });
}

function failure(how: ListenHubBehaviour, status: number, credential = ""): Buffer {
  const code = how.error?.code ?? CODES[status] ?? 29999;
  const message = how.error?.message ?? "image generation failed";
  const echoed = how.echoKey ? `${message} (Authorization: ${credential})` : message;
  return Buffer.from(JSON.stringify({ code, message: echoed, request_id: "req_7f3a" }));
}
