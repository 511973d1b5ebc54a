import { placeholderIndex } from "../image/wire.ts";
import { isObject } from "../json.ts";
import type { ImageSource } from "./vendor.ts";

// Lenient readers for vendors' JSON: each returns the value if it has the expected type, else an empty value.

/** The object, or an empty object. */
export function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

/** The list, or an empty list. */
export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text without surrounding white space; undefined if it is empty or no text. */
export function asText(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/** An error code: a number or a text. */
export function asCode(value: unknown): number | string | undefined {
  return typeof value === "number" ? value : asText(value);
}

/** The message in a response, usually an error's, from any of the places where vendors have been seen to put it. */
export function errorMessageIn({ error, message, msg }: Record<string, unknown>): string | undefined {
  return asText(asObject(error)["message"]) ?? asText(message) ?? asText(msg) ?? asText(error);
}

/** The picture that a text represents: a hoisted picture, or else the text as a URL. */
export function imageSource(value: unknown): ImageSource | undefined {
  const url = asText(value);
  const index = placeholderIndex(url ?? "");
  if (index !== undefined) return { hoisted: index };
  return url === undefined ? undefined : { url };
}

/** The picture of an item with `b64_json` and `url`, either of which may be empty. Base64 comes first: no download. */
export function imageSourceIn(item: unknown): ImageSource | undefined {
  const { b64_json: base64, url } = asObject(item);
  const inline = imageSource(base64);
  return inline !== undefined && "hoisted" in inline ? inline : imageSource(url);
}
