import { BodyError } from "./body-error.ts";
import type { Sink } from "./base64.ts";
import { Hoist } from "./hoist.ts";
import { pump } from "./pump.ts";

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
  if (events.length === 0) throw new BodyError("The stream of events holds no JSON.");
  return events.map(parse);
}

function parse(text: string): unknown {
  if (text.trim() === "") throw new BodyError("The body is empty.");
  try {
    return JSON.parse(text);
  } catch {
    throw new BodyError("The body is not valid JSON, or not all of it came.");
  }
}

export interface ReadOptions {
  /** Where the pictures go, in the order they begin. */
  pictures: {
    open(index: number, type: string): Sink;
    /** Awaited after each chunk: whoever stores may lag. */
    drain(): Promise<void>;
  };
  /** Bounds: the body, what is left of it without its pictures, one text of that, and nesting. */
  bytes: number;
  jsonBytes: number;
  textBytes?: number;
  depth: number;
  /** Sees each chunk once it has been scanned, and whether a picture has begun. */
  each?(chunk: Uint8Array, begun: boolean): Promise<void> | void;
  /** As for `pump`. */
  signal?: AbortSignal;
  keepOnError?: boolean;
}

/** The JSON of a body that may hold pictures, which go elsewhere as they come. Throws BadBody for what cannot be read. */
export async function readJson(body: ReadableStream<Uint8Array>, options: ReadOptions): Promise<unknown> {
  const { pictures, bytes, jsonBytes, textBytes, depth, signal, keepOnError } = options;
  const hoist = new Hoist({
    open: (index, type) => pictures.open(index, type),
    skeletonBytes: jsonBytes,
    textBytes: textBytes ?? Infinity,
    depth,
  });
  let received = 0;
  await pump(body, {
    signal,
    keepOnError,
    preferLargeReads: () => hoist.inPicture,
    each: async (chunk) => {
      received += chunk.length;
      if (received > bytes) throw new BodyError(`The body is over the limit of ${bytes} bytes.`, true);
      hoist.push(chunk);
      await options.each?.(chunk, hoist.pictures > 0);
      await pictures.drain();
    },
  });
  return parseDocuments(hoist.end());
}
