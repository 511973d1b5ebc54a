/** A seeded random generator (mulberry32), so that a failure is reproducible. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /** Return a number in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Return an integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(0, 255));
  }
}

/** Split bytes into chunks of `size`; with a random generator, of random sizes up to 3,000. */
export function chunks(bytes: Uint8Array, size: number | Random): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let index = 0; index < bytes.length;) {
    const length = typeof size === "number" ? size : size.int(1, size.chance(0.5) ? 5 : 3_000);
    pieces.push(bytes.slice(index, index + length));
    index += length;
  }
  return pieces;
}
