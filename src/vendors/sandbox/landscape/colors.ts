import type { Scene } from "./scene.ts";

/** Red, green and blue, 0 to 255. */
export type Color = readonly [number, number, number];

/** The light of a scene, with the colours that it gives to everything. */
export interface Light {
  /** The sky from the zenith down to the horizon. */
  sky: readonly [Color, Color, Color, Color];
  disc: Color;
  glow: Color;
  cloud: Color;
  /** The colour of shadows, and its strength, 0 to 1. */
  shade: Color;
  dim: number;
}

function hex(code = ""): Color {
  const n = Number.parseInt(code.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/** Parse a light from hex colours in the order of the interface. */
function parseLight(codes: string, dim: number): Light {
  const color = (index: number) => hex(codes.split(" ")[index]);
  return {
    sky: [color(0), color(1), color(2), color(3)],
    disc: color(4),
    glow: color(5),
    cloud: color(6),
    shade: color(7),
    dim,
  };
}

export const LIGHTS: Record<Scene["time"], readonly [Light, ...Light[]]> = {
  day: [
    parseLight("#2f7cc8 #67aee4 #acd8f0 #e8f4ee #fffdf0 #fff6dc #ffffff #1d4560", 0.22),
    parseLight("#3f9ab4 #86cacd #c8e6d6 #fbf1d6 #fffbe8 #fff3cf #fffaf0 #1e4a55", 0.24),
    parseLight("#5f9fd0 #a3c8dd #e2e6d8 #ffe9bd #fffbe6 #ffedc0 #fff6e6 #35405e", 0.26),
    parseLight("#5478cf #93b0ec #ccd8f6 #faeee6 #fffcf2 #fff2e2 #ffffff #2b3566", 0.22),
  ],
  dawn: [
    parseLight("#5668a8 #a294ca #eeb3b6 #ffe1bf #fff6dd #ffe2b8 #ffd9cf #2c2a5a", 0.42),
    parseLight("#5688b0 #a0bfcc #f0d3bd #ffebca #fffaea #ffeac4 #fff0e2 #27405c", 0.38),
    parseLight("#6459a0 #b389bc #f2a5a6 #ffd7ae #fff3d6 #ffd9a8 #ffcbc0 #33255c", 0.45),
  ],
  sunset: [
    parseLight("#28295f #763d7c #de675f #ffc06b #fff0c0 #ffcf7d #f08a78 #241846", 0.68),
    parseLight("#1f3962 #6a5986 #e58a66 #ffd38a #fff3cc #ffdd98 #efa083 #1d2447", 0.66),
    parseLight("#40234e #9c3e60 #ed7950 #ffd27a #fff0bf #ffd584 #f39272 #2a1436", 0.7),
    parseLight("#2c3e78 #8868a6 #f0989a #ffdfb0 #fff6da #ffe3b4 #f7b3a8 #262650", 0.62),
  ],
  night: [
    parseLight("#060a20 #0e1a3e #1e3464 #40608f #fdf8e6 #8fa9d8 #41598c #070d22", 0.8),
    parseLight("#0a0820 #1a153e #382963 #68508a #fff3dc #a893d0 #54447c #0d0a26", 0.8),
    parseLight("#041720 #0a2c38 #154c57 #3f8384 #f6f8e4 #86c2bd #2f6a70 #04141c", 0.8),
  ],
};

export const LANDS: Record<Scene["place"], readonly [Color, ...Color[]]> = {
  hills: [hex("#5f9a4c"), hex("#8aa645"), hex("#4c9470"), hex("#a3a04e")],
  mountains: [hex("#4a6f8c"), hex("#5c638f"), hex("#47787c"), hex("#6d6a80")],
  forest: [hex("#2f6a48"), hex("#44744a"), hex("#2a6662"), hex("#5d7340")],
  desert: [hex("#d98f4f"), hex("#cf7747"), hex("#dfae6a"), hex("#c98866")],
  sea: [hex("#3d7f78"), hex("#4f7f5c"), hex("#4d6f86"), hex("#7f8a5e")],
};

export const SNOW = hex("#e6f0fc");

/** The colour of the clear sky: `t` is 0 at the zenith and 1 at the horizon. */
export function skyAt(light: Light, t: number): Color {
  const [a, b, c, d] = light.sky;
  if (t < 0.4) return mix(a, b, t / 0.4);
  return t < 0.74 ? mix(b, c, (t - 0.4) / 0.34) : mix(c, d, (t - 0.74) / 0.26);
}

/** Interpolate between two colours; `t` is clamped to 0 to 1. */
export function mix([r, g, b]: Color, [r2, g2, b2]: Color, t: number): Color {
  const k = Math.min(1, Math.max(0, t));
  return [r + (r2 - r) * k, g + (g2 - g) * k, b + (b2 - b) * k];
}

/** Compute `mix` of two colours in 64 steps in advance, for use at every pixel. */
export function ramp(a: Color, b: Color): (t: number) => Color {
  const steps = Array.from({ length: 65 }, (_, i) => mix(a, b, i / 64));
  return (t) => steps[Math.max(0, Math.round(t * 64))] ?? b;
}

/** Multiply a colour by the colour of a light. */
export function scale(a: Color, b: Color): Color {
  return [(a[0] * b[0]) / 255, (a[1] * b[1]) / 255, (a[2] * b[2]) / 255];
}

/** Paint row `y` over a line's content: three numbers per pixel (red, green, blue; 0 to 255). */
export type PaintLine = (y: number, line: Float32Array) => void;

/** Blend a colour over pixel `x` of a line. */
export function blend(line: Float32Array, x: number, [r, g, b]: Color, alpha: number): void {
  const i = x * 3;
  const under = 1 - alpha;
  line[i] = (line[i] ?? 0) * under + r * alpha;
  line[i + 1] = (line[i + 1] ?? 0) * under + g * alpha;
  line[i + 2] = (line[i + 2] ?? 0) * under + b * alpha;
}
