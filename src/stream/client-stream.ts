/** A place for the bytes that a client is too slow to take. */
export interface Spill {
  write(chunk: Uint8Array): Promise<void> | void;
  /** All that was written, from its start; called once. */
  replay(): Promise<ReadableStream<Uint8Array>>;
  discard(): Promise<void>;
}

export interface ClientStreamOptions {
  /** Bytes held back while nobody has called `release`; past it they are let go. */
  holdBytes: number;
  /** How long the client may take nothing before what follows is set aside. */
  stallMs: number;
  spill(): Spill;
}

/**
 * The client's end of a pass-through: holds the first bytes back until they are worth a 200, then lets bytes through as
 * they come. A client that stalls gets the rest from the spill, at its own pace; one that left is forgotten. Neither
 * holds up whoever writes.
 */
export class ClientStream {
  /** Resolves when bytes begin to flow. */
  readonly started: Promise<void>;
  readonly readable: ReadableStream<Uint8Array>;
  /** What the vendor calls its body. */
  contentType = "application/json";
  private readonly options: ClientStreamOptions;
  private readonly writable: WritableStream<Uint8Array>;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private begin: () => void = () => undefined;
  private held: Uint8Array[] | undefined = [];
  private heldBytes = 0;
  private spill: Spill | undefined;
  /** The write that the client has not taken yet; never rejects. */
  private pending: Promise<void> | undefined;
  private gone = false;

  constructor(options: ClientStreamOptions) {
    this.options = options;
    // No length is declared even where the vendor declares one: a client could take a cut body for whole.
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.writable = writable;
    this.writer = writable.getWriter();
    this.started = new Promise((resolve) => (this.begin = resolve));
  }

  /** Whether bytes flow: from then on a failure can only break the stream off. */
  get flushed(): boolean {
    return this.held === undefined;
  }

  /** Resolves when the chunk's memory is free again. A client that left is no error. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.held !== undefined) {
      this.held.push(chunk.slice());
      this.heldBytes += chunk.length;
      if (this.heldBytes > this.options.holdBytes) this.flush();
      return;
    }
    if (this.spill === undefined && (await this.clientKeepsUp())) return this.pass(chunk);
    if (this.gone) return;
    this.spill ??= this.options.spill();
    await this.spill.write(chunk);
  }

  /** Lets go of what was held back, and of all that follows. */
  flush(): void {
    if (this.held === undefined) return;
    for (const chunk of this.held) this.pass(chunk);
    this.held = undefined;
    this.begin();
  }

  /** Ends the client's stream as whole, once it has taken everything; breaks it off where the spill is lost. */
  async close(): Promise<void> {
    this.flush();
    try {
      await this.pending;
      if (this.spill === undefined || this.gone) return await this.writer.close();
      const rest = await this.spill.replay();
      this.writer.releaseLock();
      await rest.pipeTo(this.writable);
    } catch (error) {
      await this.writer.abort(error).catch(() => undefined);
    } finally {
      await this.spill?.discard();
    }
  }

  /** Breaks the client's stream off, so that it cannot take what it has for whole. */
  async abort(): Promise<void> {
    // The runtime writes the reason into its log; what a vendor said has no place there.
    await this.writer.abort(new Error("The answer broke off.")).catch(() => undefined);
    await this.spill?.discard();
  }

  private pass(chunk: Uint8Array): void {
    // The stream copies the chunk at once; the promise is about the client having taken it.
    const taken = this.writer.write(chunk).then(
      () => {
        if (this.pending === taken) this.pending = undefined;
      },
      () => {
        this.gone = true;
      },
    );
    this.pending = taken;
  }

  private async clientKeepsUp(): Promise<boolean> {
    if (this.pending === undefined || this.gone) return !this.gone;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), this.options.stallMs);
    });
    const taken = await Promise.race([this.pending.then(() => true), stalled]);
    clearTimeout(timer);
    return taken && !this.gone;
  }
}
