import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";

/** Red, green and blue, 0 to 255. */
export type Color = readonly [number, number, number];

function hex(code: string): Color {
  const n = Number.parseInt(code.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/** What lights a scene, and the colours it lends to everything. */
export interface Light {
  /** The sky from the zenith down to the horizon. */
  sky: readonly [Color, Color, Color, Color];
  disc: Color;
  glow: Color;
  cloud: Color;
  /** The colour things take on in shadow, and how much of it, 0 to 1. */
  shade: Color;
  dim: number;
}

function light(sky: string, disc: string, glow: string, cloud: string, shade: string, dim: number): Light {
  const [a = "", b = "", c = "", d = ""] = sky.split(" ");
  return {
    sky: [hex(a), hex(b), hex(c), hex(d)],
    disc: hex(disc),
    glow: hex(glow),
    cloud: hex(cloud),
    shade: hex(shade),
    dim,
  };
}

const LIGHTS: Record<Scene["time"], readonly [Light, ...Light[]]> = {
  day: [
    light("#2f7cc8 #67aee4 #acd8f0 #e8f4ee", "#fffdf0", "#fff6dc", "#ffffff", "#1d4560", 0.22),
    light("#3f9ab4 #86cacd #c8e6d6 #fbf1d6", "#fffbe8", "#fff3cf", "#fffaf0", "#1e4a55", 0.24),
    light("#5f9fd0 #a3c8dd #e2e6d8 #ffe9bd", "#fffbe6", "#ffedc0", "#fff6e6", "#35405e", 0.26),
    light("#5478cf #93b0ec #ccd8f6 #faeee6", "#fffcf2", "#fff2e2", "#ffffff", "#2b3566", 0.22),
  ],
  dawn: [
    light("#5668a8 #a294ca #eeb3b6 #ffe1bf", "#fff6dd", "#ffe2b8", "#ffd9cf", "#2c2a5a", 0.42),
    light("#5688b0 #a0bfcc #f0d3bd #ffebca", "#fffaea", "#ffeac4", "#fff0e2", "#27405c", 0.38),
    light("#6459a0 #b389bc #f2a5a6 #ffd7ae", "#fff3d6", "#ffd9a8", "#ffcbc0", "#33255c", 0.45),
  ],
  sunset: [
    light("#28295f #763d7c #de675f #ffc06b", "#fff0c0", "#ffcf7d", "#f08a78", "#241846", 0.68),
    light("#1f3962 #6a5986 #e58a66 #ffd38a", "#fff3cc", "#ffdd98", "#efa083", "#1d2447", 0.66),
    light("#40234e #9c3e60 #ed7950 #ffd27a", "#fff0bf", "#ffd584", "#f39272", "#2a1436", 0.7),
    light("#2c3e78 #8868a6 #f0989a #ffdfb0", "#fff6da", "#ffe3b4", "#f7b3a8", "#262650", 0.62),
  ],
  night: [
    light("#060a20 #0e1a3e #1e3464 #40608f", "#fdf8e6", "#8fa9d8", "#41598c", "#070d22", 0.8),
    light("#0a0820 #1a153e #382963 #68508a", "#fff3dc", "#a893d0", "#54447c", "#0d0a26", 0.8),
    light("#041720 #0a2c38 #154c57 #3f8384", "#f6f8e4", "#86c2bd", "#2f6a70", "#04141c", 0.8),
  ],
};

const LANDS: Record<Scene["place"], readonly [Color, ...Color[]]> = {
  hills: [hex("#5f9a4c"), hex("#8aa645"), hex("#4c9470"), hex("#a3a04e")],
  mountains: [hex("#4a6f8c"), hex("#5c638f"), hex("#47787c"), hex("#6d6a80")],
  forest: [hex("#2f6a48"), hex("#44744a"), hex("#2a6662"), hex("#5d7340")],
  desert: [hex("#d98f4f"), hex("#cf7747"), hex("#dfae6a"), hex("#c98866")],
  sea: [hex("#3d7f78"), hex("#4f7f5c"), hex("#4d6f86"), hex("#7f8a5e")],
};

const SNOW = hex("#e6f0fc");

/** The light of a scene, and the colours of its land and its trees in plain daylight. */
export function palette(scene: Scene, rng: Random): { light: Light; land: Color; firs: Color } {
  const light = rng.pick(LIGHTS[scene.time]);
  const land = rng.pick(LANDS[scene.place]);
  const firs = scene.place === "forest" ? land : mix(land, rng.pick(LANDS.forest), 0.6);
  return { light, land: scene.snow ? SNOW : land, firs };
}

/** The plain sky's colour: `t` is 0 at the zenith and 1 at the horizon. */
export function skyAt(light: Light, t: number): Color {
  const [a, b, c, d] = light.sky;
  if (t < 0.4) return mix(a, b, t / 0.4);
  return t < 0.74 ? mix(b, c, (t - 0.4) / 0.34) : mix(c, d, (t - 0.74) / 0.26);
}

/** Between two colours, in OKLab, where halfway looks halfway (bottosson.github.io/posts/oklab). */
export function mix(a: Color, b: Color, t: number): Color {
  if (t <= 0) return a;
  if (t >= 1) return b;
  const [l1, a1, b1] = toLab(a);
  const [l2, a2, b2] = toLab(b);
  return fromLab(l1 + (l2 - l1) * t, a1 + (a2 - a1) * t, b1 + (b2 - b1) * t);
}

/** A colour under a light of another. */
export function scale(a: Color, b: Color): Color {
  return [(a[0] * b[0]) / 255, (a[1] * b[1]) / 255, (a[2] * b[2]) / 255];
}

function toLab(color: Color): Color {
  const [r, g, b] = [linear(color[0]), linear(color[1]), linear(color[2])];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromLab(lightness: number, a: number, b: number): Color {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function linear(value: number): number {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}

function gamma(v: number): number {
  const value = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
  return Math.min(255, Math.max(0, 255 * value));
}
