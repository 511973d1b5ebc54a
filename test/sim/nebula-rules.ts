import { readDataUri } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

/** The document has the first model only; the others are known from the vendor's other pages and from a client. */
const MODELS = [
  "gemini-2.5-flash-image-preview",
  "gemini-3-pro-image-preview",
  "gemini-3.1-flash-image-preview",
  "gpt-image-2",
  "doubao-seedream-4-5-251128",
  "doubao-seedream-4-0-250828",
];
/** The vendor's API page: 7 MB. */
const IMAGE_BYTES = 7 * 1024 * 1024;

/** Reject a body that the document does not allow. Returns the body with data URIs replaced. */
export function checkNebula(body: Json | undefined): JsonObject {
  if (!isObject(body)) throw new Refusal(400, "请求体必须为 JSON 对象");
  onlyKeys(body, ["model", "prompt", "response_format", "contents"]);
  oneOf(text(body.model, "model"), MODELS, "model");
  oneOf(body.response_format, ["url", "b64_json"], "response_format");
  // The document marks neither field as required, and each of its samples has one of them.
  if (body.prompt !== undefined || body.contents === undefined) text(body.prompt, "prompt");
  if (body.contents === undefined) return body;
  const turns = nonEmptyList(body.contents, "contents");
  const contents = turns.map((turn, i) => readTurn(turn, `contents[${i}]`));
  const last = contents.at(-1);
  if (last?.role !== "user" || !last.hasText) throw new Refusal(400, "the last turn must be the user's, with a text");
  return { ...body, contents: contents.map(({ role, parts }) => ({ role, parts })) };
}

function nonEmptyList(value: Json | undefined, name: string): Json[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new Refusal(400, `${name} must be a list with something in it`);
  return value;
}

function readTurn(turn: Json, name: string): { role: Json; parts: Json[]; hasText: boolean } {
  if (!isObject(turn)) throw new Refusal(400, `${name} must be an object`);
  onlyKeys(turn, ["role", "parts"], `${name}.`);
  const role = text(turn.role, `${name}.role`);
  oneOf(role, ["user", "model"], `${name}.role`);
  const parts = nonEmptyList(turn.parts, `${name}.parts`).map((part, i) => readPart(part, `${name}.parts[${i}]`));
  return { role, parts, hasText: parts.some((part) => part.text !== undefined) };
}

function readPart(part: Json, name: string): JsonObject {
  if (!isObject(part) || Object.keys(part).length !== 1) throw new Refusal(400, `${name} must be {text} or {image}`);
  onlyKeys(part, ["text", "image"], `${name}.`);
  if (part.text !== undefined) return { text: text(part.text, `${name}.text`) };
  const seen = readDataUri(text(part.image, `${name}.image`), `${name}.image`);
  if (seen.bytes > IMAGE_BYTES) throw new Refusal(400, `${name}.image must have at most ${IMAGE_BYTES} bytes`);
  return { image: { ...seen } };
}
