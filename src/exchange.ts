import { asGatewayError, GatewayError, redact, refine } from "./errors.ts";
import type { StoredPicture } from "./image/request.ts";
import type { Route } from "./route.ts";
import type { Settings } from "./env.ts";
import { keys, PictureUpload, read } from "./store/pictures.ts";
import { BadBody } from "./stream/bad-body.ts";
import { parseDocuments } from "./stream/documents.ts";
import { Hoist } from "./stream/hoist.ts";
import { pump } from "./stream/pump.ts";
import type { Tap } from "./stream/tap.ts";
import { Deadline } from "./vendors/deadline.ts";
import { download, retryAfterSeconds, send } from "./vendors/send.ts";
import type { Carrier } from "./vendors/vendor.ts";

const bytesOf = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const SPACE = bytesOf(" \t\r\n");
/**
 * First bytes of a JSON object or list, of server-sent events, and of a byte order mark. What begins otherwise, as a
 * proxy's page, is refused at once: past `holdBytes` it would flow to the client.
 */
const FIRST = bytesOf("{[:deir\xef");

/** A shorter prompt is a word or two, and words are in any message. */
const TELLING = 16;

/** What one exchange needs of the generation it is part of. */
export interface Exchange {
  generation: string;
  route: Route;
  settings: Settings;
  bucket: R2Bucket;
  /** The next number for a picture of this generation. */
  slot(): number;
  /** The client's end, where the vendor's bytes go to the client as they are. */
  tap?: Tap | undefined;
}

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

/** Reads the answer: pictures go to `uploads` as they arrive, the small JSON is returned (undefined if an error's body is none). */
async function receive(
  work: Exchange,
  response: Response,
  uploads: PictureUpload[],
  deadline: Deadline,
): Promise<unknown> {
  const { limits } = work.settings;
  const ok = response.status === 200;
  const encoding = response.headers.get("content-encoding");
  if (encoding !== null && !/^(?:identity|gzip|x-gzip|deflate|br)$/i.test(encoding))
    throw new BadBody(`The answer is encoded as ${encoding}, which was not asked for.`);
  const tap = ok ? work.tap : undefined;
  if (tap !== undefined) tap.contentType = response.headers.get("content-type") ?? tap.contentType;
  const hoist = new Hoist({
    open: () => {
      const upload = newUpload(work);
      uploads.push(upload);
      return upload;
    },
    skeletonBytes: limits.answerJsonBytes,
    textBytes: limits.answerTextBytes,
    depth: limits.jsonDepth,
  });
  let received = 0;
  let first: number | undefined;
  const begun = deadline.phase("send its answer's first byte", limits.firstByteMs);
  try {
    if (response.body !== null) {
      await pump(response.body, {
        large: () => hoist.inPicture,
        each: async (chunk) => {
          begun();
          first ??= chunk.find((byte) => !SPACE.includes(byte));
          if (first !== undefined && !FIRST.includes(first))
            throw new BadBody("The body is not a JSON object or list.");
          received += chunk.length;
          if (received > limits.answerBytes) throw new BadBody(`The answer is over ${limits.answerBytes} bytes.`, true);
          hoist.push(chunk);
          if (hoist.pictures > 0) tap?.release();
          await tap?.write(chunk);
          for (const upload of uploads) await upload.drain();
        },
      });
    }
    return parseDocuments(hoist.end());
  } catch (error) {
    if (!ok && error instanceof BadBody) return undefined;
    throw error;
  } finally {
    begun();
  }
}

function newUpload({ bucket, generation, route, settings, slot }: Exchange): PictureUpload {
  const metadata = { generation, vendor: route.target.provider.name, model: route.request.model };
  return new PictureUpload(bucket, keys.picture(generation, slot()), settings.limits.pictureBytes, metadata);
}

/** The picture behind a carrier, stored. */
async function collect(
  work: Exchange,
  carrier: Carrier,
  uploads: PictureUpload[],
  deadline: Deadline,
): Promise<StoredPicture> {
  const upload = "hoisted" in carrier ? uploads[carrier.hoisted] : newUpload(work);
  if (upload === undefined) throw new BadBody("The answer points at a picture that is not in it.");
  if ("url" in carrier) {
    uploads.push(upload);
    const { limits, trustedHosts } = work.settings;
    const delivered = deadline.phase("deliver a picture", limits.downloadMs);
    try {
      const response = await download(work.route.target, carrier.url, deadline, limits, trustedHosts);
      if (response.body !== null)
        await pump(response.body, { large: () => upload.bytes > 0, each: (chunk) => upload.write(chunk) });
    } finally {
      delivered();
    }
  }
  try {
    await upload.finish();
  } catch (error) {
    if (error instanceof BadBody) throw error;
    throw new GatewayError("internal", "The picture was drawn, but could not be stored.", { cause: error });
  }
  return upload.stored;
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
