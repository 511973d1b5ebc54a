import { BadBody } from "./bad-body.ts";

/**
 * Parses a body that holds one JSON value, or a stream of server-sent events with one JSON value each (then an array).
 * Throws BadBody where it is neither, or is not whole.
 */
export function parseDocuments(text: string): unknown {
  const start = text.trimStart();
  if (!/^(?:data|event|id|retry|:)/.test(start)) return parse(start);
  const events = start
    .split(/\r?\n\r?\n/)
    .map((event) =>
      event
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart())
        .join("\n"),
    )
    .filter((data) => data !== "" && data !== "[DONE]");
  if (events.length === 0) throw new BadBody("The stream of events holds no JSON.");
  return events.map(parse);
}

function parse(text: string): unknown {
  if (text.trim() === "") throw new BadBody("The body is empty.");
  try {
    return JSON.parse(text);
  } catch {
    throw new BadBody("The body is not valid JSON, or not all of it came.");
  }
}
