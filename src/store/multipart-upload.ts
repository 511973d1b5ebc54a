import { release } from "../stream/buffer-pool.ts";

/** A byte stream of known length over `blocks`, each handed back for reuse as soon as it is read. */
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
  // Whoever reads sees the failure; here it only must not go unhandled.
  void feed().catch((error: unknown) => writer.abort(error).catch(() => undefined));
  return readable;
}

/** A multipart upload that begins with its first part; parts go one after the other, in the background. */
export class MultipartUpload {
  /** Parts handed over that are not up yet. */
  pendingParts = 0;
  /** Settles (never rejects) when every part handed over so far is up, or given up. */
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

  /** Takes over a part of at least 5 MiB, as long as those before it. */
  addPart(blocks: Uint8Array[], options: R2PutOptions): void {
    const number = ++this.partCount;
    this.pendingParts++;
    this.settled = this.settled.then(() => this.uploadPart(number, blocks, options));
  }

  /** Sends the last part, of any size, and makes the object of all; throws what R2 threw. */
  async complete(last: Uint8Array[], options: R2PutOptions): Promise<R2Object> {
    if (last.some((block) => block.length > 0)) this.addPart(last, options);
    await this.settled;
    if (this.failure !== undefined) throw this.failure.error;
    if (this.upload === undefined) throw new Error("no part was sent");
    return this.upload.complete(this.uploaded);
  }

  /** Leaves no part behind. Never throws: R2 drops abandoned uploads by itself after seven days. */
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
