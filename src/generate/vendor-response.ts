import type { Config } from "../env.ts";
import { GatewayError } from "../errors.ts";
import type { StoredPicture } from "../image/request.ts";
import type { UploadSet, PictureUpload } from "../store/pictures.ts";
import { BodyError } from "../stream/body-error.ts";
import { readJson } from "../stream/read-json.ts";
import type { ClientStream } from "../stream/client-stream.ts";
import type { Deadline } from "../vendors/deadline.ts";
import { download } from "../vendors/download.ts";
import type { ImageSource } from "../vendors/vendor.ts";
import type { Candidate } from "../models/candidates.ts";

/** What one exchange needs of the generation it is part of. */
export interface Exchange {
  route: Candidate;
  config: Config;
  bucket: R2Bucket;
  /** When it must be over, in milliseconds since the epoch. */
  until: number;
  /** Begins the next picture of this generation. */
  upload(): PictureUpload;
  /** The client's end, where the vendor's bytes go to the client as they are. */
  tap?: ClientStream | undefined;
}

const bytesOf = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const SPACE = bytesOf(" \t\r\n");
/**
 * First bytes of a JSON object or list, of server-sent events, and of a byte order mark. What begins otherwise, as a
 * proxy's page, is refused at once: past `holdBytes` it would flow to the client.
 */
const FIRST = bytesOf("{[:deir\xef");

/** Reads the answer: pictures go to `uploads` as they arrive, the small JSON is returned; undefined if an error has none. */
export async function receive(
  { route, config: { limits }, tap }: Exchange,
  response: Response,
  uploads: UploadSet,
  deadline: Deadline,
): Promise<unknown> {
  const { ok, headers, body } = response;
  const encoding = headers.get("content-encoding");
  if (encoding !== null && !/^(?:identity|gzip|br)$/i.test(encoding)) {
    throw new BodyError(`The answer is encoded as ${encoding}, which was not asked for.`);
  }
  const passed = ok ? tap : undefined;
  if (passed !== undefined) passed.contentType = headers.get("content-type") ?? passed.contentType;
  let first: number | undefined;
  const begun = deadline.phase("send its answer's first byte", limits.firstByteMs);
  try {
    if (body === null) throw new BodyError("The body is empty.");
    return await readJson(body, {
      pictures: uploads,
      bytes: limits.answerBytes,
      jsonBytes: limits.answerJsonBytes,
      textBytes: limits.answerTextBytes,
      depth: limits.jsonDepth,
      each: async (chunk, hasPicture) => {
        begun();
        first ??= chunk.find((byte) => !SPACE.includes(byte));
        if (first !== undefined && !FIRST.includes(first))
          throw new BodyError("The body is not a JSON object or list.");
        if (hasPicture) passed?.flush();
        await passed?.write(chunk);
      },
    }).catch(brokeOff(route.target.provider.name));
  } catch (error) {
    if (!ok && error instanceof BodyError) return undefined;
    throw error;
  } finally {
    begun();
  }
}

/** The picture behind a carrier, stored. */
export async function collect(
  work: Exchange,
  carrier: ImageSource,
  uploads: UploadSet,
  deadline: Deadline,
): Promise<StoredPicture> {
  const upload = "hoisted" in carrier ? uploads.at(carrier.hoisted) : uploads.open();
  if (upload === undefined) throw new BodyError("The answer points at a picture that is not in it.");
  if ("url" in carrier) {
    const { limits, trustedHosts } = work.config;
    const { target } = work.route;
    const delivered = deadline.phase("deliver a picture", limits.downloadMs);
    try {
      const body = await download(target, carrier.url, deadline, limits, trustedHosts);
      await upload.fill(body).catch(brokeOff(target.provider.name));
    } finally {
      delivered();
    }
  }
  try {
    await upload.finish();
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new GatewayError("internal", "The picture was drawn, but could not be stored.", { cause: error });
  }
  return upload.stored;
}

/** What ends a body early is the vendor's end, or its network's. */
function brokeOff(vendor: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof BodyError || error instanceof GatewayError) throw error;
    throw new GatewayError("vendor_error", `${vendor} broke off in its answer.`, { cause: error });
  };
}
