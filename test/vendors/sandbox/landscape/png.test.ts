import { describe, expect, it } from "vitest";
import { png } from "../../../../src/vendors/sandbox/landscape/png.ts";
import { drain, readPng } from "../read-png.ts";

/** A pattern that no filter leaves unchanged. */
function pattern(y: number, row: Uint8ClampedArray): void {
  for (let k = 0; k < row.length; k++) row[k] = (y * 31 + k * 7 + ((y * k) >> 3)) & 255;
}

describe("png", () => {
  it.each([
    [1, 1],
    [16, 16],
    [333, 77],
    [16384, 16],
    [16, 4000],
  ])("a PNG of %i × %i has the painted pixels", async (width, height) => {
    const picture = readPng(await drain(png(width, height, pattern)));
    expect([picture.width, picture.height]).toEqual([width, height]);
    const row = new Uint8ClampedArray(width * 3);
    for (const y of [0, height >> 1, height - 1]) {
      pattern(y, row);
      expect([...picture.pixels.subarray(y * width * 3, (y + 1) * width * 3)]).toEqual([...row]);
    }
  });

  it("each row is painted once, from the top", async () => {
    const rows: number[] = [];
    await drain(png(1024, 300, (y) => rows.push(y)));
    expect(rows).toEqual(Array.from({ length: 300 }, (_, y) => y));
  });

  it("rows are painted only as far as the stream is read", async () => {
    let painted = 0;
    const stream = png(4096, 4096, (y, row) => {
      painted = y + 1;
      pattern(y, row);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(painted).toBe(0);
    const reader = stream.getReader();
    // A row has 4096 × 3 bytes, so 256 KiB are 22 rows.
    for (let reads = 1; reads <= 5; reads++) {
      const { value } = await reader.read();
      expect(value?.length).toBeLessThan(300_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(painted).toBeLessThanOrEqual(22 * (reads + 1));
    }
    await reader.cancel();
    const paintedBefore = painted;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(painted).toBe(paintedBefore);
  });

  it("the stream can be read into the reader's own buffer", async () => {
    const reader = png(64, 64, pattern).getReader({ mode: "byob" });
    const parts: number[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1000));
      if (value !== undefined) parts.push(...value);
      if (done) break;
    }
    expect(readPng(Uint8Array.from(parts)).height).toBe(64);
  });

  it.each([16, 1024])("a stream with breakAt fails in the middle of %i rows", async (side) => {
    const reader = png(side, side, pattern, 0.5).getReader();
    let size = 0;
    const all = (async () => {
      for (;;) size += (await reader.read()).value?.length ?? 0;
    })();
    await expect(all).rejects.toThrow("broke this picture off");
    expect(size).toBeGreaterThan(100);
  });
});
