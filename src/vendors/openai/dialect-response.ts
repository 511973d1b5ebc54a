import { type Wire, type ServerSentEvent, InlineImage } from "../../image/wire.ts";
import { asList, asObject } from "../response-fields.ts";
import type { GenerationRecord } from "../../image/record.ts";
import type { ParsedRequest } from "../vendor.ts";

/** Write token usage, from fields of OpenAI's images or chat API or the Gemini API; undefined if there are none. */
function usageWire(usage: Record<string, unknown> | undefined): Wire {
  const vendorUsage = asObject(usage);
  const firstNumber = (...names: string[]) =>
    names.map((name) => vendorUsage[name]).find((value) => typeof value === "number");
  const input = firstNumber("input_tokens", "prompt_tokens", "promptTokenCount");
  const output = firstNumber("output_tokens", "completion_tokens", "candidatesTokenCount");
  const total = firstNumber("total_tokens", "totalTokenCount");
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const images = imageTokens(vendorUsage);
  return {
    input_tokens: input ?? 0,
    output_tokens: output ?? 0,
    total_tokens: total ?? (input ?? 0) + (output ?? 0),
    input_tokens_details: { image_tokens: images, text_tokens: Math.max(0, (input ?? 0) - images) },
  };
}

/** Tokens of the input pictures, from OpenAI's input_tokens_details or the Gemini API's promptTokensDetails. */
function imageTokens(vendorUsage: Record<string, unknown>): number {
  const openai = asObject(vendorUsage["input_tokens_details"])["image_tokens"];
  const modalities = asList(vendorUsage["promptTokensDetails"]).map(asObject);
  const gemini = modalities.find(({ modality }) => modality === "IMAGE")?.["tokenCount"];
  return [openai, gemini].find((value) => typeof value === "number") ?? 0;
}

/** The values of `quality` in events. */
const QUALITIES = ["low", "medium", "high", "xhigh", "max"];

/** Encode a record as ImagesResponse of openai-node: pictures by URL, or in base64. */
export function encode(record: GenerationRecord, { responseFormat }: ParsedRequest): Wire {
  return {
    created: unixSeconds(record.createdAt),
    // Only one of the two fields, and no empty one: SDKs take the first that they find.
    data: record.images.map((image) =>
      responseFormat === "base64" ? { b64_json: new InlineImage(image) } : { url: image.url },
    ),
    usage: usageWire(record.usage?.vendor),
  };
}

/**
 * Encode a record as ImageGenCompletedEvent or ImageEditCompletedEvent of openai-node, one event per picture. There are
 * no drafts, because no vendor here sends them, and these streams have no end mark. Only the first event has the usage,
 * so that the sum is correct.
 */
export function completedEvents(
  type: "image_generation.completed" | "image_edit.completed",
  record: GenerationRecord,
  { request: { quality = "auto" } }: ParsedRequest,
): ServerSentEvent[] {
  return record.images.map((image, index) => ({
    event: type,
    data: {
      type,
      b64_json: new InlineImage(image),
      created_at: unixSeconds(record.finishedAt ?? record.createdAt),
      size: image.width > 0 ? `${image.width}x${image.height}` : "auto",
      quality: QUALITIES.includes(quality) ? quality : "auto",
      background: "auto",
      output_format: image.type.replace("image/", ""),
      usage: usageWire(index === 0 ? record.usage?.vendor : undefined) ?? usageWire({ total_tokens: 0 }),
    },
  }));
}

function unixSeconds(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
