import type { PaintLine } from "./line.ts";
import { planeNoise, smooth } from "./noise.ts";
import { type Light, mix, skyAt } from "./palette.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";

/** Clouds in long banks, thinning out towards the zenith and the horizon; `cover` is 0 to 1. */
export function clouds(scene: Scene, light: Light, horizon: number, unit: number, cover: number): PaintLine {
  const { width, key } = scene;
  const cell = unit * random(`${key}/clouds`).between(0.4, 0.6);
  const octaves = [1, 0.47, 0.22, 0.1, 0.045].map((size, i) =>
    planeNoise(`${key}/clouds/${i}`, width, cell * size, Math.max(2, cell * size * 0.24), 0.5 * 1.03 * 0.52 ** i),
  );
  const density = new Float32Array(width);
  const thick = mix(light.cloud, skyAt(light, 0.5), 0.45);
  return (y, line) => {
    const mask = smooth(y / (horizon * 0.25)) * smooth((horizon * 1.02 - y) / (horizon * 0.3));
    if (mask === 0) return;
    density.fill(0);
    for (const octave of octaves) octave(y, density);
    for (let x = 0, at = 0; x < width; x++, at += 3) {
      const d = smooth(((density[x] ?? 0) - (0.68 - 0.22 * cover)) * 4.2) * mask;
      if (d <= 0.004) continue;
      const alpha = d * 0.82;
      const k = d * d;
      for (let c = 0; c < 3; c++) {
        const under = line[at + c] ?? 0;
        const bright = light.cloud[c] ?? 0;
        line[at + c] = under + (bright + ((thick[c] ?? 0) - bright) * k - under) * alpha;
      }
    }
  };
}
