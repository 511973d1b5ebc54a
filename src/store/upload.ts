import { BodyError } from "../stream/body-error.ts";
import { release, acquire } from "../stream/buffer-pool.ts";
import { MultipartUpload, streamOf } from "./multipart-upload.ts";

/**
 * A multiple of 3, so that base64 quads fill a block exactly; 20 blocks are just over R2's minimum part size of 5 MiB.
 */
const BLOCK_BYTES = 262_146;
const BLOCKS_PER_PART = 20;

/** Checks the bytes of an upload, and describes the object to R2. `push` and `verify` throw BodyError to reject it. */
export interface Inspector {
  /** Receives every byte in order: full blocks, then the rest, which may be empty. */
  push(bytes: Uint8Array): void;
  /** Called after the last byte. */
  verify(): void;
  /** Returns the options of the R2 put; called after the first block, or after all bytes. */
  putOptions(): R2PutOptions;
}

export interface UploadOptions {
  bucket: R2Bucket;
  key: string;
  maxBytes: number;
  /** The name of the object in error messages. */
  name?: string | undefined;
}

/**
 * Streams bytes to one R2 object. Memory is one part (5 MiB) while R2 keeps up and two at most. Up to one part is a
 * single put; more is a multipart upload with equal parts. The object is visible in R2 only at the end.
 */
export class Upload {
  readonly key: string;
  bytes = 0;
  private readonly bucket: R2Bucket;
  private readonly maxBytes: number;
  private readonly name: string | undefined;
  private readonly inspector: Inspector | undefined;
  private readonly parts: MultipartUpload;
  private blocks: Uint8Array[] = [];
  private filled = BLOCK_BYTES;
  private finishing: Promise<void> | undefined;
  private settled = false;
  /** True once the object may exist in R2. */
  private mayExist = false;

  constructor({ bucket, key, maxBytes, name }: UploadOptions, inspector?: Inspector) {
    this.bucket = bucket;
    this.key = key;
    this.maxBytes = maxBytes;
    this.name = name;
    this.inspector = inspector;
    this.parts = new MultipartUpload(bucket, key);
  }

  /** Return free space to fill: at least 3 bytes, and a multiple of 3 as long as multiples of 3 are filled. */
  reserve(): Uint8Array {
    if (this.filled === BLOCK_BYTES) this.nextBlock();
    return this.current().subarray(this.filled);
  }

  /** Mark `bytes` of the reserved space as filled. Throws BodyError over the size limit. */
  advance(bytes: number): void {
    this.filled += bytes;
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) throw rejection(this.name, `is over ${this.maxBytes} bytes`, true);
  }

  /** Copy a chunk. Await it, because R2 may lag. */
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

  /** Return a promise to await between fills; undefined unless R2 lags a whole part behind. */
  drain(): Promise<void> | undefined {
    const blocksBehind = this.parts.pendingParts * BLOCKS_PER_PART + this.blocks.length;
    return this.parts.pendingParts > 0 && blocksBehind >= 2 * BLOCKS_PER_PART ? this.parts.settled : undefined;
  }

  /** True while it is being stored: up to one part of it is in memory. */
  get ending(): boolean {
    return this.finishing !== undefined && !this.settled;
  }

  /** Start storing the object without waiting: no bytes follow, and memory is free earlier for the next picture. */
  end(): void {
    void this.finish().catch(() => undefined);
  }

  /** Store the object. On failure nothing is left in R2, and the error of R2 is thrown. */
  finish(): Promise<void> {
    this.finishing ??= this.store().finally(() => (this.settled = true));
    return this.finishing;
  }

  /** Delete the object or its unfinished upload from R2. Never throws. */
  async discard(): Promise<void> {
    await this.finishing?.catch(() => undefined);
    await this.cleanUp();
  }

  private async store(): Promise<void> {
    try {
      this.inspector?.push(this.current().subarray(0, this.filled));
      this.inspector?.verify();
      const options = this.putOptions();
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
    // For a small picture a stream costs more than the copy that R2 makes of a view.
    const object = await this.bucket.put(this.key, only, options);
    release(only.buffer);
    return object;
  }

  private async cleanUp(): Promise<void> {
    for (const block of this.takeBlocks()) release(block.buffer);
    await this.parts.abort();
    if (this.mayExist) await this.bucket.delete(this.key).catch(() => undefined);
  }

  private putOptions(): R2PutOptions {
    return this.inspector?.putOptions() ?? {};
  }

  private current(): Uint8Array {
    return this.blocks[this.blocks.length - 1] ?? new Uint8Array(0);
  }

  private nextBlock(): void {
    if (this.blocks.length > 0) this.inspector?.push(this.current());
    if (this.blocks.length === BLOCKS_PER_PART) this.parts.addPart(this.takeBlocks(), this.putOptions());
    this.blocks.push(new Uint8Array(acquire(BLOCK_BYTES)));
    this.filled = 0;
  }

  /** Return the blocks so far, the last one cut to its filled length. */
  private takeBlocks(): Uint8Array[] {
    const blocks = this.blocks;
    const last = blocks.pop();
    if (last !== undefined) blocks.push(last.subarray(0, this.filled));
    this.blocks = [];
    this.filled = BLOCK_BYTES;
    return blocks;
  }
}

/** Return the error that rejects an object; `name` is the object's name in the message. */
export function rejection(name: string | undefined, problem: string, tooLarge = false): BodyError {
  return new BodyError(`${name ?? "A picture"} ${problem}.`, tooLarge, name);
}
