import { type Color, mix, type PaintLine, scale } from "./colors.ts";
import type { Setting } from "./setting.ts";
import { lineNoise, random, smooth } from "./random.ts";

/** The position and look of a range of hills. Lengths are in units, unless the comment says pixels. */
export interface Range {
  key: string;
  /** The height above its foot at position `x`. */
  outline: (x: number) => number;
  /** The row of its foot, in pixels. */
  foot: number;
  /** 0 at the horizon, 1 at the viewpoint. */
  near: number;
  /** The height of its firs, and how thin the forest is, 0 to 1. */
  trees?: number;
  thin?: number;
  /** There is snow above this height. */
  snowline?: number;
  /** The strength of light and shadow on its slopes, 0 to 1, and how far they lean to the side further down. */
  relief?: number;
  lean?: number;
}

const WHITE: Color = [248, 251, 255];

/** A range that paints itself over a line from its outline down; from row `solid` on it hides everything behind it. */
export interface Painted {
  paint: PaintLine;
  solid: number;
}

export function range(setting: Setting, hills: Range): Painted {
  const { width, unit } = setting;
  const { key, foot, snowline = Infinity, relief = 0, lean = 0, trees = 0, thin = 0 } = hills;
  const ground = Float32Array.from({ length: width }, (_, x) => foot - unit * hills.outline(x / unit));
  const tops = ground.slice();
  if (trees > 0) plant(tops, trees * unit, thin, key);
  // A pixel's coverage at a steep edge, from its vertical distance.
  const edge = tops.map((y, x) => 1 / Math.hypot(1, (tops[x + 1] ?? y) - y));
  const top = tops.reduce((a, b) => Math.min(a, b));
  const solid = tops.reduce((a, b) => Math.max(a, b)) + 1;
  const light = slopes(ground, setting, relief);
  // Snow ends in a jagged line, which is lower under high summits.
  const jagged = lineNoise(`${key}/snow`, 4, 0.6);
  const snow = ground.map((y, x) => {
    const height = Math.max(0, (foot - y) / unit - snowline);
    return height === 0 ? 0 : y + unit * height * (0.2 + 1.2 * jagged((x / unit) * 11));
  });
  const wobble = lineNoise(`${key}/wobble`, 3, 0.6);
  const colors = colorsOf(setting, hills);

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
      // Shares of the background, of firs, of snow and of bare ground.
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

/** Plant firs, `height` pixels tall, along a line of tops (pixel rows): each raises the line by a jagged triangle. */
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
      // Five steps of branches on the way down, each sloping down a little.
      const up = 1.02 - 0.5 * out - 0.5 * (Math.ceil(out * 5) / 5);
      tops[i] = Math.min(tops[i] ?? 0, root - tall * up);
    }
    x += half * rng.between(0.5, 1.7) * (rng.chance(thin) ? rng.between(2, 9) : 1);
  }
}

/** The light on each column: above 0 if the slope faces the sun, below 0 if it faces away. */
function slopes(ground: Float32Array, { width, unit, disc }: Setting, strength: number): Float32Array {
  const reach = Math.max(1, Math.round(unit * 0.007));
  return ground.map((_, x) => {
    const a = ground[Math.max(0, x - reach)] ?? 0;
    const b = ground[Math.min(width - 1, x + reach)] ?? 0;
    const slope = ((b - a) / (2 * reach)) * Math.tanh((disc.x - x) / (0.2 * unit));
    return strength * (Math.tanh(slope * 2.5) - 0.3) * 0.3;
  });
}

/** A range's colours under the scene's light and at its distance. */
function colorsOf(setting: Setting, { near, trees }: Range): Record<"crest" | "foot" | "white" | "firs", Color> {
  const { light, haze, land, firs, snow } = setting;
  // Snow is brighter: it gets less of the shade.
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
