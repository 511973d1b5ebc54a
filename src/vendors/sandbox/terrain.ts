import { type Painted, range, type Range, type Setting } from "./land.ts";
import { dunes, headland, islands, type Outline, peaks, rolling } from "./outlines.ts";
import type { Color } from "./palette.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";

/** A kind of outline, how near and how high, and whatever else a range has. */
type Sketch = { shape: (key: string, height: number) => Outline; near: number; height: number } & Partial<Range>;

/** From here on a range stands on this side of the water. */
const HITHER = 0.75;

/** The land of a scene, far to near: what stands behind the water, or the horizon, and what stands before it. */
export function terrain(
  scene: Scene,
  setting: Setting,
  land: Color,
  horizon: number,
  wet: boolean,
): { back: Painted[]; front: Painted[] } {
  const rest = scene.height - horizon;
  const built = (sketch: Sketch): Painted => {
    const { shape, near, height, ...more } = sketch;
    const key = `${scene.key}/land/${near}`;
    const beyond = wet && near < HITHER;
    // Ranges on one shore share their foot: the nearer ones are low, or they would hide the others.
    const outline = shape(key, beyond ? height * 1.2 * (1 - near) : height);
    const foot = beyond ? horizon + 1 : horizon + rest * near * 1.02;
    return range(setting, { key, outline, foot, near, land, ...more });
  };
  const all = sketches(scene, setting);
  return {
    back: all.filter(({ near }) => near < HITHER).map(built),
    front: all.filter(({ near }) => near >= HITHER).map(built),
  };
}

function sketches({ key, place, snow }: Scene, setting: Setting): Sketch[] {
  const rng = random(`${key}/terrain`);
  const green = snow ? {} : { land: setting.firs };
  const everywhere = snow ? { snowline: 0 } : {};
  switch (place) {
    case "mountains":
      return [
        {
          shape: peaks,
          near: 0.12,
          height: rng.between(0.36, 0.48),
          relief: 0.75,
          lean: 0.5,
          snowline: snow ? 0.03 : 0.19,
        },
        { shape: peaks, near: 0.3, height: rng.between(0.22, 0.32), relief: 0.6, lean: -0.4, ...everywhere },
        { shape: rolling, near: 0.5, height: 0.15, trees: 0.03, ...green },
        { shape: rolling, near: 0.78, height: 0.16, trees: 0.06, thin: 0.2, ...green },
        { shape: rolling, near: 0.98, height: 0.14, trees: 0.13, thin: 0.5, ...green },
      ];
    case "hills":
      return [
        { shape: peaks, near: 0.06, height: 0.24, relief: 0.5, lean: 0.5 },
        { shape: rolling, near: 0.22, height: 0.24 },
        { shape: rolling, near: 0.42, height: 0.2, trees: 0.02, thin: 0.3 },
        { shape: rolling, near: 0.6, height: 0.19, trees: 0.03, thin: 0.6 },
        { shape: rolling, near: 0.78, height: 0.18, trees: 0.05, thin: 0.7 },
        { shape: rolling, near: 0.97, height: 0.2, trees: 0.1, thin: 0.9 },
      ];
    case "forest":
      return [
        { shape: peaks, near: 0.06, height: 0.3, relief: 0.4, lean: 0.5, ...everywhere },
        ...[0.22, 0.36, 0.54, 0.78, 0.98].map((near) => ({
          shape: rolling,
          near,
          height: 0.28 - near * 0.12,
          trees: 0.035 + 0.17 * near ** 1.6,
          thin: 0.02 + 0.08 * near,
        })),
      ];
    case "desert":
      return [0.05, 0.25, 0.5, 0.76, 0.98].map((near, i) => ({
        shape: dunes,
        near,
        height: 0.16 + 0.22 * near,
        relief: 1.4,
        lean: i % 2 ? 1.1 : -0.9,
      }));
    case "sea": {
      const left = rng.chance(0.5);
      const cape = (id: string, height: number) => headland(id, height, setting.width / setting.unit, left);
      return [
        { shape: islands, near: 0.12, height: rng.between(0.2, 0.3), relief: 0.4, lean: 0.4, ...everywhere },
        { shape: islands, near: 0.4, height: rng.between(0.14, 0.22), relief: 0.4, lean: 0.4, ...everywhere },
        ...(rng.chance(0.7) ? [{ shape: cape, near: 0.95, height: 0.24, trees: 0.07, thin: 0.4 }] : []),
      ];
    }
  }
}
