import type { PaintLine } from "./line.ts";
import { lineNoise, smooth } from "./noise.ts";
import { type Outline, plant } from "./outlines.ts";
import { type Color, type Light, mix, scale } from "./palette.ts";
import { random } from "./random.ts";

/** A range of hills: where it stands and how it looks. Pixels, except what is said to be in units. */
export interface Range {
  key: string;
  outline: Outline;
  /** The row of its foot. */
  foot: number;
  /** 0 at the horizon, 1 at our feet. */
  near: number;
  land: Color;
  /** The height of its firs in units, and how open the wood is, 0 to 1. */
  trees?: number;
  thin?: number;
  /** Snow lies from this height up, in units. */
  snowline?: number;
  /** How strongly light and shadow fall on its slopes, 0 to 1, and how far down they lean to the side. */
  relief?: number;
  lean?: number;
}

export interface Setting {
  width: number;
  unit: number;
  light: Light;
  /** What distance fades into. */
  haze: Color;
  /** How much of the light's shade falls on land, 0 to 1: snow keeps brighter. */
  dim: number;
  /** What firs are in plain daylight. */
  firs: Color;
  /** The column of the sun. */
  sun: number;
}

/** A range, painted over a line from its outline down. `top` is its highest row; from `solid` on it hides all behind it. */
export interface Painted {
  paint: PaintLine;
  top: number;
  solid: number;
}

const WHITE: Color = [248, 251, 255];

export function range(setting: Setting, at: Range): Painted {
  const { width, unit } = setting;
  const tops = new Float32Array(width);
  for (let x = 0; x < width; x++) tops[x] = at.foot - unit * at.outline(x / unit);
  const ground = tops.slice();
  const relief = slopes(ground, setting, at.relief ?? 0);
  const snow = snowEdge(at, ground, unit);
  if (at.trees) plant(tops, at.trees * unit, at.thin ?? 0, random(`${at.key}/trees`));
  const edge = new Float32Array(width);
  let top = Infinity;
  let low = -Infinity;
  for (let x = 0; x < width; x++) {
    const y = tops[x] ?? 0;
    // A pixel's share of a steep edge, from its distance straight down.
    edge[x] = 1 / Math.hypot(1, (tops[x + 1] ?? y) - y);
    top = Math.min(top, y);
    low = Math.max(low, y);
  }
  const { crest, foot, white, firs } = colors(setting, at);
  const depth = Math.max(1, at.foot - top);
  const lean = at.lean ?? 0;
  const wobble = lineNoise(`${at.key}/wobble`, 3, 0.6);

  const paint: PaintLine = (y, line) => {
    if (y + 1 < top) return;
    const mist = smooth((y - top) / depth);
    const [r, g, b] = mix(crest, foot, mist);
    const [sr, sg, sb] = mix(white, foot, mist * 0.8);
    const [tr, tg, tb] = mix(firs, foot, mist * 0.5);
    const fade = 1 - mist * 0.85;
    const sway = lean * unit * 0.06 * wobble((y / unit) * 14);
    for (let x = 0, i = 0; x < width; x++, i += 3) {
      const cover = (y + 0.5 - (tops[x] ?? 0)) * (edge[x] ?? 1) + 0.5;
      if (cover <= 0) continue;
      const a = cover < 1 ? cover : 1;
      const under = 1 - a;
      const above = (ground[x] ?? 0) - y;
      let red = r;
      let green = g;
      let blue = b;
      if (snow !== undefined) {
        const s = Math.min(1, Math.max(0, (snow[x] ?? 0) - y));
        red += (sr - red) * s;
        green += (sg - green) * s;
        blue += (sb - blue) * s;
      }
      if (relief !== undefined) {
        const from = Math.min(width - 1, Math.max(0, Math.round(x + lean * above + sway)));
        const k = 1 + (relief[from] ?? 0) * fade;
        red *= k;
        green *= k;
        blue *= k;
      }
      if (above > 0) {
        const t = Math.min(1, above);
        red += (tr - red) * t;
        green += (tg - green) * t;
        blue += (tb - blue) * t;
      }
      line[i] = (line[i] ?? 0) * under + red * a;
      line[i + 1] = (line[i + 1] ?? 0) * under + green * a;
      line[i + 2] = (line[i + 2] ?? 0) * under + blue * a;
    }
  };
  return { paint, top: top - 1, solid: low + 1 };
}

/** A range's colours in its light and at its distance. */
function colors(setting: Setting, { near, land }: Range): Record<"crest" | "foot" | "white" | "firs", Color> {
  const { light, haze, dim } = setting;
  const soft = dim / light.dim;
  const faded = (color: Color, dim: number) => {
    const lit = mix(color, scale(color, light.glow), (0.2 + 0.7 * light.dim) * soft);
    const dark = mix(scale(lit, [98, 108, 130]), light.shade, 0.25 + 0.75 * light.dim);
    return mix(
      mix(lit, dark, Math.min(0.84, dim * (0.7 + 0.4 * near) + 0.2 * near * soft)),
      haze,
      (0.44 + 0.4 * soft) * (1 - near) ** 1.2,
    );
  };
  const crest = faded(land, dim);
  const foot = near < 0.7 ? mix(crest, haze, 0.62 * (1 - near)) : mix(crest, scale(crest, [142, 150, 172]), soft);
  const firs = mix(mix(faded(setting.firs, light.dim), light.shade, 0.3), haze, 0.4 * (1 - near) ** 1.5);
  return { crest, foot, white: mix(faded(WHITE, dim * 0.6), WHITE, 0.15), firs };
}

/** Light on each column: above 0 where the slope faces the sun, below where it turns away. */
function slopes(tops: Float32Array, { width, unit, sun }: Setting, strength: number): Float32Array | undefined {
  if (strength === 0) return undefined;
  const reach = Math.max(1, Math.round(unit * 0.007));
  return tops.map((_, x) => {
    const a = tops[Math.max(0, x - reach)] ?? 0;
    const b = tops[Math.min(width - 1, x + reach)] ?? 0;
    const slope = ((b - a) / (2 * reach)) * Math.tanh((sun - x) / (0.2 * unit));
    return strength * (Math.tanh(slope * 2.5) - 0.3) * 0.3;
  });
}

/** The row down to which snow lies: a jagged line, lower under high summits. */
function snowEdge(at: Range, ground: Float32Array, unit: number): Float32Array | undefined {
  const { snowline } = at;
  if (snowline === undefined) return undefined;
  const jagged = lineNoise(`${at.key}/snow`, 4, 0.6);
  return ground.map((y, x) => {
    const height = (at.foot - y) / unit;
    return y + unit * Math.max(0, height - snowline) * (0.2 + 1.2 * jagged((x / unit) * 11));
  });
}
