import { invalidField } from "../../errors.ts";
import { type ImageRequest, type StoredPicture, TIERS } from "../../image/request.ts";
import { readContents } from "../contents.ts";
import { readReference } from "../reference-fields.ts";
import { parseWire, readSize, unknownFields } from "../request-schema.ts";
import type { ParsedRequest } from "../vendor.ts";
import { DEFAULT_MODEL, type PictureWire, promptWire, type RequestWire, requestWire, UNAVAILABLE } from "./wire.ts";

/** Fields that are numbers in JSON; a form sends every field as text. */
const NUMBERS: readonly string[] = ["n", "seed", "output_compression", "partial_images"];
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

/**
 * Convert a form's text fields to the types that JSON would have, so that the schema can check them. An empty field
 * counts as absent, and so does `null`, which OpenAI's SDK documents for that.
 */
function typedForm(form: unknown): unknown {
  return Object.fromEntries(
    Object.entries(form as Record<string, unknown>).map(([name, value]) => [name, typedValue(name, value)]),
  );
}

function typedValue(name: string, value: unknown): unknown {
  if (name === "prompt" || typeof value !== "string") return value;
  if (value === "" || value === "null") return null;
  if (name === "stream") return BOOLEANS.get(value.toLowerCase()) ?? value;
  return NUMBERS.includes(name) && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value;
}

/** Decode a client's request at either path, from JSON or from a form. Throws invalid_request. */
export function readRequest(body: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest {
  const isForm = /^\s*multipart\//i.test(headers.get("content-type") ?? "");
  const wire = isForm ? typedForm(body) : body;
  const parsed = parseWire(requestWire, wire);
  const { model = DEFAULT_MODEL, stream } = parsed;
  const format = parsed.response_format ?? (isGptImage(model) ? "b64_json" : "url");
  const warnings = unknownFields(requestWire, wire);
  for (const [field, neutral] of Object.entries(UNAVAILABLE)) {
    const value = parsed[field as keyof typeof UNAVAILABLE];
    if (value !== undefined && value !== neutral) warnings.push(dropWarning(field, value, "no vendor here takes it"));
  }
  if (stream === true && parsed.response_format === "url") {
    warnings.push(dropWarning("response_format", "url", "events have their pictures in base64"));
  }
  const { references: contentReferences, fields: contentFields, ...content } = readPrompt(parsed, wire, pictures);
  const imageFields = imageFieldsOf(parsed);
  const request: ImageRequest = {
    model,
    ...content,
    n: parsed.n ?? 1,
    ...readSize(parsed.size, TIERS),
    aspectRatio: parsed.aspect_ratio === "auto" ? undefined : parsed.aspect_ratio,
    seed: parsed.seed,
    quality: parsed.quality,
    outputFormat: parsed.output_format,
    references: [...contentReferences, ...imageFields.map(({ text, field }) => readReference(text, pictures, field))],
    mask: parsed.mask === undefined ? undefined : readReference(urlOf(parsed.mask), pictures, "mask"),
  };
  const names = imageFields.map(
    ({ field }, index) => [`references[${contentReferences.length + index}]`, field] as const,
  );
  const fields: Record<string, string> = { ...contentFields, ...Object.fromEntries(names) };
  fields["references"] = parsed.image === undefined ? "images" : "image";
  return { request, warnings, responseFormat: format === "url" ? "url" : "base64", stream, fields };
}

/** Decode an edit, which must have at least one picture. Throws invalid_request. */
export function readEditRequest(body: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest {
  const parsed = readRequest(body, pictures, headers);
  const { references, turns = [] } = parsed.request;
  if (references.length > 0 || turns.some((turn) => turn.references.length > 0)) return parsed;
  throw invalidField("image", "is required: a PNG, JPEG or WebP picture, or several");
}

function readPrompt(
  { contents, prompt }: RequestWire,
  wire: unknown,
  pictures: readonly StoredPicture[],
): ReturnType<typeof readContents> {
  if (contents !== undefined) return readContents(contents, pictures, "contents", prompt);
  return { prompt: parseWire(promptWire, wire).prompt, references: [], turns: undefined, fields: {} };
}

/** The pictures of both fields, each with the client's name for it. */
function imageFieldsOf({ image = [], images = [] }: RequestWire): { text: string; field: string }[] {
  const itemsOf = (name: string, items: PictureWire[]) =>
    items.map((item, index) => ({ text: urlOf(item), field: `${name}[${index}]` }));
  const single = Array.isArray(image) ? itemsOf("image", image) : [{ text: urlOf(image), field: "image" }];
  return [...single, ...itemsOf("images", images)];
}

function urlOf(item: PictureWire): string {
  return typeof item === "string" ? item : item.image_url;
}

/** Write a warning about a dropped field. The client's value is shortened, because warnings go into a header. */
function dropWarning(field: string, value: string | number, why: string): string {
  return `${field} ${String(value).slice(0, 40)} was left out: ${why}`;
}

/** Check for OpenAI's gpt-image models, which return base64 by default. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}
