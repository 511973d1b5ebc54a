import type { Color } from "./palette.ts";

/** Paints row `y` into three numbers (red, green, blue; 0 to 255) a pixel, over what is there. */
export type PaintLine = (y: number, line: Float32Array) => void;

/** Blends a colour over pixel `x` of a line. */
export function blend(line: Float32Array, x: number, color: Color, alpha: number): void {
  const at = x * 3;
  for (let c = 0; c < 3; c++) {
    const under = line[at + c] ?? 0;
    line[at + c] = under + ((color[c] ?? 0) - under) * alpha;
  }
}
