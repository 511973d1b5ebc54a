import { Cron } from "croner";

const SECOND_MS = 1_000;

/**
 * Return the next `count` times of a cron line after `after`, in milliseconds since the epoch; fewer if it ends, none
 * if it never comes.
 */
export function nextTimes(line: string, timezone: string, after: number, count: number): number[] {
  return parseCron(line, timezone)
    .nextRuns(count, new Date(after))
    .map((date) => date.getTime());
}

/**
 * Return the last time of a cron line after `after` and not after `until`, both whole minutes; undefined if there is
 * none.
 */
export function lastTime(line: string, timezone: string, after: number, until: number): number | undefined {
  const cron = parseCron(line, timezone);
  const next = cron.nextRun(new Date(after))?.getTime();
  if (next === undefined || next > until) return undefined;
  // previousRuns excludes its limit: one second later, the minute `until` is included.
  const [last] = cron.previousRuns(1, new Date(until + SECOND_MS));
  return last?.getTime() ?? next;
}

/** The local date and time in a zone. */
export interface LocalTime {
  /** `YYYY-MM-DD` */
  date: string;
  /** `HH:MM` */
  time: string;
  /** In English, as in Friday. */
  weekday: string;
}

export function localTime(time: number, timezone: string): LocalTime {
  const format = new Intl.DateTimeFormat("en", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    weekday: "long",
  });
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return {
    date: `${parts["year"]}-${parts["month"]}-${parts["day"]}`,
    time: `${parts["hour"]}:${parts["minute"]}`,
    weekday: parts["weekday"] ?? "",
  };
}

/** Parse a line that cron-syntax.ts has validated. */
function parseCron(line: string, timezone: string): Cron {
  return new Cron(line, { timezone, mode: "5-part", paused: true });
}
