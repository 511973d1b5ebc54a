import { list, object, text } from "../loose.ts";
import type { Carrier } from "../vendor.ts";
import { carrierBehind, readText } from "./text.ts";

/** What a chat message says, and shows. */
export interface Said {
  /** In the first of its forms that has any: the same picture may be in several. */
  pictures: Carrier[];
  /** Without its pictures, and without the sentence that the document puts before each. */
  text?: string | undefined;
}

/** 这是第 1 张图片: */
const CAPTION = /这是第 ?\d{1,4} ?张图片[:\uff1a]?/g;

/**
 * Reads a message as the many relays of this family write it. Seen: `images[]` of {image_url: {url}}, {url}, {b64_json}
 * or texts; `image[]` of {data}; `image_b64_json`; `multi_mod_content[]` of {inline_data: {data}}; `content` as a list of
 * {image_url} or {image: {base64}}; as one link or base64; and as a text with pictures in it.
 */
export function readMessage(message: Record<string, unknown>): Said {
  const { content: raw, multi_mod_content: parts } = message;
  const content = typeof raw === "string" ? raw.replace(CAPTION, "").trim() : raw;
  const words = typeof content === "string" ? [content] : [...list(parts), ...list(content)].map(wordsOf);
  const { pictures, rest } = readText(words.filter((word) => word !== "").join("\n"));
  const forms = [message["images"], message["image"], message["image_b64_json"], parts, content].map(carriersIn);
  return { pictures: distinct(forms.find(({ length }) => length > 0) ?? pictures), text: text(rest) };
}

function wordsOf(part: unknown): string {
  return (text(object(part)["text"]) ?? "").replace(CAPTION, "").trim();
}

/** Pictures of one item or of a list of them. */
export function carriersIn(value: unknown): Carrier[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item) => carrierOf(item) ?? []);
}

/** Where an item may have its picture, at any depth; base64 before a URL, which has to be fetched. */
const KEYS = ["b64_json", "base64", "inline_data", "inlineData", "data", "image_url", "url", "image"] as const;

function carrierOf(item: unknown): Carrier | undefined {
  if (typeof item === "string") return carrierBehind(item);
  const members = object(item);
  for (const key of KEYS) {
    const found = Object.hasOwn(members, key) ? carrierOf(members[key]) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function distinct(carriers: readonly Carrier[]): Carrier[] {
  return [...new Map(carriers.map((carrier) => ["url" in carrier ? carrier.url : carrier.hoisted, carrier])).values()];
}
