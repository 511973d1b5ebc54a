import { readReference } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

const PRO = "gemini-3-pro-image-preview";
const FLASH = "gemini-3.1-flash-image-preview";
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"];
const FLASH_RATIOS = [...RATIOS, "1:4", "4:1", "1:8", "8:1"];
const MIME_TYPES = ["image/png", "image/jpeg", "image/webp"];
const MAX_REFERENCES = 14;

/** Reject a body that the document does not allow. Returns the body with references' base64 replaced. */
export function checkListenHub(body: Json | undefined): JsonObject {
  if (!isObject(body)) throw new Refusal(400, "the body must be a JSON object");
  onlyKeys(body, ["provider", "model", "prompt", "referenceImages", "imageConfig"]);
  if (body.provider !== "google") throw new Refusal(400, "provider must be google");
  oneOf(body.model, [PRO, FLASH], "model");
  text(body.prompt, "prompt");

  const config = body.imageConfig;
  if (config !== undefined) {
    if (!isObject(config)) throw new Refusal(400, "imageConfig must be an object");
    onlyKeys(config, ["imageSize", "aspectRatio"], "imageConfig.");
    oneOf(config.imageSize, ["1K", "2K", "4K"], "imageConfig.imageSize");
    oneOf(config.aspectRatio, body.model === FLASH ? FLASH_RATIOS : RATIOS, "imageConfig.aspectRatio");
  }

  const references = body.referenceImages;
  if (references === undefined) return body;
  if (!Array.isArray(references)) throw new Refusal(400, "referenceImages must be an array");
  if (references.length > MAX_REFERENCES) throw new Refusal(400, `referenceImages: at most ${MAX_REFERENCES}`);
  return { ...body, referenceImages: references.map((value, i) => reference(value, `referenceImages[${i}]`)) };
}

function reference(value: Json, name: string): JsonObject {
  if (!isObject(value)) throw new Refusal(400, `${name} must be an object`);
  onlyKeys(value, ["fileData", "inlineData"], `${name}.`);
  const { fileData, inlineData } = value;
  if ((fileData === undefined) === (inlineData === undefined)) {
    throw new Refusal(400, `${name} must have exactly one of fileData and inlineData`);
  }
  if (fileData !== undefined) {
    if (!isObject(fileData)) throw new Refusal(400, `${name}.fileData must be an object`);
    onlyKeys(fileData, ["fileUri", "mimeType"], `${name}.fileData.`);
    mimeType(fileData, `${name}.fileData`);
    const uri = text(fileData.fileUri, `${name}.fileData.fileUri`);
    if (!/^(https?|gs):\/\/[^/]/.test(uri))
      throw new Refusal(400, `${name}.fileData.fileUri must be http, https or gs`);
    return value;
  }
  if (!isObject(inlineData)) throw new Refusal(400, `${name}.inlineData must be an object`);
  onlyKeys(inlineData, ["data", "mimeType"], `${name}.inlineData.`);
  const type = mimeType(inlineData, `${name}.inlineData`);
  const data = readReference(text(inlineData.data, `${name}.inlineData.data`), type, `${name}.inlineData.data`);
  return { inlineData: { data: { ...data }, mimeType: type } };
}

function mimeType(object: JsonObject, name: string): string {
  const type = text(object.mimeType, `${name}.mimeType`);
  oneOf(type, MIME_TYPES, `${name}.mimeType`);
  return type;
}
