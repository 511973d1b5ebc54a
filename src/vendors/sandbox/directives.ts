import { GatewayError } from "../../errors.ts";

/**
 * Words in a prompt that make the sandbox fail as vendors do, to try out what a client does then. Case does not matter,
 * and several may stand together. They are not part of what is drawn.
 */
export const DIRECTIVES = [
  // The content is rejected, with a reason.
  "[sandbox:refuse]",
  // 400, 402, 429 (with Retry-After), 500 or 503 at the vendor; 500 without a status.
  "[sandbox:fail:STATUS]",
  // Milliseconds before the answer, 60000 at most.
  "[sandbox:slow:MS]",
  // 200 with an empty list of pictures.
  "[sandbox:empty]",
  // 200 with text and no picture.
  "[sandbox:text]",
  // The picture breaks off in the middle.
  "[sandbox:broken]",
] as const;

const FAIL_STATUSES = [400, 402, 429, 500, 503] as const;
export type FailStatus = (typeof FAIL_STATUSES)[number];

const MAX_SLOW_MS = 60_000;

/** What a prompt's directives ask for, and the prompt without them. */
export interface Directives {
  prompt: string;
  slowMs: number;
  outcome: "draw" | "refuse" | "empty" | "text" | { fail: FailStatus };
  broken: boolean;
}

/** Reads a prompt's directives; of several outcomes the first counts. Throws invalid_request on an unknown one. */
export function directed(text: string): Directives {
  const found: Directives = { prompt: "", slowMs: 0, outcome: "draw", broken: false };
  const outcome = (value: Directives["outcome"]) => {
    if (found.outcome === "draw") found.outcome = value;
  };
  // What nothing closes is no directive, and is not looked at from each of its beginnings.
  const end = text.lastIndexOf("]") + 1;
  const rest = text.slice(0, end).replace(/\[\s*sandbox\s*:([^\]]*)\]/gi, (directive: string, inside: string) => {
    const [name = "", value, ...more] = inside.split(":").map((part) => part.trim().toLowerCase());
    if (more.length > 0) throw unknownDirective(directive);
    if (name === "slow" && value !== undefined && /^\d+$/.test(value)) {
      found.slowMs = Math.min(MAX_SLOW_MS, Number(value));
    } else if (name === "fail") {
      const status = FAIL_STATUSES.find((known) => `${known}` === (value ?? "500"));
      if (status === undefined) throw unknownDirective(directive);
      outcome({ fail: status });
    } else if (value !== undefined) {
      throw unknownDirective(directive);
    } else if (name === "refuse" || name === "empty" || name === "text") {
      outcome(name);
    } else if (name === "broken") {
      found.broken = true;
    } else {
      throw unknownDirective(directive);
    }
    return " ";
  });
  return { ...found, prompt: (rest + text.slice(end)).replace(/\s+/g, " ").trim() };
}

function unknownDirective(directive: string): GatewayError {
  const message = `prompt: ${directive.slice(0, 60)} is not known; known are ${DIRECTIVES.join(" ")}`;
  return new GatewayError("invalid_request", message, { field: "prompt" });
}
