import { release } from "../stream/buffer-pool.ts";

/** Return a byte stream of known length over `blocks`; each block goes back to the buffer pool once read. */
export function streamOf(blocks: Uint8Array[]): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(blocks.reduce((sum, block) => sum + block.length, 0));
  const writer = writable.getWriter();
  const feed = async () => {
    for (const block of blocks) {
      await writer.write(block);
      release(block.buffer);
    }
    await writer.close();
  };
  // The reader gets the error; here it only must not become an unhandled rejection.
  void feed().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return readable;
}

/**
 * A multipart upload that is created with its first part; parts are uploaded one after the other, in the background.
 */
export class MultipartUpload {
  /** Parts that were added and are not uploaded yet. */
  pendingParts = 0;
  /** Resolves (never rejects) once every part added so far is uploaded or has failed. */
  settled: Promise<void> = Promise.resolve();
  private readonly bucket: R2Bucket;
  private readonly key: string;
  private upload: R2MultipartUpload | undefined;
  private readonly uploaded: R2UploadedPart[] = [];
  private partCount = 0;
  private failure: { error: unknown } | undefined;

  constructor(bucket: R2Bucket, key: string) {
    this.bucket = bucket;
    this.key = key;
  }

  get started(): boolean {
    return this.partCount > 0;
  }

  /** Add a part of at least 5 MiB, of the same length as those before it. Takes ownership of the blocks. */
  addPart(blocks: Uint8Array[], options: R2PutOptions): void {
    const number = ++this.partCount;
    this.pendingParts++;
    this.settled = this.settled.then(() => this.uploadPart(number, blocks, options));
  }

  /** Upload the last part, of any size, and complete the object. Throws what R2 threw. */
  async complete(last: Uint8Array[], options: R2PutOptions): Promise<R2Object> {
    if (last.some((block) => block.length > 0)) this.addPart(last, options);
    await this.settled;
    if (this.failure !== undefined) throw this.failure.error;
    if (this.upload === undefined) throw new Error("no part was sent");
    return this.upload.complete(this.uploaded);
  }

  /**
   * Abort the upload, so that no part is left. Never throws: R2 deletes abandoned uploads by itself after seven days.
   */
  async abort(): Promise<void> {
    await this.settled;
    await this.upload?.abort().catch(() => undefined);
  }

  private async uploadPart(number: number, blocks: Uint8Array[], options: R2PutOptions): Promise<void> {
    try {
      if (this.failure !== undefined) return;
      this.upload ??= await this.bucket.createMultipartUpload(this.key, options);
      this.uploaded.push(await this.upload.uploadPart(number, streamOf(blocks)));
    } catch (error) {
      this.failure = { error };
    } finally {
      this.pendingParts--;
    }
  }
}
