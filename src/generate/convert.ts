import { redact, log } from "../log.ts";
import type { OutputFormat, StoredPicture } from "../image/request.ts";
import { type PictureUpload, readStoredPicture } from "../store/pictures.ts";
import type { Runtime } from "./runtime.ts";
import type { Recorder } from "./recorder.ts";
import type { Generation } from "../store/jobs.ts";

/** The run that a conversion belongs to. */
interface Context {
  generation: Generation;
  runtime: Runtime;
  recorder: Recorder;
}

/** A conversion by the Images binding. */
interface Conversion {
  images: ImagesBinding;
  format: OutputFormat;
  openUpload(): PictureUpload;
}

/** Convert each picture that has another format, with a warning. A picture whose conversion fails stays unchanged. */
export function convertPictures(
  context: Context,
  pictures: readonly StoredPicture[],
  conversion: Conversion,
): Promise<StoredPicture[]> {
  return Promise.all(pictures.map((picture) => convertPicture(context, picture, conversion)));
}

async function convertPicture(
  { generation, runtime: { env, config }, recorder }: Context,
  picture: StoredPicture,
  conversion: Conversion,
): Promise<StoredPicture> {
  const { format } = conversion;
  if (picture.type === `image/${format}`) return picture;
  try {
    const converted = await storeConverted(env.BUCKET, picture, conversion);
    recorder.warn(`outputFormat ${format} was made from ${picture.type}`);
    return converted;
  } catch (error) {
    log("convert.failed", { generation: generation.id, error: redact(String(error), config.secrets) });
    recorder.warn(`outputFormat ${format} could not be made: the picture is ${picture.type}`);
    return picture;
  }
}

/** Store the picture in another format and delete the original. Throws if the binding fails; the original stays then. */
async function storeConverted(
  bucket: R2Bucket,
  picture: StoredPicture,
  { images, format, openUpload }: Conversion,
): Promise<StoredPicture> {
  const upload = openUpload();
  const body = await readStoredPicture(bucket, picture.key);
  const converted = await images.input(body).output({ format: `image/${format}` });
  try {
    await upload.fill(converted.image());
    await upload.finish();
  } catch (error) {
    await upload.discard();
    throw error;
  }
  await bucket.delete(picture.key);
  return upload.stored;
}
