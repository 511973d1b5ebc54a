import { readReference } from "./base64.ts";
import { isObject, oneOf, onlyKeys, Refusal, text } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";

const TIERS: Record<string, string[]> = { "aquarelle-1": ["1K"], "gpt-image-2": ["1K", "2K", "4K"] };
const RATIOS = ["1:1", "2:3", "3:2", "9:16", "16:9"];
const MEDIA = ["image/png", "image/jpeg", "image/webp"];
const SOURCE_BYTES = 10_000_000;

/** Reject a body that the document does not allow. Returns the body with base64 replaced. */
export function checkAquarelle(body: Json | undefined): JsonObject {
  if (!isObject(body)) throw new Refusal(400, "the body is not an object");
  onlyKeys(body, ["engine", "text", "sheets", "format", "sources", "stencil", "random"]);
  const engine = text(body.engine, "engine");
  const tiers = Object.hasOwn(TIERS, engine) ? TIERS[engine] : undefined;
  if (tiers === undefined) throw new Refusal(404, `no such engine: ${engine}`);
  text(body.text, "text");
  whole(body.sheets, 1, 4, "sheets");
  whole(body.random, 0, 4_294_967_295, "random");
  checkFormat(body.format, tiers);
  const { sources = [], stencil, ...rest } = body;
  if (!Array.isArray(sources) || sources.length > 4) throw new Refusal(400, "sources must be a list of at most 4");
  if (stencil !== undefined && engine !== "gpt-image-2") throw new Refusal(400, `stencil is not for ${engine}`);
  if (stencil !== undefined && sources.length === 0) throw new Refusal(400, "stencil needs sources");
  return {
    ...rest,
    ...(body.sources !== undefined && { sources: sources.map((source, n) => readSource(source, `sources[${n}]`)) }),
    ...(stencil !== undefined && { stencil: readSource(stencil, "stencil") }),
  };
}

function whole(value: Json | undefined, min: number, max: number, name: string): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
    throw new Refusal(400, `${name} must be a whole number from ${min} to ${max}`);
}

function checkFormat(format: Json | undefined, tiers: string[]): void {
  if (format === undefined) return;
  if (!isObject(format)) throw new Refusal(400, "format must be {ratio, tier}");
  onlyKeys(format, ["ratio", "tier"], "format.");
  oneOf(format.ratio, RATIOS, "format.ratio");
  oneOf(format.tier, tiers, "format.tier");
}

function readSource(source: Json, name: string): Json {
  if (!isObject(source)) throw new Refusal(400, `${name} must be {kind, value}`);
  const value = text(source.value, `${name}.value`);
  if (source.kind === "uri") {
    onlyKeys(source, ["kind", "value"], `${name}.`);
    if (!value.startsWith("https://")) throw new Refusal(400, `${name}.value must be an https URL`);
    return source;
  }
  onlyKeys(source, ["kind", "value", "media"], `${name}.`);
  if (source.kind !== "data") throw new Refusal(400, `${name}.kind must be uri or data`);
  const media = text(source.media, `${name}.media`);
  oneOf(media, MEDIA, `${name}.media`);
  const seen = readReference(value, media, `${name}.value`);
  if (seen.bytes > SOURCE_BYTES) throw new Refusal(400, `${name} must have at most ${SOURCE_BYTES} bytes`);
  return { kind: "data", value: { ...seen }, media };
}
