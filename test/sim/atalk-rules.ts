import { readReference } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";
import { typeOf } from "./pictures.ts";

export type Family = "flux" | "gemini";

const MODELS: Record<string, Family> = {
  "flux-2-pro": "flux",
  "flux-1.1-pro": "flux",
  "gemini-2.5-flash-image": "gemini",
};
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:5", "5:4", "9:16", "16:9", "21:9"];
const IMAGES = ["", "_2", "_3", "_4", "_5", "_6", "_7", "_8"].map((suffix) => `input_image${suffix}`);
const FLUX_ONLY = ["width", "height", "seed", "safety_tolerance", "output_format"];
/** 最大文件大小:20MB. */
const MAX_BYTES = 20_000_000;

/** Reject a body that the document does not allow. Returns it with references' base64 replaced, and the family. */
export function checkAtalk(body: Json | undefined): { body: JsonObject; family: Family } {
  if (!isObject(body)) throw new Refusal(400, "the body must be a JSON object");
  onlyKeys(body, ["model", "prompt", "aspect_ratio", ...IMAGES, ...FLUX_ONLY]);
  const name = text(body.model, "model");
  const family = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  if (family === undefined) throw new Refusal(404, `model ${name} does not exist`);
  text(body.prompt, "prompt");
  if (body.aspect_ratio !== undefined && !RATIOS.includes(body.aspect_ratio as string)) {
    throw new Refusal(400, `Invalid aspect_ratio parameter. Supported ratios: ${RATIOS.join(", ")}`);
  }
  const stray = FLUX_ONLY.find((field) => family !== "flux" && body[field] !== undefined);
  if (stray !== undefined) throw new Refusal(400, `${stray} is for Flux models only`);
  for (const field of ["width", "height"]) {
    number(body[field] ?? undefined, field, (side) => side > 0 && side % 16 === 0, "a multiple of 16");
  }
  number(body.seed ?? undefined, "seed", Number.isSafeInteger, "a whole number");
  number(body.safety_tolerance, "safety_tolerance", (level) => level >= 0 && level <= 5, "from 0 to 5");
  oneOf(body.output_format, ["jpeg", "png"], "output_format");
  const images = IMAGES.flatMap((field): [string, Json][] => {
    const image = body[field];
    return image === undefined ? [] : [[field, reference(image, field)]];
  });
  return { body: { ...body, ...Object.fromEntries(images) }, family };
}

function number(value: Json | undefined, name: string, fits: (value: number) => boolean, allowed: string): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !fits(value)) throw new Refusal(400, `${name} must be ${allowed}`);
}

/** Base64 编码的图片数据或图片 URL: the document does not mention data URIs. */
function reference(value: Json, name: string): Json {
  const image = text(value, name);
  if (/^https?:\/\/[^/]/.test(image)) return image;
  const type = typeOf(Buffer.from(image.slice(0, 16), "base64"));
  if (type === undefined) throw new Refusal(400, `${name} must be a URL or a picture in base64`);
  const seen = readReference(image, type, name);
  if (seen.bytes > MAX_BYTES) throw new Refusal(400, `${name} must be at most 20MB`);
  return { ...seen };
}
