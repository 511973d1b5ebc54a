import { placeholderIndex, isObject } from "../image/wire.ts";
import type { ImageSource } from "./vendor.ts";

// What vendors send, read loosely: whatever a value is, what is asked for or what is empty in its place.

/** The object, or an empty one. */
export function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

/** The list, or an empty one. */
export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text without the space around it; undefined for none and for an empty one. */
export function asText(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/** A code, which is a number or a word. */
export function asCode(value: unknown): number | string | undefined {
  return typeof value === "number" ? value : asText(value);
}

/** What an answer says of itself, most of all of what went wrong, wherever vendors have been seen to put that. */
export function errorMessageIn({ error, message, msg }: Record<string, unknown>): string | undefined {
  return asText(asObject(error)["message"]) ?? asText(message) ?? asText(msg) ?? asText(error);
}

/** The picture that a text stands for: one that was hoisted, else whatever is behind the URL that it then is. */
export function imageSource(value: unknown): ImageSource | undefined {
  const url = asText(value);
  const index = placeholderIndex(url ?? "");
  if (index !== undefined) return { hoisted: index };
  return url === undefined ? undefined : { url };
}

/** The picture of an item with `b64_json` and `url`, one of which may be empty; base64 needs no second call. */
export function imageSourceIn(item: unknown): ImageSource | undefined {
  const { b64_json: base64, url } = asObject(item);
  const inline = imageSource(base64);
  return inline !== undefined && "hoisted" in inline ? inline : imageSource(url);
}
