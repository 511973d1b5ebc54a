import type { Event } from "../image/wire.ts";
import { readPicture } from "../store/pictures.ts";
import { type Open, spliceEvents, writeEvents } from "../stream/splice.ts";
import type { Dialect } from "../vendors/vendor.ts";
import type { AppContext } from "./context.ts";
import { formatError } from "./error-response.ts";

/** Every SDK skips a comment. */
const COMMENT = new TextEncoder().encode(": drawing\n\n");

/**
 * Answers with server-sent events. Where the picture takes longer than `quietMs`, the answer begins before it is there,
 * and says at that interval that it goes on; what fails from then on is told by an `error` event, for the status is sent.
 */
export async function sendEvents(
  c: AppContext,
  dialect: Dialect,
  answer: Promise<Event[]>,
  quietMs: number,
): Promise<Response> {
  const open: Open = (picture) => readPicture(c.env.BUCKET, picture.key);
  const inTime = await settlesWithin(answer, quietMs);
  const body = inTime ? spliceEvents(await answer, open) : streamWithKeepAlive(c, dialect, answer, quietMs, open);
  c.header("content-type", "text/event-stream; charset=utf-8");
  c.header("cache-control", "no-store");
  return c.body(body);
}

function streamWithKeepAlive(
  c: AppContext,
  dialect: Dialect,
  answer: Promise<Event[]>,
  quietMs: number,
  open: Open,
): ReadableStream<Uint8Array> {
  const events = answer.catch((thrown: unknown): Event[] => [
    { event: "error", data: formatError(c, thrown, dialect).body },
  ]);
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const feed = async () => {
    do await writer.write(COMMENT);
    while (!(await settlesWithin(events, quietMs)));
    await writeEvents(await events, open, writer);
    await writer.close();
  };
  // A client that left is no error: the generation goes on without it. One that is there sees that the stream broke off.
  void feed().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return readable;
}

/** Whether `work` ends, well or not, within `ms`. */
async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
}
