import { placeholderIndex } from "../../image/wire.ts";
import { parseUrl } from "../reference-fields.ts";
import type { ImageSource } from "../vendor.ts";
import { asList, asObject, asText } from "../response-fields.ts";

// Texts come from a vendor and may be long: they are searched forwards, never by a pattern that could go back.

/** A picture in a text, and the characters that stand for it. */
interface Found {
  from: number;
  to: number;
  source: ImageSource;
}

/** The pictures in a text, in the first form that has any, and the text without them. */
export function readText(text: string): { pictures: ImageSource[]; rest: string } {
  const found =
    [wholeText, markdownImages, dataUris, links].map((form) => form(text)).find(({ length }) => length > 0) ?? [];
  const ends = [0, ...found.map(({ to }) => to)];
  const rest = ends.map((end, index) => text.slice(end, found[index]?.from)).join("");
  return { pictures: found.map(({ source: carrier }) => carrier), rest };
}

/** The picture that a text stands for as a whole: base64, a data URI or a link. */
function sourceInText(text: string): ImageSource | undefined {
  const index = placeholderIndex(text);
  if (index !== undefined) return { hoisted: index };
  return /^\s*https?:\/\/\S+\s*$/i.test(text) ? { url: text.trim() } : undefined;
}

function wholeText(text: string): Found[] {
  const carrier = sourceInText(text);
  return carrier === undefined ? [] : [{ from: 0, to: text.length, source: carrier }];
}

/** `![image](https://…)`, `![image](data:image/png;base64,…)` */
function markdownImages(text: string): Found[] {
  const found: Found[] = [];
  for (let at = 0; ;) {
    const open = text.indexOf("![", at);
    const middle = open < 0 ? -1 : text.indexOf("](", open);
    if (middle < 0) return found;
    const from = text.lastIndexOf("![", middle);
    const start = middle + 2;
    at = endOfTarget(text, start);
    const carrier = sourceInText(text.slice(start, at));
    if (carrier !== undefined) found.push({ from, to: text[at] === ")" ? at + 1 : at, source: carrier });
  }
}

/** Where a link's target ends that begins at `start`: at white space or at the bracket that closes it. */
function endOfTarget(text: string, start: number): number {
  let at = start;
  while (text[at] === " ") at++;
  for (let depth = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c <= 0x20) break;
    if (c === 0x28) depth++;
    if (c === 0x29 && depth-- === 0) break;
  }
  return at;
}

const MARK = ";base64,hoisted:";
/** A data URI's beginning, `data:image/png` and parameters, is no longer. */
const HEAD = 64;

/** `data:image/png;base64,…` anywhere. */
function dataUris(text: string): Found[] {
  const found: Found[] = [];
  for (let at = text.indexOf(MARK); at >= 0;) {
    let to = at + MARK.length;
    while (isDigit(text.charCodeAt(to))) to++;
    const head = text.slice(Math.max(0, at - HEAD), at).lastIndexOf("data:");
    const from = head < 0 ? at : Math.max(0, at - HEAD) + head;
    const index = placeholderIndex(text.slice(at + MARK.length - "hoisted:".length, to));
    if (index !== undefined) found.push({ from, to, source: { hoisted: index } });
    at = text.indexOf(MARK, to);
  }
  return found;
}

const isDigit = (c: number) => c >= 0x30 && c <= 0x39;

/** What a link inside a text may follow, in Chinese too: HTML's quoted attributes are none. */
const BEFORE = /[\s(<:,\uff1a\uff0c]/;
/** What no link holds. */
const AFTER = /[\s"'<>()[\]{}|\\^`\u3000-\u303f\uff01-\uff20]/;
/** The end of a sentence is not that of its link. */
const ENDING = /[.,;:!?]$/;

/** Links whose path ends as a picture's does. */
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

/** What a chat message says, and shows. */
export interface MessageContent {
  /** In the first of its forms that has any: the same picture may be in several. */
  pictures: ImageSource[];
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

/** Pictures of one item or of a list of them. */
export function imageSourcesIn(value: unknown): ImageSource[] {
  return (Array.isArray(value) ? value : [value]).flatMap((item) => sourceInItem(item) ?? []);
}

/** Where an item may have its picture, at any depth; base64 before a URL, which has to be fetched. */
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

function distinct(carriers: readonly ImageSource[]): ImageSource[] {
  return [...new Map(carriers.map((carrier) => ["url" in carrier ? carrier.url : carrier.hoisted, carrier])).values()];
}
