import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import type { Reference, StoredPicture } from "../image/request.ts";
import { hoistedIndex } from "../image/wire.ts";

/** Reads a client's JSON by a schema; throws invalid_request that names the field and what is allowed there. */
export function parseWire<T>(schema: z.ZodMiniType<T>, wire: unknown): T {
  const parsed = schema.safeParse(wire);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined ? "" : fieldName(issue.path);
  throw new GatewayError("invalid_request", `${field === "" ? "The body" : field} ${issue === undefined ? "is not valid" : explain(issue)}.`, {
    field: field === "" ? undefined : field,
  });
}

/** `a.b[2].c` of a path. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`)).join("");
}

function explain(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${issue.expected === "int" ? "a whole number" : withArticle(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "too_small":
      return issue.origin === "string" ? "must not be empty" : `must ${issue.origin === "array" ? "have at least" : "be at least"} ${issue.minimum}`;
    case "too_big":
      return issue.origin === "number" || issue.origin === "int" ? `must be at most ${issue.maximum}` : `must have at most ${issue.maximum} ${issue.origin === "string" ? "characters" : "items"}`;
    default:
      return issue.message === "Invalid input" ? "is not valid" : issue.message;
  }
}

function withArticle(type: string): string {
  return `${/^[aeio]/.test(type) ? "an" : "a"} ${type}`;
}

/** A warning for each member of `wire` that is not in `known`. */
export function unknownFields(wire: object, known: readonly string[], prefix = ""): string[] {
  return Object.keys(wire)
    .filter((key) => !known.includes(key))
    .map((key) => `${prefix}${key} is not a field here and was ignored`);
}

/** The reference behind a text: a hoisted picture, or else a URL of one of `schemes`. Throws invalid_request for `field`. */
export function readReference(text: string, pictures: readonly StoredPicture[], field: string, schemes: readonly string[], type?: string): Reference {
  const index = hoistedIndex(text);
  const picture = index === undefined ? undefined : pictures[index];
  if (picture !== undefined) return { picture };
  const url = URL.parse(text);
  if (url !== null && schemes.includes(url.protocol.slice(0, -1))) return { url: text, type };
  const allowed = schemes.map((scheme) => `${scheme}://`).join(", ");
  throw new GatewayError("invalid_request", `${field} must be a PNG, JPEG or WebP picture in base64${allowed === "" ? "" : `, or a URL (${allowed})`}.`, { field });
}

/** A vendor's JSON, read loosely: an object, a list, a text, or what is empty in its place. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
