import { SizeCap } from "./size-cap.ts";
import { warnDropped, joinValues, drop, reject, shorten, type FitContext } from "./fit-context.ts";
import { fitShape } from "./fit-shape.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { type ImageRequest, namedReferences, type Reference, referencesOf, type Tier, type Turn } from "./request.ts";

/** Names that vendors use for the same quality; used only if the vendor lacks the requested one. */
const QUALITY_SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["standard", "medium"],
  ["medium", "standard"],
  ["hd", "high"],
  ["high", "hd"],
]);

/** A request normalized for one vendor's model. */
export interface FitResult {
  request: ImageRequest;
  /** Everything dropped or rewritten. */
  warnings: string[];
  /** Number of requested values dropped because the vendor has no field for them. */
  droppedCount: number;
}

/** Facts that decide how a request is fitted, but are not in it. */
export interface FitOptions {
  /** The caller can convert the result to any output format. */
  converts?: boolean;
  /** Fields that the dialect's document sets by default: dropped without a warning if the model cannot honour them. */
  defaulted?: readonly ("size" | "aspectRatio")[] | undefined;
  /** The largest size that the API key allows. */
  maxSize?: Tier | undefined;
  /** The model's published pixels, the same at every vendor. */
  pixels?: PixelTable | undefined;
}

/**
 * Normalize a request for one vendor's model. Throws invalid_request with the field and its allowed values, and
 * forbidden if the model generates no picture as small as `maxSize`. Two things are left to the caller: `n`, because it
 * can send several calls, and URLs whose scheme the gateway can fetch but the vendor does not take.
 */
export function fit(
  request: ImageRequest,
  modelSpec: ModelSpec,
  { converts = false, defaulted = [], maxSize, pixels }: FitOptions = {},
): FitResult {
  const sizeCap = maxSize === undefined ? undefined : new SizeCap(maxSize, modelSpec, pixels);
  const spec = sizeCap?.restrict(request.model) ?? modelSpec;
  const context: FitContext = { request: { ...request }, spec, warnings: [], droppedCount: 0 };
  for (const field of defaulted) {
    const allowed: readonly (string | undefined)[] = field === "size" ? spec.sizes : spec.ratios;
    if (!allowed.includes(request[field])) delete context.request[field];
  }
  sizeCap?.applyDefault(context.request);
  fitTurns(context);
  fitShape(context);
  // By now, pixels that the model does not take have been dropped.
  sizeCap?.applyDefault(context.request);
  fitQuality(context);
  fitExtras(context, converts);
  checkReferences(context, request);
  return { request: context.request, warnings: context.warnings, droppedCount: context.droppedCount };
}

/** For a model without turns, put the texts of the turns into the prompt and their pictures before the references. */
function fitTurns(context: FitContext): void {
  const { request, spec, warnings } = context;
  const { turns = [], prompt, references } = request;
  if (turns.length === 0) delete request.turns;
  if (turns.length === 0) return;
  const keptTurns = keepNewestPictures(turns, Math.max(0, spec.references - references.length));
  const droppedPictures = countReferences(turns) - countReferences(keptTurns);
  // A long chat must not fail because of the pictures at its beginning.
  if (droppedPictures > 0)
    drop(
      context,
      `turns lost their ${droppedPictures} oldest pictures: ${shorten(request.model)} takes ${spec.references} here`,
    );
  request.turns = keptTurns;
  if (spec.turns) return;
  const lines = keptTurns.flatMap(({ role, text }) => (text === undefined ? [] : `${SPEAKERS[role]}: ${text}`));
  request.prompt = [...lines, lines.length === 0 ? prompt : `${SPEAKERS.user}: ${prompt}`].join("\n\n");
  request.references = [...keptTurns.flatMap((turn) => turn.references), ...references];
  delete request.turns;
  warnings.push(`turns were joined into one prompt: ${shorten(request.model)} does not take them here`);
}

const countReferences = (turns: readonly Turn[]) => turns.reduce((sum, turn) => sum + turn.references.length, 0);

/** Return the turns with at most `pictures` of their references, the newest ones. */
function keepNewestPictures(turns: readonly Turn[], pictures: number): Turn[] {
  let excess = countReferences(turns) - pictures;
  return turns.map((turn) => {
    const excessHere = Math.max(0, Math.min(excess, turn.references.length));
    excess -= excessHere;
    return excessHere === 0 ? turn : { ...turn, references: turn.references.slice(excessHere) };
  });
}

const SPEAKERS: Record<Turn["role"], string> = { user: "User", model: "Assistant" };

function fitQuality(context: FitContext): void {
  const { request, spec, warnings } = context;
  const { model, quality } = request;
  if (quality === undefined || spec.qualities.includes(quality)) return;
  delete request.quality;
  // "auto" requests no particular quality, the same as no field at all.
  if (quality === "auto") return;
  const synonym = QUALITY_SYNONYMS.get(quality);
  if (synonym !== undefined && spec.qualities.includes(synonym)) {
    request.quality = synonym;
    warnings.push(`quality ${quality} is drawn as ${synonym}`);
  } else if (spec.qualities.length > 0)
    reject(
      "quality",
      `quality ${shorten(quality)} is not offered by ${shorten(model)} here; allowed: ${joinValues(spec.qualities)}`,
    );
  else warnDropped(context, `quality ${shorten(quality)}`);
}

function fitExtras(context: FitContext, converts: boolean): void {
  const { request, spec } = context;
  const { seed, outputFormat } = request;
  if (seed !== undefined && !spec.seed) {
    delete request.seed;
    warnDropped(context, "seed");
  }
  if (outputFormat !== undefined && !spec.formats.includes(outputFormat)) {
    delete request.outputFormat;
    const why = spec.formats.length > 0 ? `; allowed: ${joinValues(spec.formats)}` : "; the format is not selectable";
    if (!converts) warnDropped(context, `outputFormat ${outputFormat}`, why);
  }
  if (request.mask !== undefined && !spec.mask)
    reject(
      "mask",
      `mask is not taken by ${shorten(request.model)} here; leave it out, and say in the prompt what to change`,
    );
}

/** Check number, sizes and URL schemes. Joined turns have moved references; errors name their field in `original`. */
function checkReferences({ request, spec }: FitContext, original: ImageRequest): void {
  const { model } = request;
  const count = referencesOf({ ...request, mask: undefined }).length;
  if (count > spec.references)
    reject("references", `references has ${count} pictures; ${shorten(model)} takes at most ${spec.references} here`);
  const fields = new Map(namedReferences(original).map(([field, reference]) => [reference, field]));
  for (const reference of referencesOf(request)) checkReference(reference, fields.get(reference) ?? "references", spec);
}

/** Schemes that the gateway fetches if the vendor does not. */
const FETCHED_SCHEMES = ["https", "http"];

function checkReference(reference: Reference, field: string, { referenceSchemes, referenceBytes }: ModelSpec): void {
  if ("picture" in reference) {
    const { bytes } = reference.picture;
    if (bytes > (referenceBytes ?? Infinity))
      reject(field, `${field} has ${bytes} bytes; allowed: ${referenceBytes} bytes`);
    return;
  }
  // Only the scheme is named: the rest of the URL may carry a signature.
  const scheme = /^([a-z][a-z0-9+.-]{0,19}):\/\//i.exec(reference.url)?.[1]?.toLowerCase();
  const allowedSchemes = [...new Set([...referenceSchemes, ...FETCHED_SCHEMES])];
  if (scheme !== undefined && allowedSchemes.some((allowed) => allowed === scheme)) return;
  reject(
    field,
    `${field} has a URL ${scheme === undefined ? "without a scheme" : `of scheme ${scheme}`}; allowed: ${joinValues(allowedSchemes)}`,
  );
}
