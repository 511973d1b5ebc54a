import * as z from "zod/mini";
import { GatewayError, invalidField } from "../errors.ts";
import { DEFAULT_MODEL } from "../image/catalog.ts";
import type { ImageRequest } from "../image/request.ts";
import { parseRatio } from "../image/size.ts";
import { parseVarObject } from "../json.ts";
import { readUrl } from "../vendors/reference-fields.ts";
import { modelName, optional, parseWire, promptText, shapeFields } from "../vendors/request-schema.ts";
import type { Limits } from "../limits.ts";
import { isName, NAME } from "./names.ts";

/** Marks the place of the client's own words in a preset's prompt. */
const PROMPT_TAG = "{prompt}";
/** Fields that a preset may leave open to the client; in a query they are text and numbers. */
const QUERY_FIELDS = ["prompt", "model", ...(Object.keys(shapeFields) as (keyof typeof shapeFields)[])] as const;
const VARIABLE_FIELDS = [...QUERY_FIELDS, "references"] as const;
const NUMBER_FIELDS = ["width", "height", "seed"];

const presetSchema = z.strictObject({
  prompt: optional(promptText),
  model: optional(modelName),
  ...shapeFields,
  references: optional(z.array(z.string())),
  vary: optional(z.array(z.enum(VARIABLE_FIELDS))),
  version: optional(z.int()),
});
const querySchema = z.strictObject({ prompt: optional(promptText), model: optional(modelName), ...shapeFields });

/** A request prepared in advance, except for the fields that it leaves open to the client. */
export interface Preset extends Omit<z.infer<typeof presetSchema>, "prompt" | "references" | "vary"> {
  /** With `{prompt}` in the place of the client's words. */
  prompt: string;
  /** URLs. */
  references: readonly string[];
  /** Fields that the client may set; the preset's own value is the default. */
  vary: readonly (typeof VARIABLE_FIELDS)[number][];
}

/** Parse a preset from JSON. Throws invalid_request with the field and what is allowed. */
export function parsePreset(wire: unknown, limits: Pick<Limits, "promptChars" | "references">): Preset {
  const { prompt = PROMPT_TAG, references = [], vary = ["prompt"], ...fixed } = parseWire(presetSchema, wire);
  const varies = (field: (typeof VARIABLE_FIELDS)[number]) => vary.includes(field);
  if (varies("prompt") && !prompt.includes(PROMPT_TAG))
    throw invalidField(
      "prompt",
      `must have ${PROMPT_TAG} where the caller's words go; or leave prompt out of vary, as in "vary": []`,
    );
  if (!varies("prompt") && prompt.includes(PROMPT_TAG))
    throw invalidField("vary", `must have prompt, or prompt no ${PROMPT_TAG}: nobody could fill it`);
  if (prompt.length > limits.promptChars)
    throw invalidField("prompt", `must have at most ${limits.promptChars} characters`);
  if (fixed.aspectRatio !== undefined && parseRatio(fixed.aspectRatio) === undefined)
    throw invalidField("aspectRatio", "must be W:H, as in 16:9");
  for (const [side, otherSide] of [
    ["width", "height"],
    ["height", "width"],
  ] as const)
    if (fixed[side] !== undefined && fixed[otherSide] === undefined && !varies(otherSide))
      throw invalidField(otherSide, `is needed beside ${side}`);
  if (references.length > limits.references)
    throw invalidField("references", `must be at most ${limits.references} pictures`);
  references.forEach((url, index) => readUrl(url, `references[${index}]`, ["https", "http"]));
  return { ...fixed, prompt, references, vary: [...new Set(vary)] };
}

/**
 * Parse the var PRESETS, an object of name to preset. Throws an Error with the path of the invalid value and what is
 * allowed there.
 */
export function parsePresets(json: string | undefined, limits: Limits): ReadonlyMap<string, Preset> {
  const presets = new Map<string, Preset>();
  const wires = json === undefined ? {} : parseVarObject("PRESETS", json, "an object: name to preset");
  for (const [name, wire] of Object.entries(wires)) {
    if (!isName(name)) throw new Error(`PRESETS.${name} must be ${NAME}`);
    try {
      presets.set(name, parsePreset(wire, limits));
    } catch (error) {
      throw error instanceof GatewayError ? new Error(`PRESETS.${name}: ${error.message}`) : error;
    }
  }
  return presets;
}

/** Combine a preset with a client's request; `setFields` are the fields that the client set. Throws invalid_request. */
export function applyPreset(
  name: string,
  preset: Preset,
  request: ImageRequest,
  setFields: readonly string[],
): ImageRequest {
  const { prompt, references, vary, version: _, ...fixed } = preset;
  const isSet = (...fields: string[]) => fields.some((field) => setFields.includes(field));
  const fixedField = setFields.find((field) => !vary.some((open) => open === field));
  if (fixedField !== undefined) {
    const allowed = vary.length === 0 ? "it leaves nothing open" : `what may be set is ${vary.join(", ")}`;
    throw invalidField(fixedField, `cannot be set with the preset ${name}; ${allowed}`);
  }
  if (vary.includes("prompt") && !isSet("prompt")) throw invalidField("prompt", `is required with the preset ${name}`);
  // Width and height replace size and aspect ratio, and the reverse, whether the preset or the client sets them.
  const base = { ...fixed };
  if (isSet("width", "height")) for (const field of ["size", "aspectRatio"] as const) delete base[field];
  if (isSet("size", "aspectRatio")) for (const field of ["width", "height"] as const) delete base[field];
  const overrides = Object.fromEntries(Object.entries(request).filter(([field]) => setFields.includes(field)));
  return {
    n: 1,
    references: references.map((url) => ({ url })),
    ...base,
    model: fixed.model ?? DEFAULT_MODEL,
    ...overrides,
    // A function, because replaceAll would interpret $& and $' in a string.
    prompt: prompt.replaceAll(PROMPT_TAG, () => request.prompt),
  };
}

/** Parse the fields of a query into a request, with the names of the fields set. Throws invalid_request. */
export function parsePresetQuery(fields: Readonly<Record<string, string>>): { request: ImageRequest; given: string[] } {
  const values = Object.entries(fields).map(([name, text]): [string, unknown] => {
    if (!NUMBER_FIELDS.includes(name)) return [name, text];
    if (!/^-?\d{1,15}$/.test(text))
      throw invalidField(name, "must be a number without a fraction, of at most 15 digits");
    return [name, Number(text)];
  });
  const { prompt = "", model = DEFAULT_MODEL, ...shape } = parseWire(querySchema, Object.fromEntries(values));
  return { request: { ...shape, prompt, model, n: 1, references: [] }, given: Object.keys(fields) };
}
