import type { Config } from "../env.ts";
import { GatewayError } from "../errors.ts";
import type { StoredPicture } from "../image/request.ts";
import type { Candidate } from "../models/candidates.ts";
import type { PictureUpload, UploadSet } from "../store/pictures.ts";
import { BodyError } from "../stream/body-error.ts";
import type { ClientStream } from "../stream/client-stream.ts";
import { readJson } from "../stream/read-json.ts";
import type { Deadline } from "../vendors/deadline.ts";
import { download } from "../vendors/download.ts";
import type { ImageSource } from "../vendors/vendor.ts";

/** One call to one vendor. */
export interface VendorCall {
  /** Its request has the references as this vendor takes them. */
  candidate: Candidate;
  config: Config;
  bucket: R2Bucket;
  /** When the call must have ended, in milliseconds since the epoch. */
  endsAt: number;
  /** Start the upload of the generation's next picture. */
  openUpload(): PictureUpload;
  /** The client's stream, if it receives the vendor's bytes unchanged. */
  client?: ClientStream | undefined;
}

const bytesOf = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const SPACE = bytesOf(" \t\r\n");
/**
 * First bytes of a JSON object or list, of server-sent events, and of a byte order mark. Another body, as a proxy's HTML page,
 * is rejected at once: past `holdBytes` it would be passed to the client.
 */
const FIRST = bytesOf("{[:deir\xef");

/** Read a vendor's answer: pictures go to `uploads` as they arrive, the small JSON is returned; undefined if an error has none. */
export async function readAnswer(
  { candidate, config: { limits }, client }: VendorCall,
  response: Response,
  uploads: UploadSet,
  deadline: Deadline,
): Promise<unknown> {
  const { ok, headers, body } = response;
  const encoding = headers.get("content-encoding");
  if (encoding !== null && !/^(?:identity|gzip|br)$/i.test(encoding)) {
    throw new BodyError(`The answer is encoded as ${encoding}, which was not asked for.`);
  }
  const passedTo = ok ? client : undefined;
  if (passedTo !== undefined) passedTo.contentType = headers.get("content-type") ?? passedTo.contentType;
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
      onChunk: async (chunk, hasPicture) => {
        begun();
        first ??= chunk.find((byte) => !SPACE.includes(byte));
        if (first !== undefined && !FIRST.includes(first))
          throw new BodyError("The body is not a JSON object or list.");
        if (hasPicture) passedTo?.flush();
        await passedTo?.write(chunk);
      },
    }).catch(rethrowAsTruncated(candidate.endpoint.provider.name));
  } catch (error) {
    if (!ok && error instanceof BodyError) return undefined;
    throw error;
  } finally {
    begun();
  }
}

/** Store one picture of a vendor's answer: from its JSON, where it is uploaded already, or from its URL. */
export async function storeImage(
  { candidate: { endpoint }, config: { limits, trustedHosts } }: VendorCall,
  image: ImageSource,
  uploads: UploadSet,
  deadline: Deadline,
): Promise<StoredPicture> {
  const upload = "hoisted" in image ? uploads.at(image.hoisted) : uploads.open();
  if (upload === undefined) throw new BodyError("The answer points at a picture that is not in it.");
  if ("url" in image) {
    const delivered = deadline.phase("deliver a picture", limits.downloadMs);
    try {
      const body = await download(endpoint, image.url, deadline, limits, trustedHosts);
      await upload.fill(body).catch(rethrowAsTruncated(endpoint.provider.name));
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

/** Any other error while a body is read means that the vendor, or its network, closed the connection early. */
function rethrowAsTruncated(vendor: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof BodyError || error instanceof GatewayError) throw error;
    throw new GatewayError("vendor_error", `${vendor} broke off in its answer.`, { cause: error });
  };
}
