import type { StoredPicture } from "../image/request.ts";
import { dropPictures, keys, PictureUpload } from "../store/pictures.ts";
import { newId } from "../store/ids.ts";
import { BadBody } from "../stream/bad-body.ts";
import { follow, Unfetched } from "../vendors/download.ts";
import type { Job } from "./job.ts";

type For = Pick<Job, "id" | "env" | "settings">;

/** Pictures fetched from URLs for one generation, each of them once; only those that came whole are kept. */
export class Fetched {
  private readonly job: For;
  private readonly pictures = new Map<string, Promise<StoredPicture>>();
  private readonly folder = newId(Date.now());
  private slots = 0;

  constructor(job: For) {
    this.job = job;
  }

  /** The picture behind a URL; `field` is where the caller wrote it. Throws Unfetched, or BadBody for what is no picture. */
  get(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const known = this.pictures.get(url);
    if (known !== undefined) return known;
    const picture = this.fetch(url, field, signal).catch((error: unknown) => {
      this.pictures.delete(url);
      throw error;
    });
    this.pictures.set(url, picture);
    return picture;
  }

  /** Deletes them. Never throws. */
  async drop(): Promise<void> {
    const ended = await Promise.allSettled(this.pictures.values());
    const pictures = ended.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    await dropPictures(this.job.env.BUCKET, pictures);
  }

  private async fetch(url: string, field: string, signal: AbortSignal): Promise<StoredPicture> {
    const { id, env, settings } = this.job;
    const { limits, trustedHosts: trusted } = settings;
    const key = keys.reference(this.folder, this.slots++);
    const upload = new PictureUpload(env.BUCKET, key, limits.referenceBytes, { generation: id }, { name: field });
    try {
      const body = await follow(url, { signal, limits, trusted });
      await upload.fill(body).catch((cause: unknown) => {
        if (cause instanceof BadBody) throw cause;
        signal.throwIfAborted();
        throw new Unfetched("it broke off", { cause });
      });
      await upload.finish();
    } catch (error) {
      await upload.discard();
      throw error;
    }
    return upload.stored;
  }
}
