import { lineNoise } from "./noise.ts";
import type { Random } from "./random.ts";

/** A range's height over its foot at a place along it, both in units of the scene. */
export type Outline = (x: number) => number;

export function rolling(key: string, height: number): Outline {
  const noise = lineNoise(key, 3, 0.32);
  return (x) => height * noise(x * 1.3);
}

/** Folds of noise: its zero crossings become summits. */
export function peaks(key: string, height: number): Outline {
  const folds = [1, 2.2, 4.6, 9.8, 21, 43].map((f, i) => ({ f, a: 0.47 ** i, noise: lineNoise(`${key}/${i}`, 1, 1) }));
  return (x) => {
    let sum = 0;
    for (const { f, a, noise } of folds) sum += a * (1 - Math.abs(2 * noise(x * 1.5 * f) - 1));
    return (height * sum) / 1.7;
  };
}

/** Long swells with sharp crests. */
export function dunes(key: string, height: number): Outline {
  const fold = lineNoise(key, 1, 1);
  const swell = lineNoise(`${key}/swell`, 2, 0.4);
  return (x) => height * (0.55 * (1 - Math.abs(2 * fold(x * 0.75) - 1)) ** 1.2 + 0.45 * swell(x * 0.7));
}

/** Mostly under water. */
export function islands(key: string, height: number): Outline {
  const noise = lineNoise(key, 5, 0.42);
  return (x) => height * (3 * Math.max(0, noise(x * 1.2) - 0.55) - 0.02);
}

/** Land that comes in from one side, and ends. */
export function headland(key: string, height: number, span: number, left: boolean): Outline {
  const noise = lineNoise(key, 4, 0.4);
  return (x) => {
    const t = (left ? x : span - x) / (span * 0.62);
    return height * ((1 - t) * (0.45 + 0.75 * noise(x * 2)) - 0.02);
  };
}

/** Firs along a line of tops (rows of pixels), `height` pixels tall: each raises the line by its jagged triangle. */
export function plant(tops: Float32Array, height: number, thin: number, rng: Random): void {
  const ground = tops.slice();
  const end = tops.length;
  for (let x = -height * 0.2; x < end + height * 0.2;) {
    const tall = height * rng.between(0.5, 1.2);
    const half = tall * rng.between(0.17, 0.25);
    const root = ground[Math.round(Math.min(end - 1, Math.max(0, x)))] ?? 0;
    for (let i = Math.max(0, Math.ceil(x - half)); i < Math.min(end, x + half); i++) {
      const out = Math.abs(i + 0.5 - x) / half;
      // Branches: five steps on the way down, each drooping a little.
      const up = 1.02 - 0.5 * out - 0.5 * (Math.ceil(out * 5) / 5);
      tops[i] = Math.min(tops[i] ?? 0, root - tall * up);
    }
    x += half * rng.between(0.5, 1.7) * (rng.chance(thin) ? rng.between(2, 9) : 1);
  }
}
