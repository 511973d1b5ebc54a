import type { GatewayError } from "../../errors.ts";
import type { Reference } from "../../image/request.ts";
import { placeholderIndex, InlineImage, type Wire } from "../../image/wire.ts";
import { asList, asObject, errorMessageIn, asText } from "../response-fields.ts";
import { type VendorErrorKind, kindOfReason, vendorError, noImageError } from "../vendor-errors.ts";
import type { ImageSource, VendorResult, Provider } from "../vendor.ts";
import { models, undocumented } from "./models.ts";
import { CODES } from "./wire.ts";

/** Codes of the error body, from the vendor's SDK. They come with any status, including 200. */
const ERRORS: Readonly<Record<number, VendorErrorKind>> = {
  [CODES.key]: "auth",
  [CODES.credit]: "insufficient_credit",
  [CODES.parameters]: "invalid_request",
  [CODES.busy]: "rate_limited",
  [CODES.rate]: "rate_limited",
  // 500 is documented as "try again".
  500: "busy",
};

/** ListenHub's format as the gateway calls it. Source: vendor-docs, "AI 生图". The response is the Gemini API's JSON. */
export const provider: Provider = {
  name: "listenhub",
  baseUrl: "https://api.marswave.ai/openapi",
  models: { ...models, ...undocumented },
  passThrough: true,

  encode(request, spec) {
    const imageConfig = { imageSize: request.size, aspectRatio: request.aspectRatio };
    return {
      path: "/v1/images/generation",
      body: {
        provider: spec.maker ?? "google",
        model: spec.wireName,
        prompt: request.prompt,
        referenceImages: request.references.length === 0 ? undefined : request.references.map(referenceWire),
        imageConfig: request.size === undefined && request.aspectRatio === undefined ? undefined : imageConfig,
      },
    };
  },

  decode(status, wire) {
    const answers = Array.isArray(wire) ? wire.map(asObject) : [asObject(wire)];
    const errorAnswer = answers.find(isError) ?? (status === 200 ? undefined : (answers[0] ?? {}));
    if (errorAnswer !== undefined) throw errorIn(status, errorAnswer);
    return picturesIn(answers);
  },
};

function referenceWire(reference: Reference): Wire {
  if ("picture" in reference)
    return { inlineData: { data: new InlineImage(reference.picture), mimeType: reference.picture.type } };
  return { fileData: { fileUri: reference.url, mimeType: reference.type ?? mimeOf(reference.url) } };
}

/** Guess a URL's MIME type by its file extension; the document requires a type with each URL. */
function mimeOf(url: string): string {
  const extension = /\.(png|webp)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase();
  return extension === undefined ? "image/jpeg" : `image/${extension}`;
}

function isError(answer: Record<string, unknown>): boolean {
  return Number(answer["code"] ?? 0) !== 0 || (answer["error"] ?? undefined) !== undefined;
}

function errorIn(status: number, answer: Record<string, unknown>): GatewayError {
  // Google's own errors have the HTTP status as their code.
  const code = Number(answer["code"] ?? asObject(answer["error"])["code"] ?? 0);
  return vendorError("listenhub", {
    status,
    code: code === 0 ? undefined : code,
    message: errorMessageIn(answer),
    kinds: ERRORS,
  });
}

function picturesIn(answers: Record<string, unknown>[]): VendorResult {
  const finals: ImageSource[] = [];
  const drafts: ImageSource[] = [];
  const texts: string[] = [];
  const reasons: string[] = [];
  const explanations: string[] = [];
  let usage: Record<string, unknown> | undefined;
  for (const answer of answers) {
    const feedback = asObject(answer["promptFeedback"]);
    const blocked = asText(feedback["blockReason"]);
    // A prompt with any blockReason, OTHER and unknown ones included, is blocked.
    if (blocked !== undefined) reasons.push("PROMPT_BLOCKED", blocked);
    explanations.push(asText(feedback["blockReasonMessage"]) ?? "");
    if (answer["usageMetadata"] !== undefined) usage = asObject(answer["usageMetadata"]);
    for (const candidate of asList(answer["candidates"]).map(asObject)) {
      const reason = asText(candidate["finishReason"]);
      if (reason !== undefined) reasons.push(reason);
      explanations.push(asText(candidate["finishMessage"]) ?? "");
      for (const part of asList(asObject(candidate["content"])["parts"]).map(asObject)) {
        const data = asText(asObject(part["inlineData"] ?? part["inline_data"])["data"]);
        const index = data === undefined ? undefined : placeholderIndex(data);
        if (index !== undefined) (part["thought"] === true ? drafts : finals).push({ hoisted: index });
        else if (part["thought"] !== true) texts.push(asText(part["text"]) ?? "");
      }
    }
  }
  const joinLines = (parts: readonly string[]) => parts.filter((part) => part !== "").join("\n");
  const text = joinLines(texts);
  if (finals.length > 0) return { images: finals, text: text === "" ? undefined : text, usage };
  const lastDraft = drafts.at(-1);
  // Seen: a final picture marked as thought. In a response with a refusal it is a draft.
  if (lastDraft !== undefined && !reasons.some((reason) => kindOfReason(reason) === "content_rejected"))
    return { images: [lastDraft], text: text === "" ? undefined : text, usage };
  throw noImageError("listenhub", reasons, joinLines([...explanations, text]));
}
