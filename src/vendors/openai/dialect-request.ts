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
function typed(form: unknown): unknown {
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
export function readAsked(body: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest {
  const isForm = /^\s*multipart\//i.test(headers.get("content-type") ?? "");
  const wire = isForm ? typed(body) : body;
  const asked = parseWire(requestWire, wire);
  const { model = DEFAULT_MODEL, stream } = asked;
  const format = asked.response_format ?? (isGptImage(model) ? "b64_json" : "url");
  const warnings = unknownFields(requestWire, wire);
  for (const [field, nothing] of Object.entries(UNAVAILABLE)) {
    const value = asked[field as keyof typeof UNAVAILABLE];
    if (value !== undefined && value !== nothing) warnings.push(leftOut(field, value, "no vendor here takes it"));
  }
  if (stream === true && asked.response_format === "url") {
    warnings.push(leftOut("response_format", "url", "events have their pictures in base64"));
  }
  const { references: shown, fields: where, ...said } = readPrompt(asked, wire, pictures);
  const given = picturesOf(asked);
  const request: ImageRequest = {
    model,
    ...said,
    n: asked.n ?? 1,
    ...readSize(asked.size, TIERS),
    aspectRatio: asked.aspect_ratio === "auto" ? undefined : asked.aspect_ratio,
    seed: asked.seed,
    quality: asked.quality,
    outputFormat: asked.output_format,
    references: [...shown, ...given.map(({ text, field }) => readReference(text, pictures, field))],
    mask: asked.mask === undefined ? undefined : readReference(urlOf(asked.mask), pictures, "mask"),
  };
  const names = given.map(({ field }, index) => [`references[${shown.length + index}]`, field] as const);
  const fields: Record<string, string> = { ...where, ...Object.fromEntries(names) };
  fields["references"] = asked.image === undefined ? "images" : "image";
  return { request, warnings, responseFormat: format === "url" ? "url" : "base64", stream, fields };
}

/** The same where something must be there to be changed. */
export function readEdit(body: unknown, pictures: StoredPicture[], headers: Headers): ParsedRequest {
  const asked = readAsked(body, pictures, headers);
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
function picturesOf({ image = [], images = [] }: RequestWire): { text: string; field: string }[] {
  const list = (name: string, items: PictureWire[]) =>
    items.map((item, index) => ({ text: urlOf(item), field: `${name}[${index}]` }));
  const own = Array.isArray(image) ? list("image", image) : [{ text: urlOf(image), field: "image" }];
  return [...own, ...list("images", images)];
}

function urlOf(item: PictureWire): string {
  return typeof item === "string" ? item : item.image_url;
}

/** A client's own word is cut short: it goes into a header. */
function leftOut(field: string, value: string | number, why: string): string {
  return `${field} ${String(value).slice(0, 40)} was left out: ${why}`;
}

/** OpenAI's own gpt-image models answer base64 unless told otherwise. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}
