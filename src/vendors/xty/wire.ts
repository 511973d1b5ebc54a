import * as z from "zod/mini";
import { modelName, optional } from "../request-schema.ts";

/** A field name of Google's own API that relays of this family reject. */
const misnamed = (name: string) => optional(z.never(`is called ${name} here`));

/** extra_body.google.image_config */
export const imageConfigWire = z.object({
  aspect_ratio: optional(z.string()),
  image_size: optional(z.string()),
  aspectRatio: misnamed("aspect_ratio"),
  imageSize: misnamed("image_size"),
});

/** extra_body.google */
export const googleWire = z.object({ image_config: optional(imageConfigWire), imageConfig: misnamed("image_config") });

/** The objects that may contain `google`: the body, its extra_body, and a nested extra_body if an SDK sent both. */
const configFields = { google: optional(googleWire), ...googleWire.shape };
export const extraBodyWire = z.object({ ...configFields, extra_body: optional(z.object(configFields)) });

const PICTURE = "must be a URL, a data URI or base64, or {url} with one of these";

/** A part of a message, as on the vendor's image-to-image page and in OpenAI's API. */
const partWire = z.object({
  type: z.string(),
  text: optional(z.string()),
  image_url: optional(z.union([z.string(), z.object({ url: z.string() })], PICTURE)),
});
export type PartWire = z.infer<typeof partWire>;

/** The document has `user` only; chat clients also send earlier messages. Unknown fields are kept for `images`. */
const messageWire = z.looseObject({
  role: z.enum(["user", "system", "developer", "assistant"]),
  content: optional(
    z.union(
      [z.string(), z.array(partWire)],
      'must be text, or a list of {type: "text", text} and {type: "image_url", image_url: {url}}',
    ),
  ),
});
export type MessageWire = z.infer<typeof messageWire>;

/** The documented request body (请求参数), and the fields of OpenAI's chat completions that affect a picture. */
export const requestWire = z.object({
  model: modelName,
  messages: z.array(messageWire).check(z.minLength(1)),
  n: optional(z.int().check(z.minimum(1))),
  seed: optional(z.int()),
  modalities: optional(z.array(z.string())),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  ...extraBodyWire.shape,
});

/** OpenAI's other parameters (completions.d.ts of openai-node): they affect text only, not a picture. */
const WORDS_ONLY = `audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens
  metadata moderation parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
  prompt_cache_retention reasoning_effort response_format safety_identifier service_tier stop store temperature
  tool_choice tools top_logprobs top_p user verbosity web_search_options top_k`;

/** Every field that is read, or ignored without a warning. */
export const knownWire = z.object({
  ...requestWire.shape,
  ...Object.fromEntries(WORDS_ONLY.split(/\s+/).map((name) => [name, z.unknown()])),
});
