/** Hash a text to 32 well-mixed bits (FNV-1a with murmur3's finalizer); each `salt` gives an independent hash. */
export function hash(text: string, salt = 0): number {
  let h = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return scramble(h);
}

/** Hash a text to 16 hex digits: they distinguish prompts in a URL without revealing them. */
export function fingerprint(text: string): string {
  const half = (salt: number) => hash(text, salt).toString(16).padStart(8, "0");
  return half(1) + half(2);
}

/** Mix an integer into 32 unsigned bits. */
function scramble(n: number): number {
  let h = n ^ (n >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A random generator that depends only on its key: `key/stars` does not change if `key/hills` takes more numbers. */
export function random(key: string) {
  let state = hash(key);
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state) / 2 ** 32;
  };
  return {
    /** A number from `low` (inclusive) to `high` (exclusive). */
    between: (low: number, high: number): number => low + (high - low) * next(),
    chance: (probability: number): boolean => next() < probability,
    pick: <T>(from: readonly [T, ...T[]]): T => from[Math.floor(next() * from.length)] ?? from[0],
  };
}

/** Smoothstep: 0 below 0, 1 above 1, flat at both ends. */
export function smooth(t: number): number {
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** The value of a lattice point, 0 to 1. */
function lattice(i: number, j: number, salt: number): number {
  return scramble((Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca77) ^ salt) | 0) / 2 ** 32;
}

/** Smooth noise on a line, 0 to 1, with one feature per unit; each octave has `gain` times the last one's strength. */
export function lineNoise(key: string, octaves: number, gain: number): (x: number) => number {
  const salt = hash(key);
  return (x) => {
    let sum = 0;
    let weight = 0;
    for (let o = 0, a = 1, f = 1; o < octaves; o++, a *= gain, f *= 2.03) {
      const i = Math.floor(x * f);
      const t = smooth(x * f - i);
      sum += a * (lattice(i, o, salt) * (1 - t) + lattice(i + 1, o, salt) * t);
      weight += a;
    }
    return sum / weight;
  };
}

/** Add noise on a plane to a row of pixels, 0 to `gain`, with cells of `cellWidth` by `cellHeight` pixels. */
export function planeNoise(key: string, width: number, cellWidth: number, cellHeight: number, gain: number) {
  const salt = hash(key);
  const curve = Float32Array.from({ length: width }, (_, x) => smooth((x / cellWidth) % 1));
  return (y: number, into: Float32Array): void => {
    const j = Math.floor(y / cellHeight);
    const t = smooth(y / cellHeight - j);
    const value = (i: number) => gain * (lattice(i, j, salt) * (1 - t) + lattice(i, j + 1, salt) * t);
    for (let i = 0, x = 0, from = value(0), to = value(1); x < width; i++, from = to, to = value(i + 1)) {
      for (const end = Math.min(width, (i + 1) * cellWidth); x < end; x++) {
        into[x] = (into[x] ?? 0) + from + (to - from) * (curve[x] ?? 0);
      }
    }
  };
}
