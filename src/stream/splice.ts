import { Buffer } from "node:buffer";
import type { StoredPicture } from "../image/request.ts";
import { type ServerSentEvent, InlineImage, type Wire } from "../image/wire.ts";
import { base64Length } from "./base64.ts";
import { release, acquire } from "./buffer-pool.ts";

/** Picture bytes that are encoded at once: a multiple of 3, so that there is no padding between pieces. */
const PIECE_BYTES = 192 * 1024;

/** Opens the bytes of a stored picture. */
export type OpenPicture = (picture: StoredPicture) => Promise<ReadableStream<Uint8Array>>;

/**
 * Serialize a wire value with its pictures as base64: a string if it contains none, else a stream of known length that
 * opens each picture when it is needed.
 */
export function splice(wire: Wire, open: OpenPicture): string | ReadableStream<Uint8Array> {
  return joinPieces(flatten(wire), open);
}

/** Serialize server-sent events, as `splice` does. */
export function spliceEvents(
  events: readonly ServerSentEvent[],
  open: OpenPicture,
): string | ReadableStream<Uint8Array> {
  return joinPieces(flattenEvents(events), open);
}

/** Write events to an open stream, without closing it. */
export function writeEvents(
  events: readonly ServerSentEvent[],
  open: OpenPicture,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  return writePieces(flattenEvents(events), open, writer);
}

function joinPieces(pieces: (string | StoredPicture)[], open: OpenPicture): string | ReadableStream<Uint8Array> {
  const texts = pieces.filter((piece) => typeof piece === "string");
  return texts.length === pieces.length ? texts.join("") : streamPieces(pieces, open);
}

/** Split a wire value into the pictures and the JSON text between them, in order. */
function flatten(wire: Wire): (string | StoredPicture)[] {
  const pieces: (string | StoredPicture)[] = [];
  let text = "";
  const walk = (value: Wire): void => {
    if (value instanceof InlineImage) {
      // Only the opening quote of the prefix is kept: the base64 follows inside the same string.
      pieces.push(text + JSON.stringify(value.prefix).slice(0, -1), value.picture);
      text = '"';
    } else if (Array.isArray(value)) {
      value.forEach((item, index) => {
        text += index === 0 ? "[" : ",";
        walk(item ?? null);
      });
      text += value.length === 0 ? "[]" : "]";
    } else if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).filter(([, property]) => property !== undefined);
      entries.forEach(([key, property], index) => {
        text += `${index === 0 ? "{" : ","}${JSON.stringify(key)}:`;
        walk(property);
      });
      text += entries.length === 0 ? "{}" : "}";
    } else text += JSON.stringify(value ?? null);
  };
  walk(wire);
  pieces.push(text);
  return pieces;
}

function flattenEvents(events: readonly ServerSentEvent[]): (string | StoredPicture)[] {
  return events.flatMap(({ event, data }) => [
    // An event without a name has no line before `data:`: some SDKs silently drop such an event.
    `${event === undefined ? "" : `event: ${event}\n`}data: `,
    ...(typeof data === "string" ? [data] : flatten(data)),
    "\n\n",
  ]);
}

function streamPieces(pieces: (string | StoredPicture)[], open: OpenPicture): ReadableStream<Uint8Array> {
  const bytes = pieces.reduce(
    (sum, piece) => sum + (typeof piece === "string" ? Buffer.byteLength(piece) : base64Length(piece.bytes)),
    0,
  );
  const { readable, writable } = new FixedLengthStream(bytes);
  const writer = writable.getWriter();
  const writeAll = async () => {
    await writePieces(pieces, open, writer);
    await writer.close();
  };
  // The reader sees the failure as a broken stream; this only prevents an unhandled rejection.
  void writeAll().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return readable;
}

async function writePieces(
  pieces: (string | StoredPicture)[],
  open: OpenPicture,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  for (const piece of pieces) {
    if (typeof piece === "string") await writer.write(Buffer.from(piece));
    else await writeBase64(await open(piece), writer);
  }
}

async function writeBase64(
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const text = Buffer.from(acquire(base64Length(PIECE_BYTES)));
  let buffer = acquire(PIECE_BYTES);
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(PIECE_BYTES, new Uint8Array(buffer));
      if (value !== undefined) {
        buffer = value.buffer;
        if (value.length > 0) await writer.write(text.subarray(0, text.latin1Write(value.toBase64(), 0)));
      }
      if (done) break;
    }
  } catch (error) {
    void reader.cancel(error).catch(() => undefined);
    throw error;
  }
  release(buffer);
  release(text.buffer);
}
