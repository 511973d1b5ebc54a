import { hash, scramble } from "./random.ts";

/** The value, 0 to 1, that a lattice point has. */
function at(i: number, j: number, salt: number): number {
  return scramble((Math.imul(i, 0x9e3779b1) ^ Math.imul(j, 0x85ebca77) ^ salt) | 0) / 2 ** 32;
}

export function smooth(t: number): number {
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** Smooth noise on a line, 0 to 1, with a feature a unit; `octaves` add detail at `gain` of the strength before. */
export function lineNoise(key: string, octaves: number, gain: number): (x: number) => number {
  const salt = hash(key);
  return (x) => {
    let sum = 0;
    let weight = 0;
    for (let o = 0, a = 1, f = 1; o < octaves; o++, a *= gain, f *= 2.03) {
      const i = Math.floor(x * f);
      const t = smooth(x * f - i);
      sum += a * (at(i, o, salt) * (1 - t) + at(i + 1, o, salt) * t);
      weight += a;
    }
    return sum / weight;
  };
}

/** Adds noise of a plane to a row of pixels: cells of `cellWidth` by `cellHeight` pixels, 0 to `gain`. */
export function planeNoise(
  key: string,
  width: number,
  cellWidth: number,
  cellHeight: number,
  gain: number,
): (y: number, into: Float32Array) => void {
  const salt = hash(key);
  const cells = Math.ceil(width / cellWidth) + 2;
  const values = new Float32Array(cells);
  const weights = new Float32Array(width);
  for (let x = 0; x < width; x++) weights[x] = smooth((x / cellWidth) % 1);
  return (y, into) => {
    const j = Math.floor(y / cellHeight);
    const t = smooth(y / cellHeight - j);
    for (let i = 0; i < cells; i++) values[i] = gain * (at(i, j, salt) * (1 - t) + at(i, j + 1, salt) * t);
    for (let i = 0, x = 0; x < width; i++) {
      const end = Math.min(width, Math.ceil((i + 1) * cellWidth));
      const from = values[i] ?? 0;
      const step = (values[i + 1] ?? 0) - from;
      for (; x < end; x++) into[x] = (into[x] ?? 0) + from + step * (weights[x] ?? 0);
    }
  };
}
