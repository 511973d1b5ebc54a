import { smooth } from "./noise.ts";
import type { Color } from "./palette.ts";
import { blend, type PaintLine } from "./line.ts";

/** A small soft dot: a star, a snowflake. Pixels. */
export interface Speck {
  x: number;
  y: number;
  radius: number;
  color: Color;
  alpha: number;
}

/** Paints specks, looking at each row's own only. */
export function specks(width: number, all: Speck[]): PaintLine {
  const rows = new Map<number, Speck[]>();
  for (const speck of all) {
    for (let row = Math.floor(speck.y - speck.radius); row <= speck.y + speck.radius; row++) {
      const there = rows.get(row);
      if (there) there.push(speck);
      else rows.set(row, [speck]);
    }
  }
  return (y, line) => {
    const row = Math.floor(y);
    for (const { x: center, y: middle, radius, color, alpha } of rows.get(row) ?? []) {
      const last = Math.min(width - 1, center + radius);
      for (let x = Math.max(0, Math.floor(center - radius)); x <= last; x++) {
        const away = Math.hypot(x + 0.5 - center, row + 0.5 - middle) / radius;
        blend(line, x, color, alpha * smooth(1.2 - away));
      }
    }
  };
}
