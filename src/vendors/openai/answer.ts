import type { GenerationRecord } from "../../image/record.ts";
import { type Event, Inline, type Wire } from "../../image/wire.ts";
import type { Asked } from "../vendor.ts";
import { usageWire } from "./usage.ts";

/** The words that events may have for it. */
const QUALITIES = ["low", "medium", "high", "xhigh", "max"];

/** ImagesResponse of openai-node: pictures by URL, or in base64. */
export function encode(record: GenerationRecord, { as }: Asked): Wire {
  return {
    created: seconds(record.createdAt),
    // Never both, and never an empty one beside the other: SDKs take the first they find.
    data: record.images.map((image) => (as === "base64" ? { b64_json: new Inline(image) } : { url: image.url })),
    usage: usageWire(record.usage?.vendor),
  };
}

/**
 * ImageGenCompletedEvent and ImageEditCompletedEvent of openai-node, one for each picture; no vendor here gives drafts, and
 * no such stream has an end mark. What was used stands in the first, so that the sum is right.
 */
export function completed(
  type: "image_generation.completed" | "image_edit.completed",
  record: GenerationRecord,
  { request: { quality = "auto" } }: Asked,
): Event[] {
  return record.images.map((image, index) => ({
    event: type,
    data: {
      type,
      b64_json: new Inline(image),
      created_at: seconds(record.finishedAt ?? record.createdAt),
      size: image.width > 0 ? `${image.width}x${image.height}` : "auto",
      quality: QUALITIES.includes(quality) ? quality : "auto",
      background: "auto",
      output_format: image.type.replace("image/", ""),
      usage: usageWire(index === 0 ? record.usage?.vendor : undefined) ?? usageWire({ total_tokens: 0 }),
    },
  }));
}

function seconds(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
