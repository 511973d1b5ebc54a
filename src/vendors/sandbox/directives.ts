import { GatewayError } from "../../errors.ts";

/**
 * Directives in a prompt that make the sandbox fail as vendors do, to test how a client handles that. They are not
 * case-sensitive, a prompt may have several, and they do not affect the picture.
 */
export const DIRECTIVES = [
  // Rejects the content, with a reason.
  "[sandbox:refuse]",
  // Responds with 400, 402, 429 (with Retry-After), 500 or 503; with 500 if there is no status.
  "[sandbox:fail:STATUS]",
  // Waits this many milliseconds before the response, at most 60000.
  "[sandbox:slow:MS]",
  // Responds with 200 and an empty list of pictures.
  "[sandbox:empty]",
  // Responds with 200, a text and no picture.
  "[sandbox:text]",
  // Breaks the picture off in the middle.
  "[sandbox:broken]",
] as const;

const FAIL_STATUSES = [400, 402, 429, 500, 503] as const;
export type FailStatus = (typeof FAIL_STATUSES)[number];

const MAX_SLOW_MS = 60_000;

/** A prompt's directives, and the prompt without them. */
export interface Directives {
  prompt: string;
  slowMs: number;
  outcome: "draw" | "refuse" | "empty" | "text" | { fail: FailStatus };
  broken: boolean;
}

/** Parse a prompt's directives; of several outcomes the first counts. Throws invalid_request for an unknown one. */
export function parseDirectives(text: string): Directives {
  const found: Directives = { prompt: "", slowMs: 0, outcome: "draw", broken: false };
  const setOutcome = (value: Directives["outcome"]) => {
    if (found.outcome === "draw") found.outcome = value;
  };
  // Text after the last "]" has no directive; without this cut the pattern would search it again from every "[".
  const end = text.lastIndexOf("]") + 1;
  const rest = text.slice(0, end).replace(/\[\s*sandbox\s*:([^\]]*)\]/gi, (directive: string, inside: string) => {
    const [name = "", value, ...more] = inside.split(":").map((part) => part.trim().toLowerCase());
    if (more.length > 0) throw unknownDirective(directive);
    if (name === "slow" && value !== undefined && /^\d+$/.test(value)) {
      found.slowMs = Math.min(MAX_SLOW_MS, Number(value));
    } else if (name === "fail") {
      const status = FAIL_STATUSES.find((known) => `${known}` === (value ?? "500"));
      if (status === undefined) throw unknownDirective(directive);
      setOutcome({ fail: status });
    } else if (value !== undefined) {
      throw unknownDirective(directive);
    } else if (name === "refuse" || name === "empty" || name === "text") {
      setOutcome(name);
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
