import { figure, flock, sailboat } from "./figures.ts";
import type { Painted, Setting } from "./land.ts";
import type { PaintLine } from "./line.ts";
import { type Light, mix, palette, skyAt } from "./palette.ts";
import type { PaintRow } from "./png.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";
import { type Disc, sky } from "./sky.ts";
import { specks } from "./specks.ts";
import { terrain } from "./terrain.ts";
import { water } from "./water.ts";

/** A picture of a scene, to be painted row by row; what it holds meanwhile grows with the width alone. */
export function draw(scene: Scene): PaintRow {
  const { width, height, key, time, place } = scene;
  const rng = random(`${key}/composition`);
  const { light, land, firs } = palette(scene, rng);
  // Things keep their proportions in wide and tall pictures alike.
  const unit = Math.min(height, Math.sqrt(width * height));
  const wet = scene.lake || place === "sea";
  const horizon = height * (place === "sea" ? rng.between(0.5, 0.62) : rng.between(0.56, 0.66));
  const disc: Disc = {
    x: width * (rng.chance(0.5) ? rng.between(0.2, 0.42) : rng.between(0.58, 0.8)),
    y: horizon * (time === "day" || time === "night" ? rng.between(0.2, 0.5) : rng.between(0.58, 0.86)),
    radius: unit * (time === "day" ? 0.038 : rng.between(0.05, 0.075)),
  };
  // By day distance is blue; when the sun is low it glows like the horizon.
  const air = mix(skyAt(light, time === "day" && place !== "desert" ? 0.62 : 0.94), light.glow, 0.15);
  // Dust hangs over a desert, and keeps its far dunes from paling.
  const haze = place === "desert" ? mix(air, land, 0.45 * (1 - light.dim)) : air;
  const dim = light.dim * (scene.snow ? 0.5 : 1);
  const setting: Setting = { width, unit, light, dim, haze, firs, sun: disc.x };
  const { back, front } = terrain(scene, setting, land, horizon, wet);
  const heavens = sky(scene, light, disc, horizon, unit);
  const life = figures(scene, light, disc, horizon, unit);
  const flakes = scene.snow ? snowfall(scene, unit) : undefined;

  const behind: PaintLine = (y, line) => {
    stack(heavens, back, y, line);
    for (const paint of life) paint(y, line);
  };
  const lake = wet ? water({ key, width, height, shore: horizon, unit, light, disc, behind }) : behind;
  const line = new Float32Array(width * 3);
  return (y, row) => {
    stack(y < horizon ? behind : lake, front, y, line);
    flakes?.(y, line);
    for (let i = 0; i < row.length; i++) row[i] = line[i] ?? 0;
  };
}

/** Paints from the nearest range on that hides everything behind it. */
function stack(base: PaintLine, ranges: Painted[], y: number, line: Float32Array): void {
  let first = ranges.length - 1;
  while (first >= 0 && y < (ranges[first]?.solid ?? Infinity)) first--;
  if (first < 0) base(y, line);
  for (let i = Math.max(0, first); i < ranges.length; i++) ranges[i]?.paint(y, line);
}

/** What is alive in a scene: birds in the sky, a sail on the sea. */
function figures(
  { key, width, time, place }: Scene,
  light: Light,
  disc: Disc,
  horizon: number,
  unit: number,
): PaintLine[] {
  const rng = random(`${key}/figures`);
  const painted: PaintLine[] = [];
  const dark = mix(light.shade, skyAt(light, 0.5), 0.25);
  // On the side of the sky where the sun is not.
  const away = disc.x < width / 2 ? rng.between(0.58, 0.86) : rng.between(0.14, 0.42);
  if (time !== "night" && rng.chance(0.6)) {
    const birds = flock(width * away, horizon * rng.between(0.25, 0.6), unit, rng);
    painted.push(...birds.map((bird) => figure(width, bird, dark, 0.85)));
  }
  if (place === "sea" && rng.chance(0.75)) {
    const beside = disc.x + unit * rng.between(0.1, 0.26) * (disc.x < width / 2 ? 1 : -1);
    const boat = sailboat(beside, horizon, unit * rng.between(0.07, 0.12), rng.chance(0.5));
    const canvas = mix(mix([255, 250, 240], light.glow, 0.4), light.shade, light.dim * 0.55);
    painted.push(...boat.sails.map((sail) => figure(width, sail, canvas)), figure(width, boat.hull, dark));
  }
  return painted;
}

function snowfall({ key, width, height }: Scene, unit: number): PaintLine {
  const rng = random(`${key}/snowfall`);
  const count = Math.min(4000, Math.round((width * height * 260) / unit ** 2));
  const flakes = Array.from({ length: count }, () => ({
    x: rng.between(0, width),
    y: rng.between(0, height),
    radius: Math.max(0.8, (unit / 1000) * (1.2 + 3.4 * rng.between(0, 1) ** 3)),
    color: [255, 255, 255] as const,
    alpha: rng.between(0.35, 0.9),
  }));
  return specks(width, flakes);
}
