import { writeBase64 } from "./base64.ts";
import type { Base64Style } from "./base64.ts";
import type { JsonObject } from "./json.ts";
import { noise } from "./pictures.ts";
import type { Picture } from "./pictures.ts";

/** The output of a Gemini image model, and the form of its JSON. */
export interface GeminiAnswer extends Base64Style {
  pictures?: Picture[];
  /** Pictures in a `thought` part, before the final pictures. */
  drafts?: Picture[];
  /** Text parts before the pictures. */
  text?: string;
  thought?: string;
  /** Bytes of `thoughtSignature` (base64, but not a picture) in each picture's part. */
  signatureBytes?: number;
  /** One candidate for all pictures, or one for each. */
  candidates?: "one" | "each";
  /** `thought` before `inlineData` in a part. */
  thoughtFirst?: boolean;
  /** `data` before `mimeType` in inlineData. */
  dataFirst?: boolean;
  pretty?: boolean;
  framing?: "object" | "array" | "sse";
  finishReason?: string;
  promptFeedback?: JsonObject;
}

/** Keys next to the candidates; a model of this name does not have to exist. */
const SIBLINGS: JsonObject = {
  usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 1290, totalTokenCount: 1302 },
  modelVersion: "gemini-3-pro-image-preview",
  responseId: "kT8eaZ2sL-_5qtsP0v3R8AI",
};

/** Write a response's bytes. Base64 replaces markers in the JSON, because JSON.stringify would escape its escapes. */
export function writeGemini(answer: GeminiAnswer): Buffer {
  const slots: string[] = [];
  const part = (picture: Picture, thought: boolean): JsonObject => {
    slots.push(writeBase64(picture.bytes, picture.type, answer));
    const data = marker(slots.length - 1);
    const inlineData = answer.dataFirst ? { data, mimeType: picture.type } : { mimeType: picture.type, data };
    const bytes = answer.signatureBytes;
    const signature = bytes === undefined ? {} : { thoughtSignature: noise(bytes, 7).toString("base64") };
    if (!thought) return { inlineData, ...signature };
    return answer.thoughtFirst ? { thought, inlineData, ...signature } : { inlineData, ...signature, thought };
  };
  const before: JsonObject[] = [];
  if (answer.thought !== undefined) before.push({ text: answer.thought, thought: true });
  for (const draft of answer.drafts ?? []) before.push(part(draft, true));
  if (answer.text !== undefined) before.push({ text: answer.text });
  const after = (answer.pictures ?? []).map((picture) => part(picture, false));

  const space = answer.pretty ? 2 : 0;
  const filled = (value: JsonObject | JsonObject[]): string => fill(JSON.stringify(value, null, space), slots);
  const chunks = responseChunks(before, after, answer);
  if (answer.framing === "sse")
    return Buffer.from(chunks.map((chunk) => `data: ${fill(JSON.stringify(chunk), slots)}\n\n`).join(""));
  if (answer.framing === "array") return Buffer.from(filled(chunks));
  return Buffer.from(filled(responseObject(before, after, answer)));
}

function responseObject(before: JsonObject[], after: JsonObject[], answer: GeminiAnswer): JsonObject {
  const groups =
    answer.candidates === "each"
      ? after.map((one, i) => (i === 0 ? [...before, one] : [one]))
      : [[...before, ...after]];
  const candidates = groups.map((parts, index) => candidate(parts, index, answer.finishReason ?? "STOP"));
  const feedback = answer.promptFeedback === undefined ? {} : { promptFeedback: answer.promptFeedback };
  if (before.length + after.length === 0 && answer.finishReason === undefined) candidates.length = 0;
  // A blocked prompt has no candidates at all; other empty responses have an empty list.
  const blocked = candidates.length === 0 && answer.promptFeedback !== undefined;
  return { ...(!blocked && { candidates }), ...feedback, ...SIBLINGS };
}

/** A response as the chunks of a stream: one part each, then the end reason. */
function responseChunks(before: JsonObject[], after: JsonObject[], answer: GeminiAnswer): JsonObject[] {
  const parts = [...before, ...after];
  const chunks: JsonObject[] = parts.map((one) => ({ candidates: [candidate([one], 0)], ...SIBLINGS }));
  const last = responseObject([], [], { ...answer, candidates: "one", finishReason: answer.finishReason ?? "STOP" });
  return [...chunks, last];
}

function candidate(parts: JsonObject[], index: number, finishReason?: string): JsonObject {
  // A refusal has an end reason and no content.
  const content = parts.length === 0 ? {} : { content: { parts, role: "model" } };
  return { ...content, ...(finishReason !== undefined && { finishReason }), index };
}

function marker(slot: number): string {
  return `@picture-${slot}@`;
}

function fill(json: string, slots: string[]): string {
  let filled = json;
  // The replacement is a function, so that a `$` in it would have no special meaning.
  for (const [slot, value] of slots.entries()) filled = filled.replace(marker(slot), () => value);
  return filled;
}
