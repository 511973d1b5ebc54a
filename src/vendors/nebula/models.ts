import type { ModelSpec } from "../../image/model-spec.ts";

/** What the document says of every model (请求参数): a prompt or contents, and nothing of size, ratio, quality or seed. */
const common = {
  ratios: [],
  sizes: [],
  qualities: [],
  formats: [],
  seed: false,
  n: 1,
  // contents: 图生图或上下文对话的多轮内容
  turns: true,
  // Every image of the document's samples is a data URI.
  referenceSchemes: [],
  // oepnai-nebula.apifox.cn/english/7771215m0: 2 to 5 images of at most 7 MB.
  references: 5,
  referenceBytes: 7 * 1024 * 1024,
  // b64_json in every sample; that page says that Gemini models know nothing else.
  output: "base64",
} as const satisfies Partial<ModelSpec>;

/** Known from a client's code only (comfyui-AFOLIE-API). */
const unsure = { ...common, off: true } as const;

/** Models of ai-nebula; the document names the first. */
export const models: Record<string, ModelSpec> = {
  "gemini-2.5-flash-image": { ...common, wireName: "gemini-2.5-flash-image-preview" },
  // docs.openai-nebula.com, nano-banana. No limit of references there: 14 is Google's own, and what clients allow.
  "gemini-3-pro-image-preview": { ...common, wireName: "gemini-3-pro-image-preview", references: 14 },
  "gemini-3.1-flash-image-preview": { ...unsure, wireName: "gemini-3.1-flash-image-preview" },
  "gpt-image-2": { ...unsure, wireName: "gpt-image-2" },
  "doubao-seedream-4.5": { ...unsure, wireName: "doubao-seedream-4-5-251128" },
  "doubao-seedream-4.0": { ...unsure, wireName: "doubao-seedream-4-0-250828" },
};
