import { GatewayError } from "../errors.ts";
import type { ModelSpec } from "./model-spec.ts";
import type { ImageRequest } from "./request.ts";

/** The state of one `fit` call; its steps change `request`, which is a copy. */
export interface FitContext {
  request: ImageRequest;
  spec: ModelSpec;
  warnings: string[];
  /** Requested values that this vendor has no field for; another vendor may have one. */
  droppedCount: number;
}

export function reject(field: string, message: string): never {
  throw new GatewayError("invalid_request", message, { field });
}

/** Return a client's text in at most 40 characters of ASCII and `...`, because warnings are sent in a header. */
export function shorten(text: string): string {
  const safe = text.slice(0, 40).replace(/[^\x20-\x7e]/g, "?");
  return text.length > 40 ? `${safe}...` : safe;
}

/** Count a requested value that is dropped, and warn of it. */
export function drop(context: FitContext, warning: string): void {
  context.warnings.push(warning);
  context.droppedCount++;
}

export function warnDropped(context: FitContext, value: string, detail = ""): void {
  drop(context, `${value} was left out: ${shorten(context.request.model)} does not take it here${detail}`);
}

export const joinValues = (values: readonly string[]) => values.join(", ");
