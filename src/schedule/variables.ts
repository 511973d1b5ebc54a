import { invalidField } from "../errors.ts";
import type { LocalTime } from "./cron-times.ts";

/** What stands for `{{name}}` in the texts of a schedule's request. */
export interface Values extends LocalTime {
  /** 1 for the first tick that is drawn, and so on. */
  counter: string;
  /** Of the list to rotate, the one whose turn it is. */
  item?: string | undefined;
}

const EVERYWHERE = ["date", "time", "weekday", "counter"];
/** Spaces around the name are cut off afterwards: looked for here they would take a time that grows with their cube. */
const VARIABLE = /\{\{([^{}]*)\}\}/g;

/** A request's JSON with the variables in all its texts replaced, once: what comes in is text and nothing else. */
export function fill(wire: unknown, values: Values): unknown {
  return mapTexts(wire, "", (text) => fillText(text, values));
}

/** One text with its variables replaced; those of the list to rotate have no `item`. */
export function fillText(text: string, values: Values): string {
  return text.replace(VARIABLE, (whole, name: string) => values[name.trim() as keyof Values] ?? whole);
}

/** What a request may come to once its texts to rotate are in it, and all of those requests together, in characters. */
const MOST_CHARS = 128 * 1024;
const MOST_CHARS_IN_ALL = 2 * 1024 * 1024;

/** Throws invalid_request for a variable that there is none of, in the request, which is called `field`, or the texts to rotate. */
export function checkVariables(wire: unknown, field: string, rotate: readonly string[] | undefined): void {
  let used = false;
  let chars = JSON.stringify(wire).length;
  if (chars * (rotate?.length ?? 1) > MOST_CHARS_IN_ALL)
    throw invalidField("rotate", "has too many texts for so long a request");
  const longest = Math.max(0, ...(rotate ?? []).map(({ length }) => length));
  mapTexts(wire, field, (text, path) => {
    const items = namesIn(text).filter((name) => name === "item").length;
    used ||= items > 0;
    chars += items * longest;
    if (chars > MOST_CHARS) throw invalidField(path, "is too long with the texts of rotate in it");
    if (used && rotate === undefined) throw invalidField(path, "has {{item}}, which needs a list in rotate");
    checkText(text, path, [...EVERYWHERE, "item"]);
    return text;
  });
  for (const [index, text] of rotate?.entries() ?? []) checkText(text, `rotate[${index}]`, EVERYWHERE);
  if (rotate !== undefined && !used) throw invalidField("rotate", "is used nowhere: put {{item}} where its texts go");
}

function namesIn(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map(([, name = ""]) => name.trim());
}

function checkText(text: string, path: string, known: readonly string[]): void {
  const unknown = namesIn(text).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const allowed = known.map((name) => `{{${name}}}`).join(", ");
  throw invalidField(path, `has {{${unknown.slice(0, 60)}}}, which is no variable here; there are ${allowed}`);
}

/** The same JSON with each of its texts changed; `path` is that of the value itself. */
function mapTexts(value: unknown, path: string, change: (text: string, path: string) => string): unknown {
  if (typeof value === "string") return change(value, path);
  if (Array.isArray(value)) return value.map((each, index) => mapTexts(each, `${path}[${index}]`, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, mapTexts(each, `${path}.${key}`, change)]),
  );
}
