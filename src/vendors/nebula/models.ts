import type { ModelSpec } from "../../image/model-spec.ts";

/** The limits of every model, from the document (请求参数): a prompt or contents; no size, ratio, quality or seed. */
const common = {
  ratios: [],
  sizes: [],
  qualities: [],
  formats: [],
  seed: false,
  n: 1,
  // contents: 图生图或上下文对话的多轮内容
  turns: true,
  // Every image in the document's samples is a data URI.
  referenceSchemes: [],
  // oepnai-nebula.apifox.cn/english/7771215m0: 2 to 5 images, each at most 7 MB.
  references: 5,
  referenceBytes: 7 * 1024 * 1024,
  // b64_json in every sample; the same page says that Gemini models return nothing else.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** Models that are only known from a client's code (comfyui-AFOLIE-API). */
const unsure = { ...common, off: true } as const;

/** Models of ai-nebula; the document has the first one only. */
export const models: Record<string, ModelSpec> = {
  "gemini-2.5-flash-image": { ...common, wireName: "gemini-2.5-flash-image-preview" },
  // docs.openai-nebula.com, nano-banana. That page has no limit for references: 14 is Google's own, and the clients'.
  "gemini-3-pro-image-preview": { ...common, wireName: "gemini-3-pro-image-preview", references: 14 },
  "gemini-3.1-flash-image-preview": { ...unsure, wireName: "gemini-3.1-flash-image-preview" },
  "gpt-image-2": { ...unsure, wireName: "gpt-image-2" },
  "doubao-seedream-4.5": { ...unsure, wireName: "doubao-seedream-4-5-251128" },
  "doubao-seedream-4.0": { ...unsure, wireName: "doubao-seedream-4-0-250828" },
};
