import { type ImageRequest, referencesOf } from "../../image/request.ts";
import { encodeOpenAIError } from "../openai-errors.ts";
import { fitToDocument, parseWire, documentedSpec, unknownFields } from "../request-schema.ts";
import type { Dialect } from "../vendor.ts";
import { type ParsedChat, chunks, completion } from "./dialect-response.ts";
import { readConfig } from "./dialect-config.ts";
import { readMessages } from "./dialect-messages.ts";
import { models } from "./models.ts";
import { knownWire, requestWire } from "./wire.ts";

/** The document has no limit for references. The limit in models.ts is the model's; another vendor may accept more. */
const TABLE = {
  vendor: "xty",
  models: Object.fromEntries(Object.entries(models).map(([name, spec]) => [name, { ...spec, references: Infinity }])),
};

const CONFIG = "extra_body.google.image_config";

/** The format of xty as the gateway serves it, which OpenAI's chat clients also use. Source: vendor-docs, "图像API接口". */
export const dialect: Dialect = {
  name: "xty",
  paths: ["/v1/chat/completions"],
  // The path that an SDK calls if its base URL is that of the OpenAI images dialect.
  aliases: ["/openai/v1/chat/completions"],
  fields: {
    prompt: "messages",
    turns: "messages",
    references: "image_url",
    size: `${CONFIG}.image_size`,
    aspectRatio: `${CONFIG}.aspect_ratio`,
  },

  decode(wire, pictures) {
    const parsed = parseWire(requestWire, wire);
    const spec = documentedSpec(TABLE, parsed.model);
    const { size, aspectRatio, warnings } = readConfig(wire, spec);
    const { request: conversation, fields } = readMessages(parsed.messages, pictures);
    const { turns, ...content } = conversation;
    const request: ImageRequest = {
      model: parsed.model,
      n: parsed.n ?? 1,
      ...content,
      size,
      aspectRatio,
      seed: parsed.seed,
    };
    // 若未提供输入图片,则生成 1:1 的方图: without an input picture, 1:1 and 1K as in the table; with one, 保持输出图片与输入图片尺寸一致.
    const defaulted: ("size" | "aspectRatio")[] = [];
    // Even if another vendor is pinned: a client of this document expects this shape.
    const shapeSpec = documentedSpec(TABLE, parsed.model.slice(parsed.model.indexOf("/") + 1));
    if (shapeSpec !== undefined && referencesOf({ ...request, turns }).length === 0) {
      if (size === undefined) defaulted.push("size");
      if (aspectRatio === undefined) defaulted.push("aspectRatio");
      request.size ??= shapeSpec.defaultSize;
      request.aspectRatio ??= "1:1";
    }
    // The vendor's specs have no turns: the vendor that serves the request accepts them or gets them in its prompt.
    const fitted = fitToDocument(TABLE, request);
    return {
      request: { ...fitted.request, turns },
      warnings: [...unknownFields(knownWire, wire), ...warnings, ...fitted.warnings],
      // Chat clients that request pictures by `modalities` (OpenRouter's) read data URIs only.
      responseFormat: parsed.modalities?.includes("image") === true ? "base64" : "url",
      stream: parsed.stream,
      fields,
      defaulted,
      includeUsage: parsed.stream_options?.include_usage,
    } satisfies ParsedChat;
  },

  encode: completion,
  events: chunks,

  // The document shows only invalid_request_error; 生成内容会经过安全审核.
  encodeError: encodeOpenAIError("invalid_request_error", "content_policy_violation"),
};
