import { wrong } from "../errors.ts";
import type { LocalTime } from "./times.ts";

/** What stands for `{{name}}` in the texts of a schedule's request. */
export interface Values extends LocalTime {
  /** 1 for the first tick that is drawn, and so on. */
  counter: string;
  /** Of the list to rotate, the one whose turn it is. */
  item?: string | undefined;
}

const NAMES = ["date", "time", "weekday", "counter", "item"] as const;
const VARIABLE = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** A request's JSON with the variables in all its texts replaced, once: what comes in is text and nothing else. */
export function fill(wire: unknown, values: Values): unknown {
  return mapTexts(wire, "", (text) =>
    text.replace(VARIABLE, (whole, name: string) => values[name as keyof Values] ?? whole),
  );
}

/** Throws invalid_request for a variable that there is none of; `field` is what the request is called. */
export function checkVariables(wire: unknown, field: string, rotate: readonly string[] | undefined): void {
  let used = false;
  mapTexts(wire, field, (text, path) => {
    for (const [whole, name = ""] of text.matchAll(VARIABLE)) {
      if (name === "item") used = true;
      if (name === "item" && rotate === undefined) throw wrong(path, "has {{item}}, which needs a list in rotate");
      if (NAMES.every((known) => known !== name)) {
        const known = NAMES.map((each) => `{{${each}}}`).join(", ");
        throw wrong(path, `has ${whole.slice(0, 60)}, which is no variable; there are ${known}`);
      }
    }
    return text;
  });
  if (rotate !== undefined && !used) throw wrong("rotate", "is used nowhere: put {{item}} where its texts go");
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
