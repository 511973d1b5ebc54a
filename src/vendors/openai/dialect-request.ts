import { invalidField } from "../../errors.ts";
import { type ImageRequest, type StoredPicture, TIERS } from "../../image/request.ts";
import { readContents } from "../contents.ts";
import { readReference } from "../reference-fields.ts";
import { parseWire, readSize, unknownFields } from "../request-schema.ts";
import type { ParsedRequest } from "../vendor.ts";
import { DEFAULT_MODEL, type PictureWire, promptWire, type RequestWire, requestWire, UNAVAILABLE } from "./wire.ts";

/** Fields that are not text; a form has nothing else. */
const NUMBERS: readonly string[] = ["n", "seed", "output_compression", "partial_images"];
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map([
  ["true", true],
  ["false", false],
]);

/**
 * A form's fields as JSON would have them, for the schema to judge. An empty field asks for nothing, and `null` is what
 * OpenAI's SDK tells its users to write for that.
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

/** What a client asks for at either path, by JSON or by a form. Throws invalid_request. */
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

/** The same where something must be there to be changed. */
export function readEditRequest(body: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest {
  const asked = readRequest(body, pictures, headers);
  const { references, turns = [] } = asked.request;
  if (references.length > 0 || turns.some((turn) => turn.references.length > 0)) return asked;
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

/** The pictures of both fields, and what the client calls each. */
function imageFieldsOf({ image = [], images = [] }: RequestWire): { text: string; field: string }[] {
  const list = (name: string, items: PictureWire[]) =>
    items.map((item, index) => ({ text: urlOf(item), field: `${name}[${index}]` }));
  const own = Array.isArray(image) ? list("image", image) : [{ text: urlOf(image), field: "image" }];
  return [...own, ...list("images", images)];
}

function urlOf(item: PictureWire): string {
  return typeof item === "string" ? item : item.image_url;
}

/** A client's own word is cut short: it goes into a header. */
function dropWarning(field: string, value: string | number, why: string): string {
  return `${field} ${String(value).slice(0, 40)} was left out: ${why}`;
}

/** OpenAI's own gpt-image models answer base64 unless told otherwise. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}
