import { placeholderIndex } from "../../image/wire.ts";
import { parseUrl } from "../reference-fields.ts";
import type { ImageSource } from "../vendor.ts";
import { asList, asObject, asText } from "../response-fields.ts";

// Texts come from a vendor and may be long: they are searched forwards only, never with a pattern that could backtrack.

/** A picture in a text, and the range of characters that represents it. */
interface Found {
  from: number;
  to: number;
  source: ImageSource;
}

/** Find the pictures in a text, in the first form that has any. Returns them, and the text without them. */
export function readText(text: string): { pictures: ImageSource[]; rest: string } {
  const found =
    [wholeText, markdownImages, dataUris, links].map((form) => form(text)).find(({ length }) => length > 0) ?? [];
  const ends = [0, ...found.map(({ to }) => to)];
  const rest = ends.map((end, index) => text.slice(end, found[index]?.from)).join("");
  return { pictures: found.map(({ source }) => source), rest };
}

/** The picture that a whole text represents: base64, a data URI or a link. */
function sourceInText(text: string): ImageSource | undefined {
  const index = placeholderIndex(text);
  if (index !== undefined) return { hoisted: index };
  return /^\s*https?:\/\/\S+\s*$/i.test(text) ? { url: text.trim() } : undefined;
}

function wholeText(text: string): Found[] {
  const source = sourceInText(text);
  return source === undefined ? [] : [{ from: 0, to: text.length, source }];
}

/** `![image](https://…)`, `![image](data:image/png;base64,…)` */
function markdownImages(text: string): Found[] {
  const found: Found[] = [];
  for (let position = 0; ;) {
    const open = text.indexOf("![", position);
    const middle = open < 0 ? -1 : text.indexOf("](", open);
    if (middle < 0) return found;
    const from = text.lastIndexOf("![", middle);
    const start = middle + 2;
    position = endOfTarget(text, start);
    const source = sourceInText(text.slice(start, position));
    if (source !== undefined) found.push({ from, to: text[position] === ")" ? position + 1 : position, source });
  }
}

/** Find the end of a link's target that begins at `start`: at white space or at the closing bracket. */
function endOfTarget(text: string, start: number): number {
  let position = start;
  while (text[position] === " ") position++;
  for (let depth = 0; position < text.length; position++) {
    const c = text.charCodeAt(position);
    if (c <= 0x20) break;
    if (c === 0x28) depth++;
    if (c === 0x29 && depth-- === 0) break;
  }
  return position;
}

const MARK = ";base64,hoisted:";
/** Maximum length of a data URI's beginning: `data:image/png` and parameters. */
const HEAD = 64;

/** `data:image/png;base64,…` anywhere in the text. */
function dataUris(text: string): Found[] {
  const found: Found[] = [];
  for (let position = text.indexOf(MARK); position >= 0;) {
    let to = position + MARK.length;
    while (isDigit(text.charCodeAt(to))) to++;
    const head = text.slice(Math.max(0, position - HEAD), position).lastIndexOf("data:");
    const from = head < 0 ? position : Math.max(0, position - HEAD) + head;
    const index = placeholderIndex(text.slice(position + MARK.length - "hoisted:".length, to));
    if (index !== undefined) found.push({ from, to, source: { hoisted: index } });
    position = text.indexOf(MARK, to);
  }
  return found;
}

const isDigit = (c: number) => c >= 0x30 && c <= 0x39;

/** Characters that may come before a link in a text, Chinese ones included; quotes of HTML attributes may not. */
const BEFORE = /[\s(<:,\uff1a\uff0c]/;
/** Characters that end a link. */
const AFTER = /[\s"'<>()[\]{}|\\^`\u3000-\u303f\uff01-\uff20]/;
/** Punctuation after a link belongs to the sentence, not to the link. */
const ENDING = /[.,;:!?]$/;

/** Find the links whose path has a picture's file extension. */
function links(text: string): Found[] {
  const found: Found[] = [];
  for (let from = text.indexOf("http"); from >= 0;) {
    let to = from + 4;
    while (to < text.length && !AFTER.test(text.charAt(to))) to++;
    const begins = from === 0 || BEFORE.test(text.charAt(from - 1));
    const link = text.slice(from, to).replace(ENDING, "");
    const path = begins ? parseUrl(link)?.pathname : undefined;
    if (path !== undefined && /^https?:/.test(link) && /\.(?:png|jpe?g|webp)$/i.test(path))
      found.push({ from, to: from + link.length, source: { url: link } });
    from = text.indexOf("http", to);
  }
  return found;
}

/** The pictures and the text of a chat message. */
export interface MessageContent {
  /** From the first form that has any: the same picture may be in several forms. */
  pictures: ImageSource[];
  /** Without the pictures, and without the sentence that the document puts before each picture. */
  text?: string | undefined;
}

/** 这是第 1 张图片: */
const CAPTION = /这是第 ?\d{1,4} ?张图片[:\uff1a]?/g;

/**
 * Read a message in the forms of the many relays of this family. Seen: `images[]` of {image_url: {url}}, {url},
 * {b64_json} or texts; `image[]` of {data}; `image_b64_json`; `multi_mod_content[]` of {inline_data: {data}}; `content`
 * as a list of {image_url} or {image: {base64}}; as one link or base64; and as a text with pictures in it.
 */
export function readMessage(message: Record<string, unknown>): MessageContent {
  const { content: raw, multi_mod_content: parts } = message;
  const content = typeof raw === "string" ? raw.replace(CAPTION, "").trim() : raw;
  const texts = typeof content === "string" ? [content] : [...asList(parts), ...asList(content)].map(textOf);
  const { pictures, rest } = readText(texts.filter((word) => word !== "").join("\n"));
  const forms = [message["images"], message["image"], message["image_b64_json"], parts, content].map(imageSourcesIn);
  return { pictures: distinct(forms.find(({ length }) => length > 0) ?? pictures), text: asText(rest) };
}

function textOf(part: unknown): string {
  return (asText(asObject(part)["text"]) ?? "").replace(CAPTION, "").trim();
}

/** The pictures of one item or of a list of items. */
export function imageSourcesIn(value: unknown): ImageSource[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item) => sourceInItem(item) ?? []);
}

/** The keys of an item that may have its picture, at any depth. Base64 comes before a URL, which must be fetched. */
const KEYS = ["b64_json", "base64", "inline_data", "inlineData", "data", "image_url", "url", "image"] as const;

function sourceInItem(item: unknown): ImageSource | undefined {
  if (typeof item === "string") return sourceInText(item);
  const members = asObject(item);
  for (const key of KEYS) {
    const found = Object.hasOwn(members, key) ? sourceInItem(members[key]) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function distinct(sources: readonly ImageSource[]): ImageSource[] {
  return [...new Map(sources.map((source) => ["url" in source ? source.url : source.hoisted, source])).values()];
}
