import { readDataUri } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

/** Model → its values of image_size; none if the document's table has no row for it. */
const SIZES: Record<string, string[]> = {
  "gemini-3.1-flash-image-preview": ["512", "1K", "2K", "4K"],
  "gemini-3-pro-image-preview": ["1K", "2K", "4K"],
  "gemini-2.5-flash-image": [],
};
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];

/** Reject a body that the document does not allow. Returns it with data URIs replaced, and the number of pictures. */
export function checkXty(body: Json | undefined): { body: JsonObject; n: number } {
  if (!isObject(body)) throw new Refusal(400, "the body must be a JSON object");
  onlyKeys(body, ["model", "messages", "n", "extra_body"]);
  const model = text(body.model, "model");
  const sizes = Object.hasOwn(SIZES, model) ? SIZES[model] : undefined;
  if (sizes === undefined) throw new Refusal(404, `model not found: ${model}`);
  if (!Array.isArray(body.messages) || body.messages.length === 0) throw new Refusal(400, "messages must be a list");
  const messages = body.messages.map((message, i) => readMessage(message, `messages[${i}]`));
  const { n = 1 } = body;
  if (typeof n !== "number" || !Number.isInteger(n) || n < 1 || n > 10) throw new Refusal(400, "n must be 1 to 10");
  if (body.extra_body !== undefined) checkConfig(body.extra_body, sizes);
  return { body: { ...body, messages }, n };
}

function checkConfig(extraBody: Json, sizes: string[]): void {
  const config = inside(inside(extraBody, "google", "extra_body"), "image_config", "extra_body.google");
  const name = "extra_body.google.image_config";
  if (!isObject(config)) throw new Refusal(400, `${name} must be an object`);
  onlyKeys(config, ["aspect_ratio", "image_size"], `${name}.`);
  oneOf(config.aspect_ratio, RATIOS, `${name}.aspect_ratio`);
  // 建议使用大写
  oneOf(config.image_size, sizes, `${name}.image_size`);
}

function inside(value: Json | undefined, key: string, name: string): Json | undefined {
  if (!isObject(value)) throw new Refusal(400, `${name} must be an object`);
  onlyKeys(value, [key], `${name}.`);
  return value[key];
}

function readMessage(message: Json, name: string): JsonObject {
  if (!isObject(message)) throw new Refusal(400, `${name} must be an object`);
  onlyKeys(message, ["role", "content"], `${name}.`);
  // 消息角色,固定为 user
  oneOf(text(message.role, `${name}.role`), ["user"], `${name}.role`);
  if (!Array.isArray(message.content)) return { ...message, content: text(message.content, `${name}.content`) };
  const content = message.content.map((part, i) => readPart(part, `${name}.content[${i}]`));
  if (!content.some(({ type }) => type === "text")) throw new Refusal(400, `${name}.content has no text`);
  return { ...message, content };
}

/** As on the vendor's image-to-image page. */
function readPart(part: Json, name: string): JsonObject {
  if (!isObject(part)) throw new Refusal(400, `${name} must be an object`);
  oneOf(text(part.type, `${name}.type`), ["text", "image_url"], `${name}.type`);
  onlyKeys(part, part.type === "text" ? ["type", "text"] : ["type", "image_url"], `${name}.`);
  if (part.type === "text") return { ...part, text: text(part.text, `${name}.text`) };
  const image = text(inside(part.image_url, "url", `${name}.image_url`), `${name}.image_url.url`);
  if (/^https?:\/\/[^/]/.test(image)) return part;
  return { ...part, image_url: { url: { ...readDataUri(image, `${name}.image_url.url`) } } };
}
