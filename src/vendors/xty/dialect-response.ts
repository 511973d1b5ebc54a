import type { GenerationRecord } from "../../image/record.ts";
import { dataUri, type Event, type Wire } from "../../image/wire.ts";
import type { ParsedRequest } from "../vendor.ts";

/** What was asked, and what a stream's end depends on. */
export interface ParsedChat extends ParsedRequest {
  includeUsage?: boolean | undefined;
}

type Picture = GenerationRecord["images"][number];

/** As documented: nothing is counted. */
const USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** 成功响应: a choice for each picture, which today's chat clients look for in `images`. */
export function completion(record: GenerationRecord, asked: ParsedChat): Wire {
  return {
    ...envelope("chat.completion", record, asked),
    choices: record.images.map((picture, index) => ({
      index,
      finish_reason: "stop",
      message: { role: "assistant", content: sentence(picture, index), images: imagesWire(picture, asked) },
    })),
    usage: USAGE,
  };
}

/** The same as chunks of a stream, choice by choice. */
export function chunks(record: GenerationRecord, asked: ParsedChat): Event[] {
  const common = envelope("chat.completion.chunk", record, asked);
  // Only who asked for usage gets a chunk without choices: others read `choices[0]` of every one.
  const usage = asked.includeUsage === true ? { usage: null } : {};
  const events = record.images.flatMap((picture, index) =>
    [
      { role: "assistant", content: "" },
      { content: sentence(picture, index) },
      { images: imagesWire(picture, asked) },
      {},
    ].map((delta, step) => ({
      ...common,
      choices: [{ index, delta, finish_reason: step === 3 ? "stop" : null }],
      ...usage,
    })),
  );
  const last = asked.includeUsage === true ? [{ ...common, choices: [], usage: USAGE }] : [];
  return [...events, ...last, "[DONE]"].map((data) => ({ data }));
}

function envelope(object: string, record: GenerationRecord, asked: ParsedChat) {
  const createdMs = Date.parse(record.createdAt);
  return { id: `gemini-${createdMs}`, object, created: Math.floor(createdMs / 1000), model: asked.request.model };
}

/** The document's own sentence; its picture was lost on the page, and chat shows pictures as markdown. */
function sentence({ url }: Picture, index: number): string {
  return `这是第 ${index + 1} 张图片:\n\n![image](${url})`;
}

function imagesWire(picture: Picture, { responseFormat }: ParsedChat): Wire {
  const url = responseFormat === "base64" ? dataUri(picture) : picture.url;
  return [{ type: "image_url", image_url: { url }, index: 0 }];
}
