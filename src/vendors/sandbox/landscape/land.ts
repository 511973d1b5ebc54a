import { type Color, mix, type PaintLine, scale } from "./colors.ts";
import type { Setting } from "./setting.ts";
import { lineNoise, random, smooth } from "./random.ts";

/** A range of hills: where it stands and how it looks. Units, except what is said to be in pixels. */
export interface Range {
  key: string;
  /** Its height over its foot at a place along it. */
  outline: (x: number) => number;
  /** The row of its foot, in pixels. */
  foot: number;
  /** 0 at the horizon, 1 at our feet. */
  near: number;
  /** The height of its firs, and how open the wood is, 0 to 1. */
  trees?: number;
  thin?: number;
  /** Snow lies from this height up. */
  snowline?: number;
  /** How strongly light and shadow fall on its slopes, 0 to 1, and how far down they lean to the side. */
  relief?: number;
  lean?: number;
}

const WHITE: Color = [248, 251, 255];

/** Paints a range over a line from its outline down; from row `solid` on it hides all behind it. */
export interface Painted {
  paint: PaintLine;
  solid: number;
}

export function range(setting: Setting, at: Range): Painted {
  const { width, unit } = setting;
  const { key, foot, snowline = Infinity, relief = 0, lean = 0, trees = 0, thin = 0 } = at;
  const ground = Float32Array.from({ length: width }, (_, x) => foot - unit * at.outline(x / unit));
  const tops = ground.slice();
  if (trees > 0) plant(tops, trees * unit, thin, key);
  // A pixel's share of a steep edge, from its distance straight down.
  const edge = tops.map((y, x) => 1 / Math.hypot(1, (tops[x + 1] ?? y) - y));
  const top = tops.reduce((a, b) => Math.min(a, b));
  const solid = tops.reduce((a, b) => Math.max(a, b)) + 1;
  const light = slopes(ground, setting, relief);
  // Snow ends in a jagged line, lower under high summits.
  const jagged = lineNoise(`${key}/snow`, 4, 0.6);
  const snow = ground.map((y, x) => {
    const height = Math.max(0, (foot - y) / unit - snowline);
    return height === 0 ? 0 : y + unit * height * (0.2 + 1.2 * jagged((x / unit) * 11));
  });
  const wobble = lineNoise(`${key}/wobble`, 3, 0.6);
  const colors = colorsOf(setting, at);

  const paint: PaintLine = (y, line) => {
    if (y + 2 < top) return;
    const mist = smooth((y - top) / Math.max(1, foot - top));
    const [r, g, b] = mix(colors.crest, colors.foot, mist);
    const [wr, wg, wb] = mix(colors.white, colors.foot, mist * 0.8);
    const [fr, fg, fb] = mix(colors.firs, colors.foot, mist * 0.5);
    const fade = 1 - mist * 0.85;
    const sway = lean * unit * 0.06 * wobble((y / unit) * 14);
    for (let x = 0; x < width; x++) {
      const cover = Math.min(1, (y + 0.5 - (tops[x] ?? 0)) * (edge[x] ?? 1) + 0.5);
      if (cover <= 0) continue;
      const above = (ground[x] ?? 0) - y;
      const from = relief === 0 ? 0 : Math.min(width - 1, Math.max(0, Math.round(x + lean * above + sway)));
      const lit = 1 + (light[from] ?? 0) * fade;
      const snowy = Math.min(1, Math.max(0, (snow[x] ?? 0) - y));
      const wooded = Math.min(1, Math.max(0, above), (ground[x] ?? 0) - (tops[x] ?? 0));
      // Shares of what is behind, of firs, of snow and of bare ground.
      const under = 1 - cover;
      const fir = cover * wooded;
      const white = cover * (1 - wooded) * lit * snowy;
      const bare = cover * (1 - wooded) * lit * (1 - snowy);
      const i = x * 3;
      line[i] = (line[i] ?? 0) * under + fr * fir + wr * white + r * bare;
      line[i + 1] = (line[i + 1] ?? 0) * under + fg * fir + wg * white + g * bare;
      line[i + 2] = (line[i + 2] ?? 0) * under + fb * fir + wb * white + b * bare;
    }
  };
  return { paint, solid };
}

/** Firs along a line of tops (rows of pixels), `height` pixels tall: each raises the line by its jagged triangle. */
function plant(tops: Float32Array, height: number, thin: number, key: string): void {
  const rng = random(`${key}/trees`);
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

/** Light on each column: above 0 where the slope faces the sun, below where it turns away. */
function slopes(ground: Float32Array, { width, unit, disc }: Setting, strength: number): Float32Array {
  const reach = Math.max(1, Math.round(unit * 0.007));
  return ground.map((_, x) => {
    const a = ground[Math.max(0, x - reach)] ?? 0;
    const b = ground[Math.min(width - 1, x + reach)] ?? 0;
    const slope = ((b - a) / (2 * reach)) * Math.tanh((disc.x - x) / (0.2 * unit));
    return strength * (Math.tanh(slope * 2.5) - 0.3) * 0.3;
  });
}

/** A range's colours in its light and at its distance. */
function colorsOf(setting: Setting, { near, trees }: Range): Record<"crest" | "foot" | "white" | "firs", Color> {
  const { light, haze, land, firs, snow } = setting;
  // Snow keeps brighter: less of the light's shade falls on it.
  const soft = snow ? 0.5 : 1;
  const faded = (color: Color, dim: number) => {
    const lit = mix(color, scale(color, light.glow), (0.2 + 0.7 * light.dim) * soft);
    const dark = mix(scale(lit, [98, 108, 130]), light.shade, 0.25 + 0.75 * light.dim);
    const shaded = mix(lit, dark, Math.min(0.84, dim * (0.7 + 0.4 * near) + 0.2 * near * soft));
    return mix(shaded, haze, (0.44 + 0.4 * soft) * (1 - near) ** 1.2);
  };
  const crest = faded(trees === undefined || snow ? land : firs, light.dim * soft);
  return {
    crest,
    foot: near < 0.7 ? mix(crest, haze, 0.62 * (1 - near)) : mix(crest, scale(crest, [142, 150, 172]), soft),
    white: mix(faded(WHITE, light.dim * soft * 0.6), WHITE, 0.15),
    firs: mix(mix(faded(firs, light.dim), light.shade, 0.3), haze, 0.4 * (1 - near) ** 1.5),
  };
}
