import type { PaintLine } from "./line.ts";
import { planeNoise, smooth, lineNoise } from "./noise.ts";
import { type Light, mix, skyAt } from "./palette.ts";
import type { Disc } from "./sky.ts";

export interface Shore {
  key: string;
  width: number;
  height: number;
  /** The row where the water begins. */
  shore: number;
  unit: number;
  light: Light;
  disc: Disc;
  behind: PaintLine;
}

/** Still water below the shore: what stands behind it upside down, rippled, with the light's path on it. */
export function water({ key, width, height, shore, unit, light, disc, behind }: Shore): PaintLine {
  const mirror = new Float32Array(width * 3);
  const ripple = new Float32Array(width);
  const wave = lineNoise(`${key}/wave`, 2, 0.6);
  const near = planeNoise(`${key}/ripple/near`, width, unit * 0.16, 1, 0.65);
  const fine = planeNoise(`${key}/ripple/fine`, width, unit * 0.05, 1, 0.35);
  const deep = mix(skyAt(light, 0.15), light.shade, 0.35);
  return (y, line) => {
    const down = (y - shore) / unit;
    // Waves are packed towards the horizon, as perspective packs them.
    const packed = 60 * Math.log2(1 + down * 14);
    const swing = smooth(down / 0.02);
    behind(Math.max(0, shore - (y - shore) * 1.08 - swing * unit * 0.018 * wave(packed * 0.35)), mirror);
    ripple.fill(-0.5);
    near(packed, ripple);
    fine(packed * 1.7, ripple);
    const shift = unit * (0.006 + 0.03 * smooth(down * 2.5));
    const tint = 0.14 + 0.4 * smooth(((y - shore) / Math.max(1, height - shore)) * 0.95);
    const spread = unit * (0.035 + 0.3 * down);
    const [dr, dg, db] = deep;
    const [hr, hg, hb] = light.disc;
    for (let x = 0, i = 0; x < width; x++, i += 3) {
      const n = (ripple[x] ?? 0) * swing;
      const from = Math.min(width - 1, Math.max(0, Math.round(x + n * shift))) * 3;
      const dark = Math.min(1, Math.max(0, tint + n * 0.22));
      const off = (x - disc.x) / spread;
      const sparkle = n > 0.02 ? Math.min(0.85, (n - 0.02) * 5) / (1 + off * off * off * off) : 0;
      const glint = 0.8 * sparkle;
      line[i] = between(between(mirror[from] ?? 0, dr, dark), hr, glint);
      line[i + 1] = between(between(mirror[from + 1] ?? 0, dg, dark), hg, glint);
      line[i + 2] = between(between(mirror[from + 2] ?? 0, db, dark), hb, glint);
    }
  };
}

function between(under: number, over: number, alpha: number): number {
  return under + (over - under) * alpha;
}
