import type { StoredPicture } from "../image/request.ts";
import type { PictureUpload } from "./pictures.ts";

/** The pictures of one body on their way to R2, in the order they began; some of them may turn out not to be wanted. */
export class PictureUploads {
  private readonly uploads: PictureUpload[] = [];
  private readonly create: (index: number) => PictureUpload;

  /** `create` makes the upload for the picture of that index, or throws what says why there may be no more. */
  constructor(create: (index: number) => PictureUpload) {
    this.create = create;
  }

  /** Begins another picture. */
  open(): PictureUpload {
    const upload = this.create(this.uploads.length);
    this.uploads.push(upload);
    return upload;
  }

  at(index: number): PictureUpload | undefined {
    return this.uploads[index];
  }

  /** Settles while R2 does not lag. */
  async drain(): Promise<void> {
    for (const upload of this.uploads) await upload.drain();
    const [oldest, next] = this.uploads.filter(({ ending }) => ending);
    // Many small pictures in a row would all be in memory while R2 lags.
    if (next !== undefined) await oldest?.finish().catch(() => undefined);
  }

  /** Stores every picture. */
  async finish(): Promise<StoredPicture[]> {
    await Promise.all(this.uploads.map((upload) => upload.finish()));
    return this.uploads.map(({ stored }) => stored);
  }

  /** Leaves nothing in R2 but `kept`. Never throws. */
  async discard(kept: readonly StoredPicture[] = []): Promise<void> {
    const keys = new Set(kept.map(({ key }) => key));
    await Promise.all(this.uploads.filter(({ key }) => !keys.has(key)).map((upload) => upload.discard()));
  }
}
