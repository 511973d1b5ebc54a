import { blend, type Color, mix, type PaintLine } from "./colors.ts";
import type { Setting } from "./setting.ts";
import type { Painted, Range } from "./land.ts";
import { smooth } from "./random.ts";

/**
 * Tip, dome, eave, lamp room, bar, gallery: each from and to a distance below the top, with half the width at both. In
 * 1/10000 of a unit.
 */
const TOP = "0 220 0 20 200 430 0 145 430 470 170 170 470 850 135 135 470 850 8 8 830 875 220 220 875 940 210 155";
const PARTS = TOP.match(/\d+ \d+ \d+ \d+/g)?.map((part) => part.split(" ").map((n) => Number(n) / 10_000)) ?? [];

/**
 * A lighthouse on a headland, away from the sun. Its lamp is above the horizon in every aspect ratio, because the
 * tower's length follows the ground.
 */
export function lighthouse({ width, unit, horizon, disc, light }: Setting, { foot, outline }: Range): Painted {
  const xAt = (share: number) => width * (outline(0) > outline(width / unit) ? share : 1 - share);
  const mid = Math.abs(xAt(0.18) - disc.x) > 0.12 * width ? xAt(0.18) : xAt(0.08);
  const top = horizon / unit - 0.2;
  const tall = foot / unit - outline(mid / unit) - top - 0.094;
  const toned = (color: Color, dim: number) => mix(mix(color, light.glow, 0.36), light.shade, light.dim * dim);
  const sunny = Math.sign(disc.x - mid) * 0.55;
  const paint: PaintLine = (y, line) => {
    const down = (y + 0.5) / unit - top;
    const bar = (half: number, tone: (across: number) => Color) => {
      const [from, to] = [mid - half * unit, mid + half * unit];
      for (let x = Math.max(0, Math.floor(from)); x < Math.min(width, to); x++) {
        blend(line, x, tone((x + 0.5 - mid) / (half * unit)), Math.min(x + 1, to) - Math.max(x, from));
      }
    };
    const t = (down - 0.094) / tall;
    const color: Color = Math.floor(t * 5) % 2 === 1 && t < 1 ? [205, 78, 72] : [255, 251, 244];
    const [dark, bright] = [toned(color, 0.85), toned(color, 0.12)];
    const lit = (across: number) => mix(dark, bright, smooth(0.5 + sunny * across));
    // The tower goes a little deeper than the ground, which slopes and hides that part.
    if (t >= 0 && t < 1.2) bar(0.0155 + 0.038 * tall * t ** 1.5, lit);
    for (const [from = 0, to = 0, a = 0, b = 0] of PARTS) {
      const half = a + (b - a) * Math.sqrt((down - from) / (to - from));
      const glass = a === 0.0135 ? 0.88 : 0;
      if (down >= from && down < to) bar(half, (side) => (Math.abs(side) < glass ? light.disc : light.shade));
    }
    // The lamp's glow and beam, painted over the tower; they are not visible far above and below the lamp.
    const dy = down - 0.066;
    for (let x = Math.abs(dy) < 0.4 ? 0 : width; x < width; x++) {
      const dx = (x + 0.5 - mid) / unit;
      const away = Math.hypot(dx, dy);
      const glow = 0.85 / (1 + (away / 0.03) ** 2) ** 1.1;
      const off = Math.abs(dy + dx * 0.12) / (0.004 + 0.075 * Math.abs(dx));
      const beam = 0.6 * smooth(1 - off) * Math.max(0, 1 - away / 0.9) ** 1.6;
      blend(line, x, light.disc, light.dim * (glow + beam - glow * beam));
    }
  };
  return { paint, solid: Infinity };
}
