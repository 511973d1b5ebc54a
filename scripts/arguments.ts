// The command lines of `npm run keys` and `npm run sign`.
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { fail } from "./fail.ts";

export const TEXT = { type: "string" } as const;
export const FLAG = { type: "boolean" } as const;

const UNIT_MS: Record<string, number> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** Parse options and positional arguments; an invalid command line ends the command with its help. */
export function parseCommand<T extends ParseArgsOptionsConfig>(args: string[], options: T, help: string) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${help}`);
  }
}

/** Convert a time to ISO 8601: `12h`, `30d` and `6w` from now, `2027-01-31` as midnight UTC; other text is returned unchanged. */
export function toTimestamp(text: string): string {
  const [, count, unit = ""] = /^(\d{1,4})([hdw])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(Date.now() + Number(count) * (UNIT_MS[unit] ?? 0)).toISOString();
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
}
