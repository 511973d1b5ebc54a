import { GatewayError } from "../../errors.ts";
import { type ImageRequest, type Reference, type StoredPicture, TIERS } from "../../image/request.ts";
import { readContents } from "../contents.ts";
import { readReference } from "../references.ts";
import { parseWire, readSize, unknownFields } from "../strict.ts";
import type { Asked } from "../vendor.ts";
import { typed } from "./form.ts";
import { DEFAULT_MODEL, type PictureWire, promptWire, type RequestWire, requestWire, UNAVAILABLE } from "./wire.ts";

const SCHEMES = ["https", "http"];

/** What a client asks for at either path, by JSON or by a form. Throws invalid_request. */
export function readAsked(body: unknown, pictures: StoredPicture[], headers: Headers): Asked {
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
  const { references, ...said } = readPrompt(asked, wire, pictures);
  const request: ImageRequest = {
    model,
    ...said,
    n: asked.n ?? 1,
    ...readSize(asked.size, TIERS),
    aspectRatio: asked.aspect_ratio === "auto" ? undefined : asked.aspect_ratio,
    seed: asked.seed,
    quality: asked.quality,
    outputFormat: asked.output_format,
    references: [...references, ...readPictures(asked, pictures)],
    mask: asked.mask === undefined ? undefined : readPicture(asked.mask, pictures, "mask"),
  };
  return { request, warnings, as: format === "url" ? "url" : "base64", stream };
}

/** The same where something must be there to be changed. */
export function readEdit(body: unknown, pictures: StoredPicture[], headers: Headers): Asked {
  const asked = readAsked(body, pictures, headers);
  const { references, turns = [] } = asked.request;
  if (references.length > 0 || turns.some((turn) => turn.references.length > 0)) return asked;
  const message = "image is required: a PNG, JPEG or WebP picture, or several.";
  throw new GatewayError("invalid_request", message, { field: "image" });
}

function readPrompt(
  { contents, prompt }: RequestWire,
  wire: unknown,
  pictures: readonly StoredPicture[],
): Pick<ImageRequest, "prompt" | "references" | "turns"> {
  if (contents !== undefined) return readContents(contents, pictures, "contents", prompt);
  return { prompt: parseWire(promptWire, wire).prompt, references: [] };
}

function readPictures({ image = [], images = [] }: RequestWire, pictures: readonly StoredPicture[]): Reference[] {
  const list = (field: string, items: PictureWire[]) =>
    items.map((item, index) => readPicture(item, pictures, `${field}[${index}]`));
  const own = Array.isArray(image) ? list("image", image) : [readPicture(image, pictures, "image")];
  return [...own, ...list("images", images)];
}

function readPicture(item: PictureWire, pictures: readonly StoredPicture[], field: string): Reference {
  if (typeof item === "string") return readReference(item, pictures, field, SCHEMES);
  return readReference(item.image_url, pictures, `${field}.image_url`, SCHEMES);
}

/** A client's own word is short and ASCII where it goes into a header. */
function leftOut(field: string, value: string | number, why: string): string {
  return `${field} ${String(value).slice(0, 40)} was left out: ${why}`;
}

/** OpenAI's own gpt-image models answer base64 unless told otherwise. */
function isGptImage(model: string): boolean {
  return /(?:^|\/)gpt-image/.test(model);
}
