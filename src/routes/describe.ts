import type { GenerationRecord } from "../image/record.ts";
import type { Dialect } from "../vendors/vendor.ts";
import type { AppContext } from "./context.ts";

/** Says in headers who draws, and what was dropped or rewritten, in the caller's own names for its fields. */
export function describe(
  c: AppContext,
  { fields = {} }: Dialect,
  record: Pick<GenerationRecord, "vendor" | "model" | "warnings">,
): void {
  // One that waits in the queue has none yet.
  if (record.vendor !== "") c.header("easel-vendor", record.vendor);
  c.header("easel-model", record.model);
  const warnings = record.warnings.map((warning) => {
    // What is no field here may be called as one of ours.
    if (warning.includes(" is not a field here")) return warning;
    const [both = ""] = /^\w+(?: and \w+)?/.exec(warning) ?? [];
    const names = both.split(" and ").map((name) => (Object.hasOwn(fields, name) ? fields[name] : name));
    return [...new Set(names)].join(" and ") + warning.slice(both.length);
  });
  c.header("easel-warnings", asciiJson(warnings));
}

/** A JSON text for a header: ASCII, with escapes for the rest. */
function asciiJson(value: unknown): string {
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escape);
}
