import { createHash, type Hash } from "node:crypto";
import type { StoredPicture } from "../image/request.ts";
import { dimensions, detectType } from "../image/detect-type.ts";
import { TruncationCheck } from "../image/truncation.ts";
import { pump } from "../stream/pump.ts";
import type { Spill } from "../stream/client-stream.ts";
import { Upload } from "./upload.ts";

/** R2 keys; docs/storage.md has them all with their lifetimes. */
export const keys = {
  /** A picture a vendor drew; the record says which of them are the result. */
  picture: (generation: string, slot: number) => `pictures/${generation}/${slot}`,
  /** A reference picture, while its generation runs; `folder` is as hard to guess as an id, and not the generation's. */
  reference: (folder: string, slot: number) => `references/${folder}/${slot}`,
  /** What a slow client has not taken yet. */
  spill: (generation: string) => `spills/${generation}`,
};

/** An upload that must be a whole picture, whatever it was declared to be. */
export class PictureUpload extends Upload {
  private readonly metadata: Record<string, string>;
  private info = { type: "", width: 0, height: 0 };
  private finder: TruncationCheck | undefined;
  private readonly hash: Hash | undefined;

  /** `name` is the field it came in, for messages; `digest` asks for its SHA-256 as well. */
  constructor(
    bucket: R2Bucket,
    key: string,
    maxBytes: number,
    metadata: Record<string, string>,
    { name, digest = false }: { name?: string | undefined; digest?: boolean } = {},
  ) {
    super(bucket, key, maxBytes, name);
    this.metadata = metadata;
    this.hash = digest ? createHash("sha256") : undefined;
  }

  /** The picture, once `finish` is done. */
  get stored(): StoredPicture {
    return { key: this.key, ...this.info, bytes: this.bytes };
  }

  /** Takes in a stream to its end. Throws what reading it throws, and BadBody. */
  fill(body: ReadableStream<Uint8Array>): Promise<void> {
    return pump(body, { preferLargeReads: () => this.bytes > 0, each: (chunk) => this.write(chunk) });
  }

  /** SHA-256 of its bytes in hex, to be asked for once. */
  sha256(): string | undefined {
    return this.hash?.digest("hex");
  }

  protected override see(bytes: Uint8Array): void {
    this.finder ??= this.begin(bytes);
    this.finder.push(bytes);
    this.hash?.update(bytes);
  }

  protected override verify(): void {
    if (this.finder?.complete !== true) throw this.refusal(`(${this.info.type}) is cut short: its end is missing`);
  }

  protected override describe(): R2PutOptions {
    const { type, width, height } = this.info;
    return {
      httpMetadata: { contentType: type },
      customMetadata: { ...this.metadata, width: String(width), height: String(height) },
    };
  }

  /** `head` is the first block, or all there is. */
  private begin(head: Uint8Array): TruncationCheck {
    const type = detectType(head);
    if (type === undefined) throw this.refusal("is of no known format: not PNG, JPEG, WebP, GIF, AVIF or HEIC");
    this.info = { ...this.info, type, ...dimensions(type, head) };
    return new TruncationCheck(type);
  }
}

/** A spill in R2, for one client of one generation. */
export function spillTo(bucket: R2Bucket, generation: string, maxBytes: number): Spill {
  const upload = new Upload(bucket, keys.spill(generation), maxBytes);
  return {
    write: (chunk) => upload.write(chunk),
    replay: async () => {
      await upload.finish();
      return readPicture(bucket, upload.key);
    },
    discard: () => upload.discard(),
  };
}

/** The bytes of an object that must be there. */
export async function readPicture(bucket: R2Bucket, key: string): Promise<ReadableStream<Uint8Array>> {
  const object = await bucket.get(key);
  if (object === null) throw new Error(`no object ${key} in R2`);
  return object.body;
}

/** Whether all of them are there. */
export async function areStored(bucket: R2Bucket, pictures: readonly StoredPicture[]): Promise<boolean> {
  const found = await Promise.all(pictures.map(({ key }) => bucket.head(key)));
  return found.every((object) => object !== null);
}

/** Deletes pictures that are no longer needed. Never throws: what stays behind is unreachable. */
export async function deletePictures(bucket: R2Bucket, pictures: readonly StoredPicture[]): Promise<void> {
  if (pictures.length > 0) await bucket.delete(pictures.map(({ key }) => key)).catch(() => undefined);
}

/** The pictures of one body on their way to R2, in the order they began; some of them may turn out not to be wanted. */
export class UploadSet {
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
