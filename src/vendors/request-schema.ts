import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import { canonicalModel } from "../image/catalog.ts";
import { fit } from "../image/fit.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import { type ImageRequest, OUTPUT_FORMATS, TIERS } from "../image/request.ts";
import { canonicalTier, parsePixels } from "../image/size.ts";
import type { ParsedRequest } from "./vendor.ts";

/** The prompt, the one field that every request must have. */
export const promptText = z.string().check(z.regex(/\S/, "must not be empty"));

/** A model's name in a request. */
export const modelName = z.string().check(z.minLength(1, "must not be empty"));

/** Make a field optional. SDKs also send `null` for a missing field; both become undefined. */
export function optional<T extends z.ZodMiniType>(schema: T) {
  return z.pipe(
    z.nullish(schema),
    z.transform((value: z.output<T> | null | undefined) => value ?? undefined),
  );
}

const side = optional(z.int().check(z.minimum(1)));

/** The canonical request's fields for the shape and form of a picture. */
export const shapeFields = {
  size: optional(z.enum(TIERS)),
  aspectRatio: optional(z.string()),
  width: side,
  height: side,
  seed: optional(z.int()),
  quality: optional(z.string()),
  outputFormat: optional(z.enum(OUTPUT_FORMATS)),
};

/** Parse a client's JSON with a schema. Throws invalid_request that names the field and what is allowed there. */
export function parseWire<T>(schema: z.ZodMiniType<T>, wire: unknown): T {
  const parsed = safeParse(schema, wire);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new GatewayError("invalid_request", "The body is not valid.");
  if (issue.code === "unrecognized_keys") throw unrecognizedField(schema, issue);
  const field = fieldName(issue.path);
  const message = `${field === "" ? "The body" : field} ${describeIssue(issue, valueAt(wire, issue.path))}.`;
  throw new GatewayError("invalid_request", message, { field: field === "" ? undefined : field });
}

/** Parse with zod. It collects one issue per invalid entry and throws a RangeError for too many: reject those too. */
function safeParse<T>(schema: z.ZodMiniType<T>, wire: unknown) {
  try {
    return schema.safeParse(wire);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new GatewayError("invalid_request", "The body has a list with very many entries that are not valid.");
  }
}

/** Format a path as `a.b[2].c`. */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) =>
      typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${shortenName(String(key))}`,
    )
    .join("");
}

function valueAt(wire: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], wire);
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.message !== "Invalid input") return issue.message;
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return "is required";
      return `must be ${issue.expected === "int" ? "a whole number" : withArticle(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `must ${issue.origin === "array" ? "have at least" : "be at least"} ${issue.minimum}`;
    case "too_big":
      return issue.origin === "array" ? `must have at most ${issue.maximum} items` : `must be at most ${issue.maximum}`;
    default:
      return "is not valid";
  }
}

function withArticle(type: string): string {
  return `${/^[aeio]/.test(type) ? "an" : "a"} ${type}`;
}

function unrecognizedField(schema: z.ZodMiniType, { path, keys }: z.core.$ZodIssueUnrecognizedKeys): GatewayError {
  const field = fieldName([...path, keys[0] ?? ""]);
  const known = path.length === 0 && schema instanceof z.ZodMiniObject ? Object.keys(schema.shape) : [];
  const allowed = known.length === 0 ? "" : `; the fields are ${known.join(", ")}`;
  return new GatewayError("invalid_request", `${field} is not a field here${allowed}.`, { field });
}

/** Shorten a name that the client chose, so that it fits into a message or a header. */
function shortenName(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}...` : name;
}

/** Maximum of warnings about unknown fields in one response: a client can send any number, but headers are limited. */
const MAX_UNKNOWN = 10;

/** Return a warning for each non-null field of `wire` that `schema` does not know. */
export function unknownFields(schema: z.ZodMiniObject, wire: unknown, prefix = ""): string[] {
  const entries = Object.entries((wire ?? {}) as Record<string, unknown>);
  const unknown = entries.filter(([key, value]) => value !== null && !Object.hasOwn(schema.shape, key));
  const omitted = unknown.length - MAX_UNKNOWN;
  const warnings = unknown
    .slice(0, MAX_UNKNOWN)
    .map(([key]) => `${prefix}${shortenName(key)} is not a field here and was ignored`);
  return omitted > 0 ? [...warnings, `${omitted} more fields were ignored`] : warnings;
}

/** A vendor's name and its own model specs. */
export interface VendorModels {
  vendor: string;
  models: Readonly<Record<string, ModelSpec>>;
}

/** The vendor's spec for a model name from a request; undefined if the name is pinned to another vendor. */
export function documentedSpec({ vendor, models }: VendorModels, name: string): ModelSpec | undefined {
  const slash = name.indexOf("/");
  if (slash >= 0 && name.slice(0, slash) !== vendor) return undefined;
  const model = name.slice(slash + 1);
  const canonicalName = canonicalModel(model) ?? model;
  const spec = Object.hasOwn(models, canonicalName) ? models[canonicalName] : undefined;
  // A model that is off is not in the vendor's document.
  return spec?.off === true ? undefined : spec;
}

/**
 * Fit a request to the limits of the dialect's own document. They hold whichever vendor serves the request; fitting to
 * the serving vendor's spec comes later (models/candidates.ts). A model that the document does not have stays
 * unchanged.
 */
export function fitToDocument(table: VendorModels, request: ImageRequest): Pick<ParsedRequest, "request" | "warnings"> {
  const spec = documentedSpec(table, request.model);
  // The vendor that serves the request accepts turns or gets them joined into its prompt.
  return spec === undefined ? { request, warnings: [] } : fit(request, { ...spec, turns: true });
}

/** Read a `size` field: a tier, pixels, or `auto`, which leaves the size open. Throws invalid_request. */
export function readSize(
  size: string | undefined,
  tiers: readonly string[],
): Pick<ImageRequest, "size" | "width" | "height"> {
  if (size === undefined || size === "" || size === "auto") return {};
  const tier = canonicalTier(size);
  const pixels = tier === undefined ? parsePixels(size) : { size: tier };
  if (pixels !== undefined) return pixels;
  const allowed = `one of ${tiers.join(", ")}, pixels as in 1024x1024, or auto`;
  throw new GatewayError("invalid_request", `size must be ${allowed}.`, { field: "size" });
}
