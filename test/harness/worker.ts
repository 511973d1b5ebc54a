import { inject } from "vitest";
import { startRuntime } from "./runtime.ts";
import type { Easel, EaselOptions } from "./runtime.ts";

export type { Easel, EaselOptions } from "./runtime.ts";

/** The Worker as it would be deployed, in a workerd of its own; `stop()` it when done. */
export function startEasel(options: EaselOptions = {}): Promise<Easel> {
  return startRuntime(inject("bundle"), options);
}
