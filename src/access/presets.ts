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

/** Stands in a preset's prompt for the caller's own words. */
const PLACE = "{prompt}";
/** Fields that a preset may leave to the caller; those of a query are texts and numbers. */
const OF_QUERY = ["prompt", "model", ...(Object.keys(shapeFields) as (keyof typeof shapeFields)[])] as const;
const VARIABLE = [...OF_QUERY, "references"] as const;
const NUMBERS = ["width", "height", "seed"];

const presetWire = z.strictObject({
  prompt: optional(promptText),
  model: optional(modelName),
  ...shapeFields,
  references: optional(z.array(z.string())),
  vary: optional(z.array(z.enum(VARIABLE))),
  version: optional(z.int()),
});
const queryWire = z.strictObject({ prompt: optional(promptText), model: optional(modelName), ...shapeFields });

/** A request that is made in advance, but for what it leaves to the caller. */
export interface Preset extends Omit<z.infer<typeof presetWire>, "prompt" | "references" | "vary"> {
  /** With `{prompt}` where the caller's words go. */
  prompt: string;
  /** URLs. */
  references: readonly string[];
  /** What the caller may set; the preset's own value is the default. */
  vary: readonly (typeof VARIABLE)[number][];
}

/** Reads a preset as JSON has it. Throws invalid_request that names the field and what is allowed. */
export function parsePreset(wire: unknown, limits: Pick<Limits, "promptChars" | "references">): Preset {
  const { prompt = PLACE, references = [], vary = ["prompt"], ...fixed } = parseWire(presetWire, wire);
  const varies = (field: (typeof VARIABLE)[number]) => vary.includes(field);
  if (varies("prompt") && !prompt.includes(PLACE))
    throw invalidField(
      "prompt",
      `must have ${PLACE} where the caller's words go; or leave prompt out of vary, as in "vary": []`,
    );
  if (!varies("prompt") && prompt.includes(PLACE))
    throw invalidField("vary", `must have prompt, or prompt no ${PLACE}: nobody could fill it`);
  if (prompt.length > limits.promptChars)
    throw invalidField("prompt", `must have at most ${limits.promptChars} characters`);
  if (fixed.aspectRatio !== undefined && parseRatio(fixed.aspectRatio) === undefined)
    throw invalidField("aspectRatio", "must be W:H, as in 16:9");
  for (const [one, other] of [
    ["width", "height"],
    ["height", "width"],
  ] as const)
    if (fixed[one] !== undefined && fixed[other] === undefined && !varies(other))
      throw invalidField(other, `is needed beside ${one}`);
  if (references.length > limits.references)
    throw invalidField("references", `must be at most ${limits.references} pictures`);
  references.forEach((url, index) => readUrl(url, `references[${index}]`, ["https", "http"]));
  return { ...fixed, prompt, references, vary: [...new Set(vary)] };
}

/** Reads the var PRESETS, name → preset. Throws an Error with the path at fault and what is allowed there. */
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

/** The request that a preset and a caller make together; `given` are the fields that the caller set. Throws invalid_request. */
export function applyPreset(
  name: string,
  preset: Preset,
  request: ImageRequest,
  given: readonly string[],
): ImageRequest {
  const { prompt, references, vary, version: _, ...fixed } = preset;
  const set = (...fields: string[]) => fields.some((field) => given.includes(field));
  const other = given.find((field) => !vary.some((each) => each === field));
  if (other !== undefined) {
    const may = vary.length === 0 ? "it leaves nothing open" : `what may be set is ${vary.join(", ")}`;
    throw invalidField(other, `cannot be set with the preset ${name}; ${may}`);
  }
  if (vary.includes("prompt") && !set("prompt")) throw invalidField("prompt", `is required with the preset ${name}`);
  // Pixels stand in place of a size and a ratio, whoever says which.
  const base = { ...fixed };
  if (set("width", "height")) for (const field of ["size", "aspectRatio"] as const) delete base[field];
  if (set("size", "aspectRatio")) for (const field of ["width", "height"] as const) delete base[field];
  const own = Object.fromEntries(Object.entries(request).filter(([field]) => given.includes(field)));
  return {
    n: 1,
    references: references.map((url) => ({ url })),
    ...base,
    model: fixed.model ?? DEFAULT_MODEL,
    ...own,
    // A function, because a text would have its $& and $' read.
    prompt: prompt.replaceAll(PLACE, () => request.prompt),
  };
}

/** The fields of a query as a request has them, and which they are. Throws invalid_request. */
export function parsePresetQuery(fields: Readonly<Record<string, string>>): { request: ImageRequest; given: string[] } {
  const values = Object.entries(fields).map(([name, text]): [string, unknown] => {
    if (!NUMBERS.includes(name)) return [name, text];
    if (!/^-?\d{1,15}$/.test(text))
      throw invalidField(name, "must be a number without a fraction, of at most 15 digits");
    return [name, Number(text)];
  });
  const { prompt = "", model = DEFAULT_MODEL, ...shape } = parseWire(queryWire, Object.fromEntries(values));
  return { request: { ...shape, prompt, model, n: 1, references: [] }, given: Object.keys(fields) };
}
