import { blend, type PaintLine } from "./line.ts";
import type { Color } from "./palette.ts";
import type { Random } from "./random.ts";

/** Corners of a shape in pixels, in order. */
export type Shape = (readonly [number, number])[];

const SCANS = [0.125, 0.375, 0.625, 0.875];

/** Paints a filled shape with smooth edges: each row is scanned four times, and a span's ends count by their share. */
export function figure(width: number, shape: Shape, color: Color, alpha = 1): PaintLine {
  const top = Math.floor(Math.min(...shape.map(([, y]) => y)));
  const bottom = Math.ceil(Math.max(...shape.map(([, y]) => y)));
  return (y, line) => {
    const row = Math.floor(y);
    if (row < top || row > bottom) return;
    for (const scan of SCANS) {
      const cuts = crossings(shape, row + scan);
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        const from = Math.max(0, cuts[i] ?? 0);
        const to = Math.min(width, cuts[i + 1] ?? 0);
        for (let x = Math.floor(from); x < to; x++) {
          const share = Math.min(x + 1, to) - Math.max(x, from);
          blend(line, x, color, (alpha * share) / SCANS.length);
        }
      }
    }
  };
}

function crossings(shape: Shape, y: number): number[] {
  const cuts: number[] = [];
  shape.forEach(([x1, y1], i) => {
    const [x2, y2] = shape[(i + 1) % shape.length] ?? [0, 0];
    if (y1 <= y !== y2 <= y) cuts.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
  });
  return cuts.toSorted((a, b) => a - b);
}

/** A boat under two sails, `size` pixels tall, afloat at `x`, `y`. */
export function sailboat(x: number, y: number, size: number, left: boolean): { sails: Shape[]; hull: Shape } {
  const place = (points: Shape): Shape => points.map(([px, py]) => [x + (left ? -px : px) * size, y + py * size]);
  return {
    sails: [
      place([
        [0.03, -1],
        [0.2, -0.55],
        [0.42, -0.17],
        [0.03, -0.14],
      ]),
      place([
        [-0.02, -0.88],
        [-0.02, -0.15],
        [-0.3, -0.17],
        [-0.14, -0.45],
      ]),
    ],
    hull: place([
      [-0.38, -0.11],
      [0.46, -0.13],
      [0.32, 0.02],
      [-0.28, 0.02],
    ]),
  };
}

/** A few birds far away, around `x`, `y`. */
export function flock(x: number, y: number, unit: number, rng: Random): Shape[] {
  const count = Math.floor(rng.between(3, 7));
  return Array.from({ length: count }, () => {
    const size = unit * rng.between(0.008, 0.014);
    const bx = x + unit * rng.between(-0.13, 0.13);
    const by = y + unit * rng.between(-0.05, 0.05);
    const lift = rng.between(0.25, 0.6);
    const wing: Shape = [
      [-1, -lift],
      [-0.55, -lift - 0.12],
      [0, 0.06],
      [0.55, -lift - 0.12],
      [1, -lift],
      [0.5, -lift + 0.08],
      [0, 0.26],
      [-0.5, -lift + 0.08],
    ];
    return wing.map(([px, py]) => [bx + px * size, by + py * size] as const);
  });
}
