import type { PaintLine } from "./colors.ts";
import type { Painted } from "./land.ts";
import type { PaintRow } from "./png.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";
import { composeSetting } from "./setting.ts";
import { sky, specks } from "./sky.ts";
import { terrain } from "./terrain.ts";
import { sailboat, water } from "./water.ts";

/** Prepare the landscape of a scene, to be painted row by row. Its memory grows with the width only. */
export function drawScene(scene: Scene): PaintRow {
  const setting = composeSetting(scene);
  const { width, height, key, place, snow, wet, horizon } = setting;
  const { back, front } = terrain(setting);
  const paintSky = sky(setting);
  const boat = place === "sea" && random(`${key}/boat`).chance(0.75) ? sailboat(setting) : undefined;
  const behind: PaintLine = (y, line) => {
    stack(paintSky, back, y, line);
    boat?.(y, line);
  };
  const below = wet ? water(setting, behind) : behind;
  const flakes = snow ? specks(setting, "flakes", 2 * height, 2) : undefined;
  const line = new Float32Array(width * 3);
  return (y, row) => {
    stack(y < horizon ? behind : below, front, y, line);
    flakes?.(y, line);
    row.set(line);
  };
}

/** Paint a row, beginning with the nearest range that hides everything behind it. */
function stack(base: PaintLine, ranges: Painted[], y: number, line: Float32Array): void {
  const first = ranges.findLastIndex(({ solid }) => y >= solid);
  if (first < 0) base(y, line);
  for (const { paint } of ranges.slice(Math.max(0, first))) paint(y, line);
}
