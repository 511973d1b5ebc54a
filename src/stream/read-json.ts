import { BodyError } from "./body-error.ts";
import type { Sink } from "./base64.ts";
import { Hoist } from "./hoist.ts";
import { pump } from "./pump.ts";

/**
 * Parse a body that contains one JSON value, or server-sent events with one JSON value each (returned as an array).
 * Throws BodyError if it is neither, or truncated.
 */
export function parseDocuments(text: string): unknown {
  const start = text.trimStart();
  if (!/^(?:data|event|id|retry|:)/.test(start)) return parseJsonText(start);
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
  return events.map(parseJsonText);
}

function parseJsonText(text: string): unknown {
  if (text.trim() === "") throw new BodyError("The body is empty.");
  try {
    return JSON.parse(text);
  } catch {
    throw new BodyError("The body is not valid JSON, or not all of it came.");
  }
}

export interface ReadOptions {
  /** The destination of pictures, in the order in which they begin. */
  pictures: {
    open(index: number, type: string): Sink;
    /** Awaited after each chunk, because uploads may lag behind. */
    drain(): Promise<void>;
  };
  /** Limits of the body, of its JSON without the pictures, of one text in that, and of nesting. */
  bytes: number;
  jsonBytes: number;
  textBytes?: number;
  depth: number;
  /** Called with each chunk after it has been scanned, and with whether a picture has begun. */
  onChunk?(chunk: Uint8Array, hasPicture: boolean): Promise<void> | void;
  /** As for `pump`. */
  signal?: AbortSignal;
  keepOnError?: boolean;
}

/** Read the JSON of a body and store its pictures as they arrive. Throws BodyError if the body cannot be read. */
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
    onChunk: async (chunk) => {
      received += chunk.length;
      if (received > bytes) throw new BodyError(`The body is over the limit of ${bytes} bytes.`, true);
      hoist.push(chunk);
      await options.onChunk?.(chunk, hoist.pictures > 0);
      await pictures.drain();
    },
  });
  return parseDocuments(hoist.end());
}
