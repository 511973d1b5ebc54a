import type { Setting } from "./setting.ts";
import { type Painted, range, type Range } from "./land.ts";
import { lighthouse } from "./lighthouse.ts";
import { lineNoise, random } from "./random.ts";
import type { Scene } from "./scene.ts";

/** A kind of outline: the height, 0 to 1, at a position in units, for a picture `span` units wide. */
type Shape = (key: string, span: number) => (x: number) => number;

const rolling: Shape = (key) => {
  const noise = lineNoise(key, 3, 0.32);
  return (x) => noise(x * 1.3);
};

/** Folded noise: its zero crossings become summits. */
const peaks: Shape = (key) => {
  const folds = [1, 2.2, 4.6, 9.8, 21, 43].map((f, i) => ({ f, a: 0.47 ** i, noise: lineNoise(`${key}/${i}`, 1, 1) }));
  return (x) => folds.reduce((sum, { f, a, noise }) => sum + a * (1 - Math.abs(2 * noise(x * 1.5 * f) - 1)), 0) / 1.7;
};

/** Long swells with sharp crests. */
const dunes: Shape = (key) => {
  const fold = lineNoise(key, 1, 1);
  const swell = lineNoise(`${key}/swell`, 2, 0.4);
  return (x) => 0.55 * (1 - Math.abs(2 * fold(x * 0.75) - 1)) ** 1.2 + 0.45 * swell(x * 0.7);
};

/** Mostly under water. */
const islands: Shape = (key) => {
  const noise = lineNoise(key, 5, 0.42);
  return (x) => 3 * Math.max(0, noise(x * 1.2) - 0.55) - 0.02;
};

/** Land that comes in from one side and ends in the picture. */
const headland: Shape = (key, span) => {
  const noise = lineNoise(key, 4, 0.4);
  const left = random(key).chance(0.5);
  return (x) => (1 - (left ? x : span - x) / (span * 0.62)) * (0.45 + 0.75 * noise(x * 2)) - 0.02;
};

type Sketch = { shape: Shape; height: number } & Omit<Range, "key" | "outline" | "foot">;

/** The ranges of each place, from far to near. */
const SKETCHES: Record<Scene["place"], Sketch[]> = {
  mountains: [
    { shape: peaks, near: 0.12, height: 0.42, relief: 0.75, lean: 0.5, snowline: 0.19 },
    { shape: peaks, near: 0.3, height: 0.27, relief: 0.6, lean: -0.4 },
    { shape: rolling, near: 0.5, height: 0.15, trees: 0.03 },
    { shape: rolling, near: 0.78, height: 0.16, trees: 0.06, thin: 0.2 },
    { shape: rolling, near: 0.98, height: 0.14, trees: 0.13, thin: 0.5 },
  ],
  hills: [
    { shape: peaks, near: 0.06, height: 0.24, relief: 0.5, lean: 0.5 },
    { shape: rolling, near: 0.22, height: 0.24 },
    { shape: rolling, near: 0.42, height: 0.2, trees: 0.02, thin: 0.3 },
    { shape: rolling, near: 0.6, height: 0.19, trees: 0.03, thin: 0.6 },
    { shape: rolling, near: 0.78, height: 0.18, trees: 0.05, thin: 0.7 },
    { shape: rolling, near: 0.97, height: 0.2, trees: 0.1, thin: 0.9 },
  ],
  forest: [
    { shape: peaks, near: 0.06, height: 0.3, relief: 0.4, lean: 0.5 },
    { shape: rolling, near: 0.22, height: 0.25, trees: 0.05, thin: 0.04 },
    { shape: rolling, near: 0.36, height: 0.24, trees: 0.07, thin: 0.05 },
    { shape: rolling, near: 0.54, height: 0.21, trees: 0.1, thin: 0.06 },
    { shape: rolling, near: 0.78, height: 0.19, trees: 0.15, thin: 0.08 },
    { shape: rolling, near: 0.98, height: 0.16, trees: 0.2, thin: 0.1 },
  ],
  desert: [
    { shape: dunes, near: 0.05, height: 0.17, relief: 1.4, lean: -0.9 },
    { shape: dunes, near: 0.25, height: 0.21, relief: 1.4, lean: 1.1 },
    { shape: dunes, near: 0.5, height: 0.27, relief: 1.4, lean: -0.9 },
    { shape: dunes, near: 0.76, height: 0.33, relief: 1.4, lean: 1.1 },
    { shape: dunes, near: 0.98, height: 0.38, relief: 1.4, lean: -0.9 },
  ],
  sea: [
    { shape: islands, near: 0.12, height: 0.25, relief: 0.4, lean: 0.4 },
    { shape: islands, near: 0.4, height: 0.18, relief: 0.4, lean: 0.4 },
    { shape: headland, near: 0.95, height: 0.24, trees: 0.07, thin: 0.4 },
  ],
};

/** Ranges with at least this `near` are on the viewer's side of the water. */
const NEAR_SHORE = 0.75;

/** The land of a scene, from far to near: the ranges behind the water or the horizon, and those in front of it. */
export function terrain(setting: Setting): { back: Painted[]; front: Painted[] } {
  const { width, height: rows, unit, horizon, place, wet } = setting;
  const buildRange = ({ shape, height, ...sketch }: Sketch): Painted[] => {
    const { near } = sketch;
    const key = `${setting.key}/land/${near}`;
    const line = shape(key, width / unit);
    const beyond = wet && near < NEAR_SHORE;
    // Ranges on one shore share their foot, so nearer ranges are low: else they would hide the others.
    const tall = height * random(`${key}/height`).between(0.85, 1.15) * (beyond ? 1.2 * (1 - near) : 1);
    const foot = beyond ? horizon + 1 : horizon + (rows - horizon) * near * 1.02;
    const hills: Range = { ...sketch, key, foot, outline: (x) => tall * line(x) };
    const land = range(setting, hills);
    return setting.lighthouse && shape === headland ? [lighthouse(setting, hills), land] : [land];
  };
  const sketches = SKETCHES[place];
  return {
    back: sketches.filter(({ near }) => near < NEAR_SHORE).flatMap(buildRange),
    front: sketches.filter(({ near }) => near >= NEAR_SHORE).flatMap(buildRange),
  };
}
