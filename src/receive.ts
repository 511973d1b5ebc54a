import type { Settings } from "./env.ts";
import { GatewayError } from "./errors.ts";
import type { StoredPicture } from "./image/request.ts";
import type { Route } from "./route.ts";
import { keys, PictureUpload } from "./store/pictures.ts";
import { BadBody } from "./stream/bad-body.ts";
import { parseDocuments } from "./stream/documents.ts";
import { Hoist } from "./stream/hoist.ts";
import { pump } from "./stream/pump.ts";
import type { Tap } from "./stream/tap.ts";
import type { Deadline } from "./vendors/deadline.ts";
import { download } from "./vendors/send.ts";
import type { Carrier } from "./vendors/vendor.ts";

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

const bytesOf = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const SPACE = bytesOf(" \t\r\n");
/**
 * First bytes of a JSON object or list, of server-sent events, and of a byte order mark. What begins otherwise, as a
 * proxy's page, is refused at once: past `holdBytes` it would flow to the client.
 */
const FIRST = bytesOf("{[:deir\xef");

/** Reads the answer: pictures go to `uploads` as they arrive, the small JSON is returned (undefined if an error's body is none). */
export async function receive(
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
    open: (index) => {
      if (index >= limits.answerPictures)
        throw new BadBody(`The answer has more than ${limits.answerPictures} pictures.`, true);
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
export async function collect(
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
