import { Buffer } from "node:buffer";
import type { StoredPicture } from "../image/request.ts";
import { type Event, InlineImage, type Wire } from "../image/wire.ts";
import { base64Length } from "./base64.ts";
import { release, acquire } from "./buffer-pool.ts";

/** Picture bytes encoded at once: a multiple of 3, so that no padding falls between two pieces. */
const PIECE = 192 * 1024;

/** The bytes of a picture. */
export type Open = (picture: StoredPicture) => Promise<ReadableStream<Uint8Array>>;

/**
 * JSON text with pictures put back as base64: as it is where it holds none, else a stream of known length that opens each
 * picture when its turn comes.
 */
export function splice(wire: Wire, open: Open): string | ReadableStream<Uint8Array> {
  return join(flatten(wire), open);
}

/** The same for server-sent events. */
export function spliceEvents(events: readonly Event[], open: Open): string | ReadableStream<Uint8Array> {
  return join(flattenEvents(events), open);
}

/** Writes events to a stream that has begun already, and is not closed here. */
export function writeEvents(
  events: readonly Event[],
  open: Open,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  return write(flattenEvents(events), open, writer);
}

function join(pieces: (string | StoredPicture)[], open: Open): string | ReadableStream<Uint8Array> {
  const texts = pieces.filter((piece) => typeof piece === "string");
  return texts.length === pieces.length ? texts.join("") : stream(pieces, open);
}

/** The text pieces between the pictures, and the pictures, in order. */
function flatten(wire: Wire): (string | StoredPicture)[] {
  const pieces: (string | StoredPicture)[] = [];
  let text = "";
  const walk = (value: Wire): void => {
    if (value instanceof InlineImage) {
      // The prefix is JSON text itself once its quotes are cut off.
      pieces.push(text + JSON.stringify(value.prefix).slice(0, -1), value.picture);
      text = '"';
    } else if (Array.isArray(value)) {
      value.forEach((item, index) => {
        text += index === 0 ? "[" : ",";
        walk(item ?? null);
      });
      text += value.length === 0 ? "[]" : "]";
    } else if (typeof value === "object" && value !== null) {
      const members = Object.entries(value).filter(([, member]) => member !== undefined);
      members.forEach(([key, member], index) => {
        text += `${index === 0 ? "{" : ","}${JSON.stringify(key)}:`;
        walk(member);
      });
      text += members.length === 0 ? "{}" : "}";
    } else text += JSON.stringify(value ?? null);
  };
  walk(wire);
  pieces.push(text);
  return pieces;
}

function flattenEvents(events: readonly Event[]): (string | StoredPicture)[] {
  return events.flatMap(({ event, data }) => [
    // Without a name nothing comes before the data: some SDKs drop such an event without a word.
    `${event === undefined ? "" : `event: ${event}\n`}data: `,
    ...(typeof data === "string" ? [data] : flatten(data)),
    "\n\n",
  ]);
}

function stream(pieces: (string | StoredPicture)[], open: Open): ReadableStream<Uint8Array> {
  const bytes = pieces.reduce(
    (sum, piece) => sum + (typeof piece === "string" ? Buffer.byteLength(piece) : base64Length(piece.bytes)),
    0,
  );
  const { readable, writable } = new FixedLengthStream(bytes);
  const writer = writable.getWriter();
  const feed = async () => {
    await write(pieces, open, writer);
    await writer.close();
  };
  // The reader sees the failure as a broken stream; here it only must not go unhandled.
  void feed().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return readable;
}

async function write(
  pieces: (string | StoredPicture)[],
  open: Open,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  for (const piece of pieces) {
    if (typeof piece === "string") await writer.write(Buffer.from(piece));
    else await encode(await open(piece), writer);
  }
}

async function encode(
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const text = Buffer.from(acquire(base64Length(PIECE)));
  let buffer = acquire(PIECE);
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(PIECE, new Uint8Array(buffer));
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
