import type { ServerSentEvent } from "../image/wire.ts";
import { readStoredPicture } from "../store/pictures.ts";
import { type OpenPicture, spliceEvents, writeEvents } from "../stream/splice.ts";
import { settlesWithin } from "../concurrency.ts";
import type { Dialect } from "../vendors/vendor.ts";
import type { AppContext } from "./context.ts";
import { formatError } from "./error-response.ts";

/** Every SDK skips a comment. */
const COMMENT = new TextEncoder().encode(": drawing\n\n");

/** Answer with server-sent events. */
export function sendEvents(c: AppContext, events: ServerSentEvent[]): Response {
  return eventStream(c, spliceEvents(events, pictureOpener(c)));
}

/**
 * Start the answer before its events are known: a comment every `quietMs` shows that the generation continues. A failure
 * becomes an `error` event, because the status is sent already.
 */
export function sendEventsLater(
  c: AppContext,
  dialect: Dialect,
  pending: Promise<ServerSentEvent[]>,
  quietMs: number,
): Response {
  const events = pending.catch((thrown: unknown): ServerSentEvent[] => [
    { event: "error", data: formatError(c, thrown, dialect).body },
  ]);
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const feed = async () => {
    do await writer.write(COMMENT);
    while (!(await settlesWithin(events, quietMs)));
    await writeEvents(await events, pictureOpener(c), writer);
    await writer.close();
  };
  // A client that has left is no error: the generation continues. A connected client sees that the stream broke off.
  void feed().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return eventStream(c, readable);
}

function pictureOpener(c: AppContext): OpenPicture {
  return (picture) => readStoredPicture(c.env.BUCKET, picture.key);
}

function eventStream(c: AppContext, body: string | ReadableStream<Uint8Array>): Response {
  c.header("content-type", "text/event-stream; charset=utf-8");
  c.header("cache-control", "no-store");
  return c.body(body);
}
