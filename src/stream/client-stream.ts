import { settlesWithin } from "../concurrency.ts";

/** Temporary storage for bytes that a client reads too slowly. */
export interface Spill {
  write(chunk: Uint8Array): Promise<void> | void;
  /** Return everything written, from the start; called once. */
  replay(): Promise<ReadableStream<Uint8Array>>;
  discard(): Promise<void>;
}

export interface ClientStreamOptions {
  /** Maximum bytes held back before `flush`; beyond it they are released. */
  holdBytes: number;
  /** Time in which a client may read nothing before later bytes go to the spill. */
  stallMs: number;
  spill(): Spill;
}

/**
 * The client's side of a pass-through: holds the first bytes back until a 200 is justified, then forwards bytes as they
 * arrive. A stalled client gets the remaining bytes from the spill, at its own pace; for a disconnected client bytes
 * are dropped. Neither blocks the writer.
 */
export class ClientStream {
  /** Resolves when the first bytes are released to the client. */
  readonly started: Promise<void>;
  readonly readable: ReadableStream<Uint8Array>;
  /** The content type that the vendor declares. */
  contentType = "application/json";
  private readonly options: ClientStreamOptions;
  private readonly writable: WritableStream<Uint8Array>;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private resolveStarted: () => void = () => undefined;
  private held: Uint8Array[] | undefined = [];
  private heldBytes = 0;
  private spill: Spill | undefined;
  /** The last write, while the client has not read it; never rejects. */
  private pending: Promise<void> | undefined;
  private disconnected = false;

  constructor(options: ClientStreamOptions) {
    this.options = options;
    // No Content-Length, even if the vendor declares one: a client could mistake a truncated body for a complete one.
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.writable = writable;
    this.writer = writable.getWriter();
    this.started = new Promise((resolve) => (this.resolveStarted = resolve));
  }

  /** Whether bytes have been released: from then on the only way to report a failure is to abort the stream. */
  get flushed(): boolean {
    return this.held === undefined;
  }

  /** Resolves when the chunk's memory may be reused. A disconnected client is not an error. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.held !== undefined) {
      this.held.push(chunk.slice());
      this.heldBytes += chunk.length;
      if (this.heldBytes > this.options.holdBytes) this.flush();
      return;
    }
    if (this.spill === undefined && (await this.clientKeepsUp())) return this.forward(chunk);
    if (this.disconnected) return;
    this.spill ??= this.options.spill();
    await this.spill.write(chunk);
  }

  /** Release the held bytes, and forward all later ones. */
  flush(): void {
    if (this.held === undefined) return;
    for (const chunk of this.held) this.forward(chunk);
    this.held = undefined;
    this.resolveStarted();
  }

  /** End the client's stream once everything has been read; abort it if the spill cannot be replayed. */
  async close(): Promise<void> {
    this.flush();
    try {
      await this.pending;
      if (this.spill === undefined || this.disconnected) return await this.writer.close();
      const replayed = await this.spill.replay();
      this.writer.releaseLock();
      await replayed.pipeTo(this.writable);
    } catch (error) {
      await this.writer.abort(error).catch(() => undefined);
    } finally {
      await this.spill?.discard();
    }
  }

  /** Abort the client's stream, so that it cannot mistake the bytes so far for a complete body. */
  async abort(): Promise<void> {
    // The runtime logs the reason, so that it must not contain text of a vendor.
    await this.writer.abort(new Error("The answer broke off.")).catch(() => undefined);
    await this.spill?.discard();
  }

  private forward(chunk: Uint8Array): void {
    // The stream copies the chunk at once; the promise resolves when the client has read it.
    const written = this.writer.write(chunk).then(
      () => {
        if (this.pending === written) this.pending = undefined;
      },
      () => {
        this.disconnected = true;
      },
    );
    this.pending = written;
  }

  private async clientKeepsUp(): Promise<boolean> {
    if (this.pending === undefined || this.disconnected) return !this.disconnected;
    return (await settlesWithin(this.pending, this.options.stallMs)) && !this.disconnected;
  }
}
