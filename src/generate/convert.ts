import { redact, log } from "../log.ts";
import type { OutputFormat, StoredPicture } from "../image/request.ts";
import { type PictureUpload, readStoredPicture } from "../store/pictures.ts";
import type { Run } from "./vendor-call.ts";

/** The picture in the requested format, if the vendor sent another; with a warning, and unchanged if the conversion fails. */
export async function convertPicture(
  { generation, runtime: { env, config }, recorder }: Run,
  picture: StoredPicture,
  openUpload: () => PictureUpload,
): Promise<StoredPicture> {
  const format = generation.parsed.request.outputFormat;
  if (format === undefined || picture.type === `image/${format}` || env.IMAGES === undefined) return picture;
  try {
    const converted = await storeConverted(env.IMAGES, env.BUCKET, picture, format, openUpload());
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
  images: ImagesBinding,
  bucket: R2Bucket,
  picture: StoredPicture,
  format: OutputFormat,
  upload: PictureUpload,
): Promise<StoredPicture> {
  const converted = await images
    .input(await readStoredPicture(bucket, picture.key))
    .output({ format: `image/${format}` });
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
