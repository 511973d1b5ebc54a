import { asGatewayError, GatewayError, redact, refine } from "./errors.ts";
import type { StoredPicture } from "./image/request.ts";
import { type PictureUpload, read } from "./store/pictures.ts";
import { BadBody } from "./stream/bad-body.ts";
import { Deadline } from "./vendors/deadline.ts";
import { collect, type Exchange, receive } from "./receive.ts";
import { retryAfterSeconds, send } from "./vendors/send.ts";

/** A shorter prompt is a word or two, and words are in any message. */
const TELLING = 16;

export interface Exchanged {
  pictures: StoredPicture[];
  text?: string | undefined;
  usage?: Record<string, unknown> | undefined;
}

/** One call to one vendor, from its request to its pictures in R2. Throws a GatewayError; then nothing is left in R2. */
export async function exchange(work: Exchange): Promise<Exchanged> {
  const { route, settings } = work;
  const { provider } = route.target;
  const deadline = new Deadline(provider.name, settings.limits.answerMs);
  const uploads: PictureUpload[] = [];
  let retryAfter: number | undefined;
  let lost: { error: unknown } | undefined;
  const open = (picture: StoredPicture) =>
    read(work.bucket, picture.key).catch((error: unknown) => {
      lost = { error };
      throw error;
    });
  try {
    const outgoing = provider.encode(route.request, route.spec);
    const response = await send(route.target, outgoing, open, deadline, settings.limits);
    retryAfter = retryAfterSeconds(response.headers, Date.now());
    const wire = await receive(work, response, uploads, deadline);
    const drawn = provider.decode(response.status, wire, response.headers);
    const pictures = await all(drawn.images.map((carrier) => collect(work, carrier, uploads, deadline)));
    const kept = new Set(pictures.map(({ key }) => key));
    await Promise.all(uploads.filter(({ key }) => !kept.has(key)).map((upload) => upload.discard()));
    return {
      pictures,
      text: drawn.text === undefined ? undefined : redact(drawn.text, settings.secrets),
      usage: drawn.usage,
    };
  } catch (thrown) {
    await Promise.all(uploads.map((upload) => upload.discard()));
    if (lost !== undefined)
      throw new GatewayError("internal", "A reference picture could not be read back; nothing was drawn.", {
        cause: lost.error,
      });
    throw explain(thrown, work, deadline, retryAfter);
  } finally {
    deadline.done();
  }
}

/** The results of all, once all have ended: what still runs could put into R2 what has just been discarded. */
async function all<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function explain(
  thrown: unknown,
  { route, settings }: Exchange,
  deadline: Deadline,
  retryAfter: number | undefined,
): GatewayError {
  const vendor = route.target.provider.name;
  let error: GatewayError;
  if (deadline.signal.aborted) error = asGatewayError(deadline.signal.reason);
  else if (thrown instanceof GatewayError) error = thrown;
  else {
    const what =
      thrown instanceof BadBody
        ? `sent an answer that cannot be used. ${thrown.message}`
        : "broke off in the middle of its answer.";
    error = new GatewayError("vendor_error", `${vendor} ${what}`, { cause: thrown });
  }
  // Vendors have been seen to repeat what they were sent: the key, the prompt, a signed URL.
  const { prompt, references } = route.request;
  const own = [prompt, ...references.flatMap((reference) => ("url" in reference ? reference.url : []))];
  const sent = [...settings.secrets, ...own.filter(({ length }) => length >= TELLING)];
  return refine(error, { message: redact(error.message, sent).slice(0, 1000), retryAfter });
}
