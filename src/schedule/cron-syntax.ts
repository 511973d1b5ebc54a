/** One field of a cron line, and what may stand in it. */
interface Field {
  name: string;
  from: number;
  to: number;
  /** The names of its values, of the first one on. */
  names?: readonly string[];
  /** What else may stand in it, as its refusals tell. */
  besides?: string;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: readonly Field[] = [
  { name: "minute", from: 0, to: 59 },
  { name: "hour", from: 0, to: 23 },
  { name: "day of the month", from: 1, to: 31, besides: "; L is the last day" },
  { name: "month", from: 1, to: 12, names: MONTHS },
  // Both ends of a week are Sunday.
  { name: "weekday", from: 0, to: 7, names: WEEKDAYS, besides: "; FRI#2 is the second Friday, FRI#L the last" },
];
const LAYOUT = "minute, hour, day of the month, month, weekday";
const STEP = "a step follows * or a range, as in */5";
const ENDS = "a range has two ends, as in 1-5";

/** What is wrong with a text in a field, and how far into the text. */
interface Fault {
  at: number;
  says: string;
}

/**
 * What is wrong with a cron line, with the number and name of the field and the character, both from 1; undefined for a
 * good one. Times are croner's to tell; its own errors do not say where, and it takes more than we promise.
 */
export function validateCron(line: string): string | undefined {
  const found = [...line.matchAll(/\S+/g)];
  const [word] = found;
  if (word?.[0].startsWith("@"))
    return `at character ${word.index + 1}: there are no words as ${quoted(word[0])}, but five fields, ${LAYOUT}: every day is 0 0 * * *`;
  const extra = found[FIELDS.length];
  if (extra !== undefined) return `at character ${extra.index + 1}: there are five fields only, ${LAYOUT}`;
  for (const [index, { 0: text, index: start }] of found.entries()) {
    const field = FIELDS[index];
    const fault = field && validateField(text, field);
    if (fault !== undefined)
      return `field ${index + 1} (${field?.name}), at character ${start + fault.at + 1}: ${fault.says}`;
  }
  const missing = FIELDS[found.length];
  if (missing === undefined) return undefined;
  return `at character ${line.trimEnd().length + 1}: field ${found.length + 1} (${missing.name}) is missing; the fields are ${LAYOUT}`;
}

function validateField(text: string, field: Field): Fault | undefined {
  let at = 0;
  for (const item of text.split(",")) {
    const fault = validateItem(item, field);
    if (fault !== undefined) return { at: at + fault.at, says: fault.says };
    at += item.length + 1;
  }
  return undefined;
}

/** A value, a range or `*`, with a step or without. */
function validateItem(item: string, field: Field): Fault | undefined {
  if (item === "") return { at: 0, says: "a value is missing" };
  const slash = item.indexOf("/");
  if (slash === 0) return { at: 0, says: STEP };
  const range = slash < 0 ? item : item.slice(0, slash);
  const fault = validateRange(range, field);
  if (fault !== undefined || slash < 0) return fault;
  if (range !== "*" && !/^\w+-\w+$/.test(range)) return { at: slash, says: STEP };
  const step = item.slice(slash + 1);
  const most = field.to - field.from + (field.names === WEEKDAYS ? 0 : 1);
  const good = /^\d{1,2}$/.test(step) && Number(step) >= 1 && Number(step) <= most;
  return good ? undefined : { at: slash + 1, says: `${quoted(step)} is no step from 1 to ${most}` };
}

function validateRange(range: string, field: Field): Fault | undefined {
  const { from, to, names } = field;
  if (range === "*" || (field.name === "day of the month" && range.toUpperCase() === "L")) return undefined;
  const nth = names === WEEKDAYS ? /^([^#]*)#(.*)$/.exec(range) : null;
  const [first = "", ...more] = (nth?.[1] ?? range).split("-");
  const allowed = `${from}-${to}${names === undefined ? "" : ` or ${names[0]}-${names.at(-1)}`}${field.besides ?? ""}`;
  const wrong = (text: string, at: number): Fault => ({ at, says: `${quoted(text)} is not ${allowed}` });
  const start = valueOf(first, field);
  // Nothing before a dash is a number below zero.
  if (start === undefined) return wrong(first === "" ? range : first, 0);
  if (nth !== null) {
    const at = first.length + 1;
    if (more.length > 0) return { at: first.length, says: "# follows one weekday, as in FRI#2" };
    return /^(?:[1-5]|L)$/i.test(nth[2] ?? "") ? undefined : { at, says: `${quoted(nth[2] ?? "")} is not 1-5 or L` };
  }
  const [last, extra] = more;
  if (last === undefined) return undefined;
  const at = first.length + 1;
  if (last === "") return { at, says: ENDS };
  // A week that ends on Sunday.
  const sunday = names === WEEKDAYS && last.toUpperCase() === "SUN";
  if (sunday && start === from) return { at: 0, says: `${range} may be one day or all: write SUN or *` };
  const end = sunday ? to : valueOf(last, field);
  if (end === undefined) return wrong(last, at);
  if (extra !== undefined) return { at: at + last.length, says: ENDS };
  return start > end ? { at: 0, says: `${range} runs backwards` } : undefined;
}

function valueOf(text: string, { from, to, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return from + named;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}

function quoted(text: string): string {
  return text === "" ? "nothing" : text.slice(0, 20);
}
