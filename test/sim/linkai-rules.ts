import { readDataUri } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

interface Model {
  /** If absent, the model has no such field, and ignores it. */
  size?: string[];
  quality?: string[];
  ratios: string[];
  images: number;
}

const RATIOS = ["自动", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];
const SEEDREAM: Model = { size: ["2K", "4K"], ratios: RATIOS, images: 10 };

const MODELS: Record<string, Model> = {
  "gpt-image-2": {
    size: ["1K", "2K", "4K"],
    quality: ["low", "medium", "high"],
    ratios: ["1:1", "3:2", "2:3", "16:9", "9:16"],
    images: 15,
  },
  "doubao-seedream-4.5": SEEDREAM,
  "doubao-seedream-4.0": SEEDREAM,
  "gemini-3-pro-image-preview": { size: ["1K", "2K", "4K"], ratios: RATIOS, images: 3 },
  "gemini-3.1-flash-image-preview": { size: ["512", "1K", "2K", "4K"], ratios: RATIOS, images: 3 },
  "gemini-2.5-flash-image": { ratios: RATIOS, images: 3 },
};

/** Reject a body that the document does not allow. Returns the body with data URIs replaced, and the ignored fields. */
export function checkLinkAI(body: Json | undefined): { body: JsonObject; ignored: string[] } {
  if (!isObject(body)) throw new Refusal(400, "请求体必须为 JSON 对象");
  onlyKeys(body, ["model", "prompt", "images", "size", "aspect_ratio", "quality", "response_format"]);
  const name = text(body.model, "model");
  const model = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  if (model === undefined) throw new Refusal(402, `模型不存在或用户无权限使用: ${name}`);
  text(body.prompt, "prompt");
  oneOf(body.response_format, ["url"], "response_format");
  oneOf(body.aspect_ratio, model.ratios, "aspect_ratio");
  const ignored: string[] = [];
  for (const field of ["size", "quality"] as const) {
    const allowed = model[field];
    if (allowed !== undefined) oneOf(body[field], allowed, field);
    else if (body[field] !== undefined) ignored.push(field);
  }
  if (body.images === undefined) return { body, ignored };
  if (!Array.isArray(body.images)) throw new Refusal(400, "images must be a list of strings");
  if (body.images.length > model.images) throw new Refusal(400, `images: at most ${model.images} for ${name}`);
  return { body: { ...body, images: body.images.map((image, i) => reference(image, `images[${i}]`)) }, ignored };
}

function reference(value: Json, name: string): Json {
  const image = text(value, name);
  if (/^https?:\/\/[^/]/.test(image)) return image;
  return { ...readDataUri(image, name) };
}
