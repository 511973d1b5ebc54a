import type { GenerationRecord } from "../../image/record.ts";
import { dataUri, type ServerSentEvent, type Wire } from "../../image/wire.ts";
import type { ParsedRequest } from "../vendor.ts";

/** A decoded chat request, with its stream option. */
export interface ParsedChat extends ParsedRequest {
  includeUsage?: boolean | undefined;
}

type Picture = GenerationRecord["images"][number];

/** The documented usage: no tokens are counted. */
const USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** Encode a record as a chat completion (成功响应): one choice per picture, which chat clients now read from `images`. */
export function completion(record: GenerationRecord, parsed: ParsedChat): Wire {
  return {
    ...envelope("chat.completion", record, parsed),
    choices: record.images.map((picture, index) => ({
      index,
      finish_reason: "stop",
      message: { role: "assistant", content: sentence(picture, index), images: imagesWire(picture, parsed) },
    })),
    usage: USAGE,
  };
}

/** Encode a record as the chunks of a stream, choice by choice. */
export function chunks(record: GenerationRecord, parsed: ParsedChat): ServerSentEvent[] {
  const common = envelope("chat.completion.chunk", record, parsed);
  // Only a client that requested usage gets a chunk without choices: other clients read `choices[0]` of every chunk.
  const usage = parsed.includeUsage === true ? { usage: null } : {};
  const events = record.images.flatMap((picture, index) =>
    [
      { role: "assistant", content: "" },
      { content: sentence(picture, index) },
      { images: imagesWire(picture, parsed) },
      {},
    ].map((delta, step) => ({
      ...common,
      choices: [{ index, delta, finish_reason: step === 3 ? "stop" : null }],
      ...usage,
    })),
  );
  const last = parsed.includeUsage === true ? [{ ...common, choices: [], usage: USAGE }] : [];
  return [...events, ...last, "[DONE]"].map((data) => ({ data }));
}

function envelope(object: string, record: GenerationRecord, parsed: ParsedChat) {
  const createdMs = Date.parse(record.createdAt);
  return { id: `gemini-${createdMs}`, object, created: Math.floor(createdMs / 1000), model: parsed.request.model };
}

/** The document's own sentence. The page lost its picture; chat clients show pictures as markdown. */
function sentence({ url }: Picture, index: number): string {
  return `这是第 ${index + 1} 张图片:\n\n![image](${url})`;
}

function imagesWire(picture: Picture, { responseFormat }: ParsedChat): Wire {
  const url = responseFormat === "base64" ? dataUri(picture) : picture.url;
  return [{ type: "image_url", image_url: { url }, index: 0 }];
}
