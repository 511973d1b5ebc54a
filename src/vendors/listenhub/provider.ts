import { type ErrorCode, GatewayError } from "../../errors.ts";
import type { Reference } from "../../image/request.ts";
import { hoistedIndex, Inline, type Wire } from "../../image/wire.ts";
import { list, object, text } from "../loose.ts";
import type { Carrier, Drawn, Provider } from "../vendor.ts";
import { models } from "./models.ts";
import { CODES } from "./wire.ts";

/** Reasons (of a candidate or of the prompt's block) that mean moderation; from the Gemini API's enumerations. */
const REJECTED = /^(?:IMAGE_)?(?:SAFETY|PROHIBITED_CONTENT|RECITATION)$|^(?:BLOCKLIST|SPII|MODEL_ARMOR|JAILBREAK)$/;

/** ListenHub as called: vendor-docs "AI 生图"; its answer is the Gemini API's JSON as it is. */
export const provider: Provider = {
  name: "listenhub",
  baseUrl: "https://api.marswave.ai/openapi",
  models,
  passThrough: true,

  encode(request, spec) {
    const imageConfig = { imageSize: request.size, aspectRatio: request.aspectRatio };
    return {
      path: "/v1/images/generation",
      body: {
        provider: "google",
        model: spec.wireName,
        prompt: request.prompt,
        referenceImages: request.references.length === 0 ? undefined : request.references.map(referenceWire),
        imageConfig: request.size === undefined && request.aspectRatio === undefined ? undefined : imageConfig,
      },
    };
  },

  decode(status, wire) {
    const answers = Array.isArray(wire) ? wire.map(object) : [object(wire)];
    for (const answer of answers) refuse(status, answer);
    if (status !== 200)
      throw new GatewayError("vendor_error", `listenhub answered with status ${status}.`, {
        vendorStatus: status,
      });
    return draw(answers);
  },
};

function referenceWire(reference: Reference): Wire {
  if ("picture" in reference)
    return { inlineData: { data: new Inline(reference.picture), mimeType: reference.picture.type } };
  return { fileData: { fileUri: reference.url, mimeType: reference.type ?? mimeOf(reference.url) } };
}

/** The documents want a type beside each URL; a name's ending is all there is to tell it by. */
function mimeOf(url: string): string {
  const ending = /\.(png|webp)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase();
  return ending === undefined ? "image/jpeg" : `image/${ending}`;
}

/** Throws what an error answer means; it may come with any status, 200 included. */
function refuse(httpStatus: number, answer: Record<string, unknown>): void {
  const error = answer["error"] ?? undefined;
  const gemini = object(error);
  const code = Number(answer["code"] ?? gemini["code"] ?? 0);
  if (httpStatus === 200 && code === 0 && error === undefined) return;
  // Google's own errors have the status for a code.
  const status = httpStatus === 200 && code >= 400 && code < 600 ? code : httpStatus;
  const said = text(answer["message"]) ?? text(gemini["message"]) ?? text(error) ?? `status ${status}`;
  const fail = (name: ErrorCode, message = `listenhub: ${said}`): never => {
    // 500 is documented as "try again"; behind a 502 or 504 a picture may have been drawn and charged.
    const retryable = name === "rate_limited" || status === 500 || status === 503;
    throw new GatewayError(name, message, { vendorStatus: status, retryable });
  };
  if (code === CODES.rate || code === CODES.busy || status === 429) fail("rate_limited");
  if (code === CODES.credit || status === 402) fail("insufficient_credit");
  // To the caller, whose own key is fine, it is a fault of the vendor's side.
  if (code === CODES.key || status === 401 || status === 403)
    fail("vendor_error", `listenhub refused the gateway's own key: ${said}`);
  if (code === CODES.parameters || status === 400) fail("invalid_request");
  fail("vendor_error");
}

function draw(answers: Record<string, unknown>[]): Drawn {
  const finals: Carrier[] = [];
  const drafts: Carrier[] = [];
  const words: string[] = [];
  const reasons: string[] = [];
  let usage: Record<string, unknown> | undefined;
  for (const answer of answers) {
    const blocked = text(object(answer["promptFeedback"])["blockReason"]);
    if (blocked !== undefined) reasons.push(blocked);
    if (answer["usageMetadata"] !== undefined) usage = object(answer["usageMetadata"]);
    for (const candidate of list(answer["candidates"]).map(object)) {
      const reason = text(candidate["finishReason"]);
      if (reason !== undefined) reasons.push(reason);
      for (const part of list(object(candidate["content"])["parts"]).map(object)) {
        const data = text(object(part["inlineData"] ?? part["inline_data"])["data"]);
        const index = data === undefined ? undefined : hoistedIndex(data);
        if (index !== undefined) (part["thought"] === true ? drafts : finals).push({ hoisted: index });
        else if (part["thought"] !== true) words.push(text(part["text"]) ?? "");
      }
    }
  }
  const said = words.filter((word) => word !== "").join("\n");
  if (finals.length > 0) return { images: finals, text: said === "" ? undefined : said, usage };
  const rejected = reasons.find((reason) => REJECTED.test(reason));
  if (rejected !== undefined)
    throw new GatewayError("content_rejected", `The request was refused by the model's content rules (${rejected}).`);
  const last = drafts.at(-1);
  if (last !== undefined) return { images: [last], text: said === "" ? undefined : said, usage };
  const why = [...reasons, said].filter((part) => part !== "").join("; ");
  throw new GatewayError("no_image", `listenhub answered without a picture${why === "" ? "" : ` (${why})`}.`);
}
