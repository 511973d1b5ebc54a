import { invalidField } from "../errors.ts";
import type { LocalTime } from "./cron-times.ts";

/** The values of `{{name}}` in the texts of a schedule's request. */
export interface VariableValues extends LocalTime {
  /** 1 for the first generated tick, then 2, and so on. */
  counter: string;
  /** The current text of the list `rotate`. */
  item?: string | undefined;
}

const TICK_VARIABLES = ["date", "time", "weekday", "counter"];
/** Spaces around the name are trimmed afterwards: matching them here would take cubic time. */
const VARIABLE = /\{\{([^{}]*)\}\}/g;

/**
 * Replace the variables in all texts of a request's JSON, once: an inserted value is plain text, not searched again.
 */
export function fillVariables(wire: unknown, values: VariableValues): unknown {
  return mapTexts(wire, "", (text) => fillText(text, values));
}

/** Replace the variables of one text; the texts of `rotate` have no `item`. */
export function fillText(text: string, values: VariableValues): string {
  return text.replace(VARIABLE, (match, name: string) => values[name.trim() as keyof VariableValues] ?? match);
}

/** Limits in characters for one request with its text of `rotate`, and for all such requests together. */
const MAX_REQUEST_CHARS = 128 * 1024;
const MAX_TOTAL_CHARS = 2 * 1024 * 1024;

/**
 * Check the variables of a request, which errors call `field`, and of the texts to rotate. Throws invalid_request for
 * an unknown one, or where the texts are too long.
 */
export function checkVariables(wire: unknown, field: string, rotate: readonly string[] | undefined): void {
  let itemUsed = false;
  let chars = JSON.stringify(wire).length;
  if (chars * (rotate?.length ?? 1) > MAX_TOTAL_CHARS)
    throw invalidField("rotate", "has too many texts for so long a request");
  const longest = Math.max(0, ...(rotate ?? []).map(({ length }) => length));
  mapTexts(wire, field, (text, path) => {
    const itemCount = namesIn(text).filter((name) => name === "item").length;
    itemUsed ||= itemCount > 0;
    chars += itemCount * longest;
    if (chars > MAX_REQUEST_CHARS) throw invalidField(path, "is too long with the texts of rotate in it");
    if (itemUsed && rotate === undefined) throw invalidField(path, "has {{item}}, which needs a list in rotate");
    checkNames(text, path, [...TICK_VARIABLES, "item"]);
    return text;
  });
  for (const [index, text] of rotate?.entries() ?? []) checkNames(text, `rotate[${index}]`, TICK_VARIABLES);
  if (rotate !== undefined && !itemUsed)
    throw invalidField("rotate", "is used nowhere: put {{item}} where its texts go");
}

function namesIn(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map(([, name = ""]) => name.trim());
}

function checkNames(text: string, path: string, known: readonly string[]): void {
  const unknown = namesIn(text).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const allowed = known.map((name) => `{{${name}}}`).join(", ");
  throw invalidField(path, `has {{${unknown.slice(0, 60)}}}, which is no variable here; there are ${allowed}`);
}

/** Return the same JSON with each text changed; `path` is the path of the value itself. */
function mapTexts(value: unknown, path: string, change: (text: string, path: string) => string): unknown {
  if (typeof value === "string") return change(value, path);
  if (Array.isArray(value)) return value.map((item, index) => mapTexts(item, `${path}[${index}]`, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, mapTexts(member, `${path}.${key}`, change)]),
  );
}
