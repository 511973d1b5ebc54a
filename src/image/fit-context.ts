import { GatewayError } from "../errors.ts";
import type { ModelSpec } from "./model-spec.ts";
import type { ImageRequest } from "./request.ts";

/** A request on its way to a model; `request` is a copy that the steps change. */
export interface FitContext {
  request: ImageRequest;
  spec: ModelSpec;
  warnings: string[];
  /** Wishes that this vendor has no field for: another may have one. */
  lost: number;
}

export function reject(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}

/** A caller's own word, short and in ASCII, since warnings go into a header. */
export function shorten(word: string): string {
  const safe = word.slice(0, 40).replace(/[^\x20-\x7e]/g, "?");
  return word.length > 40 ? `${safe}...` : safe;
}

/** A wish that is not met, with what is said of it. */
export function lost(work: FitContext, warning: string): void {
  work.warnings.push(warning);
  work.lost++;
}

export function warnDropped(work: FitContext, what: string, more = ""): void {
  lost(work, `${what} was left out: ${shorten(work.request.model)} does not take it here${more}`);
}

export const joinValues = (values: readonly string[]) => values.join(", ");
