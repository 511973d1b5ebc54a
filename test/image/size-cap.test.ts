import { describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { isLarger } from "../../src/image/size-cap.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec, PixelTable } from "../../src/image/model-spec.ts";
import { type ImageRequest, TIERS, type Tier } from "../../src/image/request.ts";
import { pixelsOf } from "../../src/image/size.ts";
import { providers } from "../../src/vendors/index.ts";
import { asked } from "./asked.ts";

const models = providers.flatMap(({ name, models }) =>
  Object.entries(models).map(([model, spec]): [string, ModelSpec] => [`${name}/${model}`, spec]),
);
const spec = (name: string) => models.find(([model]) => model === name)?.[1] as ModelSpec;

/** What is sent: a size, pixels, or nothing. */
function sent(name: string, most: Tier, fields: Partial<ImageRequest>) {
  const { size, width, height } = fit(asked(fields), spec(name), { maxSize: most }).request;
  return width === undefined ? size : `${width}x${height}`;
}

describe("the largest size that a key may have", () => {
  const PRO = "listenhub/gemini-3-pro-image-preview";

  it("keeps pixels from being drawn as a larger tier", () => {
    expect(sent(PRO, "4K", { width: 2240, height: 3840 })).toBe("4K");
    expect(sent(PRO, "3K", { width: 2240, height: 3840 })).toBe("2K");
  });

  it("is asked for where the model's own default is larger, and only then", () => {
    expect(sent(PRO, "1K", {})).toBe("1K");
    expect(sent(PRO, "4K", {})).toBe(undefined);
    expect(sent("atalk/flux-2-pro", "512", { aspectRatio: "1:1" })).toBe("512x512");
    expect(sent("atalk/flux-2-pro", "1K", { aspectRatio: "1:1" })).toBe(undefined);
  });

  it("refuses a model that draws nothing so small, whether or not it says its size", () => {
    for (const model of [PRO, "linkai/gemini-2.5-flash-image"]) {
      let thrown: unknown;
      try {
        fit(asked({}), spec(model), { maxSize: "512" });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GatewayError);
      expect(thrown).toMatchObject({ code: "forbidden", field: "size" });
    }
  });

  it("is asked for where a model takes no pixels, and they are left out", () => {
    const square: ModelSpec = { ...spec(PRO), ratios: [], defaultSize: "2K" };
    expect(fit(asked({ width: 1024, height: 1024 }), square, { maxSize: "1K" }).request.size).toBe("1K");
  });

  it("counts what is published of a model of which the vendor says nothing", () => {
    const silent: ModelSpec = { ...spec("linkai/gemini-2.5-flash-image") };
    delete silent.defaultSize;
    delete silent.pixels;
    const draw = (pixels: PixelTable) => () => fit(asked({}), silent, { maxSize: "1K", pixels });
    expect(draw({ "2K": { "1:1": "2048x2048" } })).toThrow(/nothing so small/);
    expect(draw({})).not.toThrow();
  });

  it("holds for every model of every vendor, whatever is asked", () => {
    const wishes: Partial<ImageRequest>[] = [{}];
    for (const side of [512, 1024, 1536, 2048, 3072, 4096]) wishes.push({ width: side, height: side });
    for (const [width, height] of [
      [2240, 3840],
      [3840, 2160],
      [1344, 768],
      [5504, 3072],
      [2896, 368],
    ])
      wishes.push({ width, height });
    for (const aspectRatio of ["1:1", "16:9", "9:16", "8:1"]) wishes.push({ aspectRatio });
    let drawn = 0;
    for (const [name, model] of models)
      for (const most of TIERS)
        for (const wish of wishes) {
          let request: ImageRequest;
          try {
            request = fit(asked(wish), model, { maxSize: most }).request;
          } catch {
            continue;
          }
          drawn++;
          const { size = model.defaultSize ?? "1K", width, height } = request;
          const { width: w, height: h } = pixelsOf(undefined, most, "1:1");
          const isWithin = width === undefined || wish.width !== undefined || width * (height ?? 0) <= w * h * 1.1;
          expect([name, most, wish, isLarger(size, most) && width === undefined, isWithin]).toEqual([
            name,
            most,
            wish,
            false,
            true,
          ]);
        }
    expect(drawn).toBeGreaterThan(500);
  });
});
