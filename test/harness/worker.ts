import { inject } from "vitest";
import { startRuntime } from "./runtime.ts";
import type { Easel, EaselOptions } from "./runtime.ts";

export type { Easel, EaselOptions } from "./runtime.ts";

/** Start the Worker as it would be deployed, in a workerd of its own. The caller must `stop()` it. */
export function startEasel(options: EaselOptions = {}): Promise<Easel> {
  return startRuntime(inject("bundle"), options);
}
