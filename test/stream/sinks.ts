import { Hoist, type HoistOptions } from "../../src/stream/hoist.ts";
import type { Sink } from "../../src/stream/base64.ts";

/** Sizes of the reserved buffers, so that quads reach the end of a buffer at every position. */
const BUFFER_SIZES = [3, 6, 999, 12, 30_000, 3];

/** Collects decoded bytes in memory. */
export class MemorySink implements Sink {
  readonly type: string;
  ended = 0;
  private buffer = new Uint8Array(0);
  private filled = 0;
  private bufferCount = 0;
  private readonly full: Uint8Array[] = [];

  constructor(type = "") {
    this.type = type;
  }

  reserve(): Uint8Array {
    if (this.filled === this.buffer.length) {
      this.full.push(this.buffer);
      // 0x5a, to detect bytes that were never written.
      this.buffer = new Uint8Array(BUFFER_SIZES[this.bufferCount++ % BUFFER_SIZES.length] ?? 3).fill(0x5a);
      this.filled = 0;
    }
    return this.buffer.subarray(this.filled);
  }

  advance(bytes: number): void {
    this.filled += bytes;
  }

  end(): void {
    this.ended++;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat([...this.full, this.buffer.subarray(0, this.filled)]));
  }
}

export interface Hoisted {
  skeleton: string;
  sinks: MemorySink[];
}

/** Hoist these chunks; return the skeleton and the sinks. Throws the errors of Hoist. */
export function hoist(parts: Iterable<Uint8Array>, options: Partial<HoistOptions> = {}): Hoisted {
  const sinks: MemorySink[] = [];
  const hoisting = new Hoist({
    open: (index, type) => {
      sinks[index] = new MemorySink(type);
      return sinks[index];
    },
    skeletonBytes: 1 << 20,
    depth: 64,
    ...options,
  });
  for (const part of parts) {
    const reused = part.slice();
    hoisting.push(reused);
    // Overwrite the memory, as the pump does.
    reused.fill(0x2a);
  }
  return { skeleton: hoisting.end(), sinks };
}
