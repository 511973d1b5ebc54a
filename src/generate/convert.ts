import type { OutputFormat, StoredPicture } from "../image/request.ts";
import type { Limits } from "../policy/limits.ts";
import { keys, PictureUpload, read } from "../store/pictures.ts";
import { pump } from "../stream/pump.ts";

/** What the Images binding needs to make a picture of another format, and where it goes. */
export interface Converting {
  generation: string;
  images: ImagesBinding;
  bucket: R2Bucket;
  limits: Limits;
  /** The next number for a picture of this generation. */
  slot(): number;
}

/** The stored picture in another format, stored in its place. Throws where the binding cannot; the picture is left then. */
export async function convert(
  work: Converting,
  picture: StoredPicture,
  format: OutputFormat,
  metadata: Record<string, string>,
): Promise<StoredPicture> {
  const { bucket, images, generation, limits } = work;
  const made = await images.input(await read(bucket, picture.key)).output({ format: `image/${format}` });
  const upload = new PictureUpload(bucket, keys.picture(generation, work.slot()), limits.pictureBytes, metadata);
  try {
    await pump(made.image(), { large: () => true, each: (chunk) => upload.write(chunk) });
    await upload.finish();
  } catch (error) {
    await upload.discard();
    throw error;
  }
  await bucket.delete(picture.key);
  return upload.stored;
}
