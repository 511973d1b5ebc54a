import type { Wire } from "../../image/wire.ts";
import { list, object } from "../loose.ts";

/** Tokens in the words of OpenAI's images API, of its chat API, and of the Gemini API; undefined where none are told. */
export function usageWire(usage: Record<string, unknown> | undefined): Wire {
  const told = object(usage);
  const first = (...names: string[]) => names.map((name) => told[name]).find((value) => typeof value === "number");
  const input = first("input_tokens", "prompt_tokens", "promptTokenCount");
  const output = first("output_tokens", "completion_tokens", "candidatesTokenCount");
  const total = first("total_tokens", "totalTokenCount");
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const images = imageTokens(told);
  return {
    input_tokens: input ?? 0,
    output_tokens: output ?? 0,
    total_tokens: total ?? (input ?? 0) + (output ?? 0),
    input_tokens_details: { image_tokens: images, text_tokens: Math.max(0, (input ?? 0) - images) },
  };
}

/** Tokens of the pictures that were sent, as OpenAI (input_tokens_details) or the Gemini API (promptTokensDetails) tells. */
function imageTokens(told: Record<string, unknown>): number {
  const own = object(told["input_tokens_details"])["image_tokens"];
  const modal = list(told["promptTokensDetails"]).map(object);
  const other = modal.find(({ modality }) => modality === "IMAGE")?.["tokenCount"];
  return [own, other].find((value) => typeof value === "number") ?? 0;
}
