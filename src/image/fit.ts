import { SizeCap } from "./size-cap.ts";
import { warnDropped, joinValues, lost, reject, shorten, type FitContext } from "./fit-context.ts";
import { fitShape } from "./fit-shape.ts";
import type { ModelSpec, PixelTable } from "./model-spec.ts";
import { type ImageRequest, namedReferences, type Reference, referencesOf, type Tier, type Turn } from "./request.ts";

/** Words that vendors use for the same step; only used where the vendor lacks the word that was sent. */
const QUALITY_SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["standard", "medium"],
  ["medium", "standard"],
  ["hd", "high"],
  ["high", "hd"],
]);

/** The request as a vendor's model takes it. */
export interface FitResult {
  request: ImageRequest;
  /** Everything dropped or rewritten. */
  warnings: string[];
  /** How many wishes were dropped because the vendor has no field for them. */
  droppedCount: number;
}

/** What is known of a request beside itself. */
export interface FitOptions {
  /** Whether the caller makes any output format of what comes. */
  converts?: boolean;
  /** Wishes that nobody had: dropped without a word where the model cannot meet them. */
  defaulted?: readonly ("size" | "aspectRatio")[] | undefined;
  /** The largest size that the caller may have. */
  maxSize?: Tier | undefined;
  /** What is published of the model's pixels, whoever draws it. */
  pixels?: PixelTable | undefined;
}

/**
 * The request as this vendor's model takes it; throws invalid_request with the field and the values that work. `n` is left
 * to the caller, who sends several, and so are URLs of a scheme that the vendor does not take, but we do. Throws forbidden
 * where it draws nothing as small as `most`.
 */
export function fit(
  request: ImageRequest,
  whole: ModelSpec,
  { converts = false, defaulted = [], maxSize, pixels }: FitOptions = {},
): FitResult {
  const bound = maxSize === undefined ? undefined : new SizeCap(maxSize, whole, pixels);
  const spec = bound?.restrict(request.model) ?? whole;
  const work: FitContext = { request: { ...request }, spec, warnings: [], lost: 0 };
  for (const field of defaulted) {
    const allowed: readonly (string | undefined)[] = field === "size" ? spec.sizes : spec.ratios;
    if (!allowed.includes(request[field])) delete work.request[field];
  }
  bound?.applyDefault(work.request);
  fitTurns(work);
  fitShape(work);
  // Pixels that the model does not take are gone by now.
  bound?.applyDefault(work.request);
  fitQuality(work);
  fitExtras(work, converts);
  checkReferences(work, request);
  return { request: work.request, warnings: work.warnings, droppedCount: work.lost };
}

/** For a model without turns: what was said becomes part of the prompt, what was shown comes before its references. */
function fitTurns(work: FitContext): void {
  const { request, spec, warnings } = work;
  const { turns = [], prompt, references } = request;
  if (turns.length === 0) delete request.turns;
  if (turns.length === 0) return;
  const kept = newest(turns, Math.max(0, spec.references - references.length));
  const gone = count(turns) - count(kept);
  // A chat that goes on for long must not end because of what was drawn at its beginning.
  if (gone > 0)
    lost(work, `turns lost their ${gone} oldest pictures: ${shorten(request.model)} takes ${spec.references} here`);
  request.turns = kept;
  if (spec.turns) return;
  const said = kept.flatMap(({ role, text }) => (text === undefined ? [] : `${SPEAKER[role]}: ${text}`));
  request.prompt = [...said, said.length === 0 ? prompt : `${SPEAKER.user}: ${prompt}`].join("\n\n");
  request.references = [...kept.flatMap((turn) => turn.references), ...references];
  delete request.turns;
  warnings.push(`turns were joined into one prompt: ${shorten(request.model)} does not take them here`);
}

const count = (turns: readonly Turn[]) => turns.reduce((sum, turn) => sum + turn.references.length, 0);

/** The turns with so many of their pictures, the newest. */
function newest(turns: readonly Turn[], pictures: number): Turn[] {
  let excess = count(turns) - pictures;
  return turns.map((turn) => {
    const cut = Math.max(0, Math.min(excess, turn.references.length));
    excess -= cut;
    return cut === 0 ? turn : { ...turn, references: turn.references.slice(cut) };
  });
}

const SPEAKER: Record<Turn["role"], string> = { user: "User", model: "Assistant" };

function fitQuality(work: FitContext): void {
  const { request, spec, warnings } = work;
  const { model, quality } = request;
  if (quality === undefined || spec.qualities.includes(quality)) return;
  delete request.quality;
  // "auto" asks for nothing in particular, which is what leaving it out says.
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
  else warnDropped(work, `quality ${shorten(quality)}`);
}

function fitExtras(work: FitContext, converts: boolean): void {
  const { request, spec } = work;
  const { seed, outputFormat } = request;
  if (seed !== undefined && !spec.seed) {
    delete request.seed;
    warnDropped(work, "seed");
  }
  if (outputFormat !== undefined && !spec.formats.includes(outputFormat)) {
    delete request.outputFormat;
    const why = spec.formats.length > 0 ? `; allowed: ${joinValues(spec.formats)}` : "; the format is not selectable";
    if (!converts) warnDropped(work, `outputFormat ${outputFormat}`, why);
  }
  if (request.mask !== undefined && !spec.mask)
    reject(
      "mask",
      `mask is not taken by ${shorten(request.model)} here; leave it out, and say in the prompt what to change`,
    );
}

/** Joining turns moves their references, and an error names them as the caller does: as in `asked`. */
function checkReferences({ request, spec }: FitContext, asked: ImageRequest): void {
  const { model } = request;
  const count = referencesOf({ ...request, mask: undefined }).length;
  if (count > spec.references)
    reject("references", `references has ${count} pictures; ${shorten(model)} takes at most ${spec.references} here`);
  const fields = new Map(namedReferences(asked).map(([field, reference]) => [reference, field]));
  for (const reference of referencesOf(request)) checkReference(reference, fields.get(reference) ?? "references", spec);
}

/** Schemes that we fetch where the vendor does not. */
const FETCHED = ["https", "http"];

function checkReference(reference: Reference, field: string, { referenceSchemes, referenceBytes }: ModelSpec): void {
  if ("picture" in reference) {
    const { bytes } = reference.picture;
    if (bytes > (referenceBytes ?? Infinity))
      reject(field, `${field} has ${bytes} bytes; allowed: ${referenceBytes} bytes`);
    return;
  }
  // Only the scheme is named: the rest of the URL may carry a signature.
  const scheme = /^([a-z][a-z0-9+.-]{0,19}):\/\//i.exec(reference.url)?.[1]?.toLowerCase();
  const taken = [...new Set([...referenceSchemes, ...FETCHED])];
  if (scheme !== undefined && taken.some((each) => each === scheme)) return;
  reject(
    field,
    `${field} has a URL ${scheme === undefined ? "without a scheme" : `of scheme ${scheme}`}; allowed: ${joinValues(taken)}`,
  );
}
