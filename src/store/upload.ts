import { BodyError } from "../stream/body-error.ts";
import { release, acquire } from "../stream/buffer-pool.ts";
import { MultipartUpload, streamOf } from "./multipart-upload.ts";

/** A multiple of 3, so that base64 quads fill a block exactly; 20 of them are just over R2's least part size of 5 MiB. */
const BLOCK_BYTES = 262_146;
const BLOCKS_PER_PART = 20;

/**
 * Bytes on their way to one R2 object, in memory of one part (5 MiB) while R2 keeps up and two at most: up to one part
 * they are a single put, beyond that a multipart upload with equal parts. Nothing can be seen in R2 before the end.
 */
export class Upload {
  readonly key: string;
  bytes = 0;
  private readonly bucket: R2Bucket;
  private readonly maxBytes: number;
  private readonly name: string | undefined;
  private readonly parts: MultipartUpload;
  private blocks: Uint8Array[] = [];
  private filled = BLOCK_BYTES;
  private finishing: Promise<void> | undefined;
  private settled = false;
  /** Whether R2 may have the object. */
  private mayExist = false;

  /** `name` is what messages call it. */
  constructor(bucket: R2Bucket, key: string, maxBytes: number, name?: string) {
    this.bucket = bucket;
    this.key = key;
    this.maxBytes = maxBytes;
    this.name = name;
    this.parts = new MultipartUpload(bucket, key);
  }

  /** Free space to fill: at least 3 bytes, a multiple of 3 as long as multiples of 3 are filled. */
  reserve(): Uint8Array {
    if (this.filled === BLOCK_BYTES) this.nextBlock();
    return this.current().subarray(this.filled);
  }

  /** `bytes` of the reserved space have been filled. */
  advance(bytes: number): void {
    this.filled += bytes;
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) throw this.refusal(`is over ${this.maxBytes} bytes`, true);
  }

  /** Copies a chunk in; to be awaited, since R2 may lag. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.length;) {
      const room = this.reserve();
      const piece = chunk.subarray(offset, offset + room.length);
      room.set(piece);
      this.advance(piece.length);
      offset += piece.length;
    }
    await this.drain();
  }

  /** To be awaited between fillings: set while R2 lags a whole part behind. */
  drain(): Promise<void> | undefined {
    const blocksBehind = this.parts.pendingParts * BLOCKS_PER_PART + this.blocks.length;
    return this.parts.pendingParts > 0 && blocksBehind >= 2 * BLOCKS_PER_PART ? this.parts.settled : undefined;
  }

  /** Whether it has ended and is not made yet: up to a part of it is in memory. */
  get ending(): boolean {
    return this.finishing !== undefined && !this.settled;
  }

  /** Nothing follows: begins to make the object, so that its memory is free when the next picture comes. */
  end(): void {
    void this.finish().catch(() => undefined);
  }

  /** Makes the object; on failure nothing is left in R2, and what R2 threw is thrown. */
  finish(): Promise<void> {
    this.finishing ??= this.store().finally(() => (this.settled = true));
    return this.finishing;
  }

  /** Leaves nothing in R2, neither a half upload nor a finished object. Never throws. */
  async discard(): Promise<void> {
    await this.finishing?.catch(() => undefined);
    await this.cleanUp();
  }

  /** Every byte passes by here, in order: full blocks, then what is left. Throws BadBody to refuse the object. */
  protected see(_bytes: Uint8Array): void {}

  /** Called when all bytes have been seen. Throws BadBody to refuse the object. */
  protected verify(): void {}

  /** What R2 is to know of the object; at least one block of it has been seen, or all. */
  protected describe(): R2PutOptions {
    return {};
  }

  protected refusal(what: string, tooLarge = false): BodyError {
    return new BodyError(`${this.name ?? "A picture"} ${what}.`, tooLarge, this.name);
  }

  private async store(): Promise<void> {
    try {
      this.see(this.current().subarray(0, this.filled));
      this.verify();
      const options = this.describe();
      const lastBlocks = this.takeBlocks();
      this.mayExist = true;
      const object = this.parts.started
        ? await this.parts.complete(lastBlocks, options)
        : await this.putWhole(lastBlocks, options);
      if (object.size !== this.bytes) throw new Error(`R2 holds ${object.size} of ${this.bytes} bytes`);
    } catch (error) {
      await this.cleanUp();
      throw error;
    }
  }

  private async putWhole(blocks: Uint8Array[], options: R2PutOptions): Promise<R2Object> {
    const [only] = blocks;
    if (only === undefined || blocks.length > 1) return this.bucket.put(this.key, streamOf(blocks), options);
    // For a small picture a stream would cost more than the copy that R2 makes of a view.
    const object = await this.bucket.put(this.key, only, options);
    release(only.buffer);
    return object;
  }

  private async cleanUp(): Promise<void> {
    for (const block of this.takeBlocks()) release(block.buffer);
    await this.parts.abort();
    if (this.mayExist) await this.bucket.delete(this.key).catch(() => undefined);
  }

  private current(): Uint8Array {
    return this.blocks[this.blocks.length - 1] ?? new Uint8Array(0);
  }

  private nextBlock(): void {
    if (this.blocks.length > 0) this.see(this.current());
    if (this.blocks.length === BLOCKS_PER_PART) this.parts.addPart(this.takeBlocks(), this.describe());
    this.blocks.push(new Uint8Array(acquire(BLOCK_BYTES)));
    this.filled = 0;
  }

  /** The blocks so far, the last one cut to what it holds. */
  private takeBlocks(): Uint8Array[] {
    const blocks = this.blocks;
    const last = blocks.pop();
    if (last !== undefined) blocks.push(last.subarray(0, this.filled));
    this.blocks = [];
    this.filled = BLOCK_BYTES;
    return blocks;
  }
}
