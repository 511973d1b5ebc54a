/** One field of a cron line, and its allowed values. */
interface Field {
  name: string;
  from: number;
  to: number;
  /** The names of its values, starting with the first value. */
  names?: readonly string[];
  /** Other allowed values, as worded in the error message. */
  alsoAllowed?: string;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: readonly Field[] = [
  { name: "minute", from: 0, to: 59 },
  { name: "hour", from: 0, to: 23 },
  { name: "day of the month", from: 1, to: 31, alsoAllowed: "; L is the last day" },
  { name: "month", from: 1, to: 12, names: MONTHS },
  // 0 and 7 are both Sunday.
  { name: "weekday", from: 0, to: 7, names: WEEKDAYS, alsoAllowed: "; FRI#2 is the second Friday, FRI#L the last" },
];
const LAYOUT = "minute, hour, day of the month, month, weekday";
const STEP_FAULT = "a step follows * or a range, as in */5";
const RANGE_FAULT = "a range has two ends, as in 1-5";

/** A syntax error in a field, and its offset in the field's text. */
interface Fault {
  offset: number;
  message: string;
}

/**
 * Validate a cron line. Returns the problem with the number and name of the field and the character, both from 1;
 * undefined if the line is valid. croner computes the times, but its own errors have no position, and it accepts more
 * than we promise.
 */
export function validateCron(line: string): string | undefined {
  const words = [...line.matchAll(/\S+/g)];
  const [word] = words;
  if (word?.[0].startsWith("@"))
    return `at character ${word.index + 1}: there are no words as ${excerpt(word[0])}, but five fields, ${LAYOUT}: every day is 0 0 * * *`;
  const extra = words[FIELDS.length];
  if (extra !== undefined) return `at character ${extra.index + 1}: there are five fields only, ${LAYOUT}`;
  for (const [index, { 0: text, index: start }] of words.entries()) {
    const field = FIELDS[index];
    const fault = field && validateField(text, field);
    if (fault !== undefined)
      return `field ${index + 1} (${field?.name}), at character ${start + fault.offset + 1}: ${fault.message}`;
  }
  const missing = FIELDS[words.length];
  if (missing === undefined) return undefined;
  return `at character ${line.trimEnd().length + 1}: field ${words.length + 1} (${missing.name}) is missing; the fields are ${LAYOUT}`;
}

function validateField(text: string, field: Field): Fault | undefined {
  let offset = 0;
  for (const item of text.split(",")) {
    const fault = validateItem(item, field);
    if (fault !== undefined) return { offset: offset + fault.offset, message: fault.message };
    offset += item.length + 1;
  }
  return undefined;
}

/** Validate a value, a range or `*`, with or without a step. */
function validateItem(item: string, field: Field): Fault | undefined {
  if (item === "") return { offset: 0, message: "a value is missing" };
  const slash = item.indexOf("/");
  if (slash === 0) return { offset: 0, message: STEP_FAULT };
  const range = slash < 0 ? item : item.slice(0, slash);
  const fault = validateRange(range, field);
  if (fault !== undefined || slash < 0) return fault;
  if (range !== "*" && !/^\w+-\w+$/.test(range)) return { offset: slash, message: STEP_FAULT };
  const step = item.slice(slash + 1);
  const maxStep = field.to - field.from + (field.names === WEEKDAYS ? 0 : 1);
  const isValid = /^\d{1,2}$/.test(step) && Number(step) >= 1 && Number(step) <= maxStep;
  return isValid ? undefined : { offset: slash + 1, message: `${excerpt(step)} is no step from 1 to ${maxStep}` };
}

function validateRange(range: string, field: Field): Fault | undefined {
  const { from, to, names } = field;
  if (range === "*" || (field.name === "day of the month" && range.toUpperCase() === "L")) return undefined;
  const nth = names === WEEKDAYS ? /^([^#]*)#(.*)$/.exec(range) : null;
  const [first = "", ...more] = (nth?.[1] ?? range).split("-");
  const allowed = `${from}-${to}${names === undefined ? "" : ` or ${names[0]}-${names.at(-1)}`}${field.alsoAllowed ?? ""}`;
  const notAllowed = (text: string, offset: number): Fault => ({
    offset,
    message: `${excerpt(text)} is not ${allowed}`,
  });
  const start = parseValue(first, field);
  // No text before the dash: the item is a negative number.
  if (start === undefined) return notAllowed(first === "" ? range : first, 0);
  if (nth !== null) {
    const offset = first.length + 1;
    if (more.length > 0) return { offset: first.length, message: "# follows one weekday, as in FRI#2" };
    return /^(?:[1-5]|L)$/i.test(nth[2] ?? "")
      ? undefined
      : { offset, message: `${excerpt(nth[2] ?? "")} is not 1-5 or L` };
  }
  const [last, extra] = more;
  if (last === undefined) return undefined;
  const offset = first.length + 1;
  if (last === "") return { offset, message: RANGE_FAULT };
  // SUN at the end of a range is 7.
  const sunday = names === WEEKDAYS && last.toUpperCase() === "SUN";
  if (sunday && start === from) return { offset: 0, message: `${range} may be one day or all: write SUN or *` };
  const end = sunday ? to : parseValue(last, field);
  if (end === undefined) return notAllowed(last, offset);
  if (extra !== undefined) return { offset: offset + last.length, message: RANGE_FAULT };
  return start > end ? { offset: 0, message: `${range} runs backwards` } : undefined;
}

function parseValue(text: string, { from, to, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return from + named;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to ? value : undefined;
}

function excerpt(text: string): string {
  return text === "" ? "nothing" : text.slice(0, 20);
}
