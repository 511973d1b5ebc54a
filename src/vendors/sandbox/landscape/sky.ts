import { blend, mix, type PaintLine, ramp, skyAt } from "./colors.ts";
import type { Setting } from "./setting.ts";
import { lineNoise, planeNoise, random, smooth } from "./random.ts";

/** Everything above the horizon: gradient, glow, stars, aurora, sun or moon, clouds. */
export function sky(setting: Setting): PaintLine {
  const { key, time, place, snow } = setting;
  const rng = random(`${key}/sky`);
  const night = time === "night";
  const layers = [gradient(setting, night)];
  if (night) layers.push(specks(setting, "stars", setting.horizon, 1));
  if (night && rng.chance(snow ? 0.8 : 0.25)) layers.push(aurora(setting, 0.2), aurora(setting, 0.38));
  layers.push(orb(setting));
  const cover = rng.pick([0.1, 0.35, 0.6, 0.8]);
  if (place !== "desert" || cover > 0.5) layers.push(clouds(setting, cover));
  return (y, line) => {
    for (const paint of layers) paint(y, line);
  };
}

function gradient({ light, disc, horizon, unit }: Setting, night: boolean): PaintLine {
  const tight = ((night ? 0.09 : 0.16) * unit) ** 2;
  const wide = ((night ? 0.4 : 0.6) * unit) ** 2;
  const strong = night ? 0.4 : 0.62;
  const [gr, gg, gb] = light.glow;
  return (y, line) => {
    const [r, g, b] = skyAt(light, y / horizon);
    const dy2 = (y - disc.y) ** 2;
    for (let i = 0; i < line.length; i += 3) {
      const dx2 = (i / 3 - disc.x) ** 2;
      const near = strong / (1 + (dx2 + dy2) / tight);
      const far = 0.42 / (1 + (dx2 * 0.35 + dy2) / wide);
      const glow = near + far * (1 - near);
      line[i] = r + (gr - r) * glow;
      line[i + 1] = g + (gg - g) * glow;
      line[i + 2] = b + (gb - b) * glow;
    }
  };
}

/** A curtain of light with a wavy lower edge and a slow fade upwards. */
function aurora({ key, width, horizon, unit }: Setting, level: number): PaintLine {
  const hang = lineNoise(`${key}/aurora/${level}`, 3, 0.4);
  const glow = lineNoise(`${key}/glow/${level}`, 5, 0.7);
  const curtain = Array.from({ length: width }, (_, x) => ({
    edge: horizon * (level + 0.55 * hang((x / unit) * 1.6)),
    light: 0.62 * smooth(glow((x / unit) * 3.2) * 2.2 - 0.6),
  }));
  const color = ramp([92, 230, 172], [120, 96, 220]);
  return (y, line) => {
    curtain.forEach(({ edge, light }, x) => {
      const up = (edge - y) / (horizon * 0.46);
      if (up < -0.08 || up > 1) return;
      const fade = smooth(1 + up / 0.08) * (1 - Math.max(0, up)) ** 2;
      blend(line, x, color(up), light * fade);
    });
  };
}

/** The sun or the moon, full. */
function orb({ light, disc, width }: Setting): PaintLine {
  return (y, line) => {
    for (let x = Math.max(0, Math.floor(disc.x - disc.radius)); x < Math.min(width, disc.x + disc.radius); x++) {
      const inside = disc.radius + 0.5 - Math.hypot(x + 0.5 - disc.x, y + 0.5 - disc.y);
      if (inside > 0) blend(line, x, light.disc, Math.min(1, inside));
    }
  };
}

/** Clouds in long banks that thin out towards the zenith and the horizon; `cover` is 0 to 1. */
function clouds({ key, width, light, horizon, unit }: Setting, cover: number): PaintLine {
  const cell = unit * random(`${key}/clouds`).between(0.4, 0.6);
  const octaves = [1, 0.47, 0.22, 0.1, 0.045].map((size, i) =>
    planeNoise(`${key}/clouds/${i}`, width, cell * size, Math.max(2, cell * size * 0.24), 0.515 * 0.52 ** i),
  );
  const density = new Float32Array(width);
  const clear = 0.68 - 0.22 * cover;
  const color = ramp(light.cloud, mix(light.cloud, skyAt(light, 0.5), 0.45));
  return (y, line) => {
    const mask = smooth(y / (horizon * 0.25)) * smooth((horizon * 1.02 - y) / (horizon * 0.3));
    if (mask === 0) return;
    density.fill(0);
    for (const octave of octaves) octave(y, density);
    for (let x = 0; x < width; x++) {
      const over = (density[x] ?? 0) - clear;
      if (over <= 0) continue;
      const d = smooth(over * 4.2) * mask;
      blend(line, x, color(d * d), d * 0.82);
    }
  };
}

/** Small soft white dots, fainter towards row `bottom`: stars have size 1, snowflakes size 2. */
export function specks(setting: Setting, kind: string, bottom: number, size: number): PaintLine {
  const { width, unit } = setting;
  const rng = random(`${setting.key}/${kind}`);
  const length = Math.min(4000, Math.round((width * bottom * 350) / unit ** 2));
  const all = Array.from({ length }, () => {
    const y = rng.between(0, bottom);
    const radius = Math.max(0.8, (unit / 1000) * size * (0.8 + 2 * rng.between(0, 1) ** 4));
    return { x: rng.between(0, width), y, radius, alpha: rng.between(0.3, 1) * (1 - y / bottom) ** 0.4 };
  });
  const rows = Map.groupBy(all, ({ y }) => Math.floor(y));
  const reach = Math.ceil(Math.max(...all.map(({ radius }) => radius), 0));
  return (y, line) => {
    const row = Math.floor(y);
    for (let near = row - reach; near <= row + reach; near++) {
      for (const dot of rows.get(near) ?? []) {
        const last = Math.min(width - 1, dot.x + dot.radius);
        for (let x = Math.max(0, Math.floor(dot.x - dot.radius)); x <= last; x++) {
          const away = Math.hypot(x + 0.5 - dot.x, row + 0.5 - dot.y) / dot.radius;
          blend(line, x, [255, 255, 255], dot.alpha * smooth(1.2 - away));
        }
      }
    }
  };
}
