import { type Wire, type Event, InlineImage } from "../../image/wire.ts";
import { asList, asObject } from "../response-fields.ts";
import type { GenerationRecord } from "../../image/record.ts";
import type { ParsedRequest } from "../vendor.ts";

/** Tokens in the words of OpenAI's images API, of its chat API, and of the Gemini API; undefined where none are told. */
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

/** Tokens of the pictures that were sent, as OpenAI (input_tokens_details) or the Gemini API (promptTokensDetails) tells. */
function imageTokens(told: Record<string, unknown>): number {
  const own = asObject(told["input_tokens_details"])["image_tokens"];
  const modal = asList(told["promptTokensDetails"]).map(asObject);
  const other = modal.find(({ modality }) => modality === "IMAGE")?.["tokenCount"];
  return [own, other].find((value) => typeof value === "number") ?? 0;
}

/** The words that events may have for it. */
const QUALITIES = ["low", "medium", "high", "xhigh", "max"];

/** ImagesResponse of openai-node: pictures by URL, or in base64. */
export function encode(record: GenerationRecord, { responseFormat }: ParsedRequest): Wire {
  return {
    created: unixSeconds(record.createdAt),
    // Never both, and never an empty one beside the other: SDKs take the first they find.
    data: record.images.map((image) =>
      responseFormat === "base64" ? { b64_json: new InlineImage(image) } : { url: image.url },
    ),
    usage: usageWire(record.usage?.vendor),
  };
}

/**
 * ImageGenCompletedEvent and ImageEditCompletedEvent of openai-node, one for each picture; no vendor here gives drafts, and
 * no such stream has an end mark. What was used stands in the first, so that the sum is right.
 */
export function completedEvents(
  type: "image_generation.completed" | "image_edit.completed",
  record: GenerationRecord,
  { request: { quality = "auto" } }: ParsedRequest,
): Event[] {
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
