import { blend, mix, type PaintLine, skyAt } from "./colors.ts";
import type { Setting } from "./setting.ts";
import { lineNoise, planeNoise, random, smooth } from "./random.ts";

/** Still water below the horizon: a rippled mirror image of the scene behind it, with the light's path on it. */
export function water({ key, width, height, horizon, unit, light, disc }: Setting, behind: PaintLine): PaintLine {
  const mirror = new Float32Array(width * 3);
  const ripple = new Float32Array(width);
  const wave = lineNoise(`${key}/wave`, 2, 0.6);
  const near = planeNoise(`${key}/ripple/near`, width, unit * 0.16, 1, 0.65);
  const fine = planeNoise(`${key}/ripple/fine`, width, unit * 0.05, 1, 0.35);
  const deep = mix(skyAt(light, 0.15), light.shade, 0.35);
  return (y, line) => {
    const down = (y - horizon) / unit;
    // Waves are closer together towards the horizon, as in perspective.
    const packed = 60 * Math.log2(1 + down * 14);
    const swing = smooth(down / 0.02);
    behind(Math.max(0, horizon - (y - horizon) * 1.08 - swing * unit * 0.018 * wave(packed * 0.35)), mirror);
    ripple.fill(-0.5);
    near(packed, ripple);
    fine(packed * 1.7, ripple);
    const shift = unit * (0.006 + 0.03 * smooth(down * 2.5));
    const tint = 0.14 + 0.4 * smooth(((y - horizon) / Math.max(1, height - horizon)) * 0.95);
    const spread = unit * (0.035 + 0.3 * down);
    for (let x = 0; x < width; x++) {
      const n = (ripple[x] ?? 0) * swing;
      const from = Math.min(width - 1, Math.max(0, Math.round(x + n * shift))) * 3;
      const dark = Math.min(1, Math.max(0, tint + n * 0.22));
      const glint = n > 0.02 ? Math.min(0.68, (n - 0.02) * 4) / (1 + ((x - disc.x) / spread) ** 4) : 0;
      for (let c = 0; c < 3; c++) {
        const seen = (mirror[from + c] ?? 0) * (1 - dark) + (deep[c] ?? 0) * dark;
        line[x * 3 + c] = seen + ((light.disc[c] ?? 0) - seen) * glint;
      }
    }
  };
}

/** A sailing boat on the horizon, next to the light's path. */
export function sailboat({ key, width, horizon, unit, light, disc }: Setting): PaintLine {
  const rng = random(`${key}/boat`);
  const size = unit * rng.between(0.07, 0.11);
  const mast = disc.x + unit * rng.between(0.1, 0.26) * (disc.x < width / 2 ? 1 : -1);
  const canvas = mix(mix([255, 250, 240], light.glow, 0.4), light.shade, light.dim * 0.55);
  return (y, line) => {
    const up = (horizon - y) / size;
    if (up < -0.02 || up > 1) return;
    const hull = up < 0.12;
    const fore = mast - size * (hull ? 0.28 + up : 0.3 * Math.sin(1.8 * Math.max(0, 0.9 - up)));
    const aft = mast + size * (hull ? 0.32 + up : 0.42 * Math.sin(1.6 * (1 - up)));
    for (let x = Math.max(0, Math.floor(fore)); x < Math.min(width, aft); x++) {
      // The mast separates the sails.
      const color = hull || Math.abs(x + 0.5 - mast) < size * 0.015 ? light.shade : canvas;
      blend(line, x, color, 0.9 * (Math.min(x + 1, aft) - Math.max(x, fore)));
    }
  };
}
