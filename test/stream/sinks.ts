import { Hoist, type HoistOptions } from "../../src/stream/hoist.ts";
import type { Sink } from "../../src/stream/base64.ts";

/** Rooms that a picture may find, so that quads meet the end of one at every place. */
const ROOMS = [3, 6, 999, 12, 30_000, 3];

/** Keeps what is decoded into it. */
export class MemorySink implements Sink {
  readonly type: string;
  ended = 0;
  private room = new Uint8Array(0);
  private filled = 0;
  private rooms = 0;
  private readonly full: Uint8Array[] = [];

  constructor(type = "") {
    this.type = type;
  }

  reserve(): Uint8Array {
    if (this.filled === this.room.length) {
      this.full.push(this.room);
      // 0x5a, so that a byte which was never written shows.
      this.room = new Uint8Array(ROOMS[this.rooms++ % ROOMS.length] ?? 3).fill(0x5a);
      this.filled = 0;
    }
    return this.room.subarray(this.filled);
  }

  advance(bytes: number): void {
    this.filled += bytes;
  }

  end(): void {
    this.ended++;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat([...this.full, this.room.subarray(0, this.filled)]));
  }
}

export interface Hoisted {
  skeleton: string;
  sinks: MemorySink[];
}

/** What hoisting these chunks leaves. Throws what it throws. */
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
    // As the pump does: the memory is another chunk's at once.
    reused.fill(0x2a);
  }
  return { skeleton: hoisting.end(), sinks };
}
