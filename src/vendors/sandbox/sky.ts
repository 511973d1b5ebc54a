import { clouds } from "./clouds.ts";
import { blend, type PaintLine } from "./line.ts";
import { lineNoise, smooth } from "./noise.ts";
import { type Color, type Light, mix, skyAt } from "./palette.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";
import { specks } from "./specks.ts";

/** The sun or the moon, in pixels. */
export interface Disc {
  x: number;
  y: number;
  radius: number;
}

/** Gradient, glow, stars, aurora, sun or moon, clouds: all above the horizon. `unit` is the scale of things in pixels. */
export function sky(scene: Scene, light: Light, disc: Disc, horizon: number, unit: number): PaintLine {
  const rng = random(`${scene.key}/sky`);
  const night = scene.time === "night";
  const layers: PaintLine[] = [gradient(scene.width, light, disc, horizon, unit, night)];
  if (night) layers.push(stars(scene, horizon, unit));
  if (night && rng.chance(scene.snow ? 0.8 : 0.25)) layers.push(aurora(scene, horizon, unit));
  layers.push(night && rng.chance(0.5) ? crescent(scene.width, light, disc) : full(scene.width, light, disc));
  const cover = rng.pick([0.1, 0.35, 0.6, 0.8]);
  if (scene.place !== "desert" || cover > 0.5) layers.push(clouds(scene, light, horizon, unit, cover));
  return (y, line) => {
    for (const paint of layers) paint(y, line);
  };
}

function gradient(width: number, light: Light, disc: Disc, horizon: number, unit: number, night: boolean): PaintLine {
  const tight = (night ? 0.09 : 0.16) * unit;
  const wide = (night ? 0.4 : 0.6) * unit;
  const strong = night ? 0.4 : 0.62;
  const [gr, gg, gb] = light.glow;
  return (y, line) => {
    const [r, g, b] = skyAt(light, y / horizon);
    const dy2 = (y - disc.y) ** 2;
    for (let x = 0, at = 0; x < width; x++, at += 3) {
      const dx2 = (x - disc.x) ** 2;
      const near = strong / (1 + (dx2 + dy2) / (tight * tight));
      const far = 0.42 / (1 + (dx2 * 0.35 + dy2) / (wide * wide));
      const glow = near + far * (1 - near);
      line[at] = r + (gr - r) * glow;
      line[at + 1] = g + (gg - g) * glow;
      line[at + 2] = b + (gb - b) * glow;
    }
  };
}

function stars(scene: Scene, horizon: number, unit: number): PaintLine {
  const rng = random(`${scene.key}/stars`);
  const count = Math.min(4000, Math.round((scene.width * horizon * 420) / unit ** 2));
  const all = Array.from({ length: count }, () => {
    const y = horizon * rng.between(0, 1) ** 1.3;
    return {
      x: rng.between(0, scene.width),
      y,
      radius: Math.max(0.75, (unit / 1000) * (0.8 + 1.8 * rng.between(0, 1) ** 5)),
      color: rng.pick<Color>([
        [255, 255, 255],
        [214, 228, 255],
        [255, 240, 214],
      ]),
      alpha: rng.between(0.25, 1) * (1 - y / horizon) ** 0.5,
    };
  });
  return specks(scene.width, all);
}

/** Curtains of light: a wavering lower edge, and a slow fade upwards. */
function aurora(scene: Scene, horizon: number, unit: number): PaintLine {
  const rng = random(`${scene.key}/aurora`);
  const low = rng.pick<Color>([
    [92, 232, 170],
    [84, 220, 200],
    [130, 235, 140],
  ]);
  const high: Color = [120, 96, 220];
  const hues = Array.from({ length: 32 }, (_, i) => mix(low, high, i / 31));
  const curtains = [0.5, 0.68].map((level, i) => {
    const edge = lineNoise(`${scene.key}/aurora/${i}`, 3, 0.4);
    const strength = lineNoise(`${scene.key}/aurora/${i}/light`, 5, 0.7);
    return Array.from({ length: scene.width }, (_, x) => ({
      y: horizon * (level + 0.55 * (edge((x / unit) * 1.6) - 0.5)),
      alpha: 0.62 * smooth(strength((x / unit) * 3.2) * 3 - 1),
    }));
  });
  const reach = horizon * 0.42;
  return (y, line) => {
    for (const curtain of curtains) {
      for (let x = 0; x < scene.width; x++) {
        const at = curtain[x];
        if (!at || y > at.y + reach * 0.08) continue;
        const up = (at.y - y) / reach;
        if (up > 1) continue;
        const fade = up < 0 ? smooth(1 + up / 0.08) : (1 - up) ** 2;
        blend(line, x, hues[Math.max(0, Math.floor(up * hues.length))] ?? low, at.alpha * fade);
      }
    }
  };
}

/** How much of the pixel at `x` lies in the disc. */
function within(disc: Disc, x: number, y: number): number {
  return Math.min(1, Math.max(0, disc.radius + 0.5 - Math.hypot(x + 0.5 - disc.x, y + 0.5 - disc.y)));
}

function full(width: number, light: Light, disc: Disc): PaintLine {
  return onDisc(width, disc, (x, y, line) => blend(line, x, light.disc, within(disc, x, y)));
}

function crescent(width: number, light: Light, disc: Disc): PaintLine {
  const bite = { x: disc.x - disc.radius * 0.62, y: disc.y - disc.radius * 0.3, radius: disc.radius * 0.95 };
  return onDisc(width, disc, (x, y, line) => {
    blend(line, x, light.disc, within(disc, x, y) * (1 - within(bite, x, y)));
  });
}

function onDisc(width: number, disc: Disc, paint: (x: number, y: number, line: Float32Array) => void): PaintLine {
  return (y, line) => {
    if (Math.abs(y - disc.y) > disc.radius + 1) return;
    const last = Math.min(width - 1, disc.x + disc.radius + 1);
    for (let x = Math.max(0, Math.floor(disc.x - disc.radius - 1)); x <= last; x++) paint(x, y, line);
  };
}
