import type { OutputFormat, StoredPicture } from "../image/request.ts";
import { type PictureUpload, read } from "../store/pictures.ts";

/** The stored picture in another format, stored in its place. Throws where the binding cannot; the picture is left then. */
export async function convert(
  images: ImagesBinding,
  bucket: R2Bucket,
  picture: StoredPicture,
  format: OutputFormat,
  upload: PictureUpload,
): Promise<StoredPicture> {
  const made = await images.input(await read(bucket, picture.key)).output({ format: `image/${format}` });
  try {
    await upload.fill(made.image());
    await upload.finish();
  } catch (error) {
    await upload.discard();
    throw error;
  }
  await bucket.delete(picture.key);
  return upload.stored;
}
