import { describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { isLarger } from "../../src/image/size-cap.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec, PixelTable } from "../../src/image/model-spec.ts";
import { type ImageRequest, TIERS, type Tier } from "../../src/image/request.ts";
import { pixelsOf } from "../../src/image/size.ts";
import { providers } from "../../src/vendors/index.ts";
import { imageRequest } from "./image-request.ts";

const models = providers.flatMap(({ name, models }) =>
  Object.entries(models).map(([model, spec]): [string, ModelSpec] => [`${name}/${model}`, spec]),
);
const spec = (name: string) => models.find(([model]) => model === name)?.[1] as ModelSpec;

/** Return the size and pixels that are sent to the vendor. */
function sentShape(name: string, maxSize: Tier, fields: Partial<ImageRequest>) {
  const { size, width, height } = fit(imageRequest(fields), spec(name), { maxSize }).request;
  return width === undefined ? size : `${width}x${height}`;
}

describe("the size cap of an API key", () => {
  const PRO = "listenhub/gemini-3-pro-image-preview";

  it("requested pixels are not generated as a larger tier", () => {
    expect(sentShape(PRO, "4K", { width: 2240, height: 3840 })).toBe("4K");
    expect(sentShape(PRO, "3K", { width: 2240, height: 3840 })).toBe("2K");
  });

  it("the cap is sent as the size only if the model's default is larger", () => {
    expect(sentShape(PRO, "1K", {})).toBe("1K");
    expect(sentShape(PRO, "4K", {})).toBe(undefined);
    expect(sentShape("atalk/flux-2-pro", "512", { aspectRatio: "1:1" })).toBe("512x512");
    expect(sentShape("atalk/flux-2-pro", "1K", { aspectRatio: "1:1" })).toBe(undefined);
  });

  it("a model that generates no picture this small is rejected, whether it has a size field or not", () => {
    for (const model of [PRO, "linkai/gemini-2.5-flash-image"]) {
      let thrown: unknown;
      try {
        fit(imageRequest({}), spec(model), { maxSize: "512" });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(GatewayError);
      expect(thrown).toMatchObject({ code: "forbidden", field: "size" });
    }
  });

  it("the cap is sent as the size if the model takes no pixels and they are dropped", () => {
    const square: ModelSpec = { ...spec(PRO), ratios: [], defaultSize: "2K" };
    expect(fit(imageRequest({ width: 1024, height: 1024 }), square, { maxSize: "1K" }).request.size).toBe("1K");
  });

  it("the published pixels count if the vendor documents no size", () => {
    const undocumented: ModelSpec = { ...spec("linkai/gemini-2.5-flash-image") };
    delete undocumented.defaultSize;
    delete undocumented.pixels;
    const fitWith = (pixels: PixelTable) => () => fit(imageRequest({}), undocumented, { maxSize: "1K", pixels });
    expect(fitWith({ "2K": { "1:1": "2048x2048" } })).toThrow(/nothing so small/);
    expect(fitWith({})).not.toThrow();
  });

  it("the cap holds for every model of every vendor and every request", () => {
    const requests: Partial<ImageRequest>[] = [{}];
    for (const side of [512, 1024, 1536, 2048, 3072, 4096]) requests.push({ width: side, height: side });
    for (const [width, height] of [
      [2240, 3840],
      [3840, 2160],
      [1344, 768],
      [5504, 3072],
      [2896, 368],
    ])
      requests.push({ width, height });
    for (const aspectRatio of ["1:1", "16:9", "9:16", "8:1"]) requests.push({ aspectRatio });
    let accepted = 0;
    for (const [name, model] of models)
      for (const maxSize of TIERS)
        for (const requested of requests) {
          let request: ImageRequest;
          try {
            request = fit(imageRequest(requested), model, { maxSize }).request;
          } catch {
            continue;
          }
          accepted++;
          const { size = model.defaultSize ?? "1K", width, height } = request;
          const { width: w, height: h } = pixelsOf(undefined, maxSize, "1:1");
          const isWithin = width === undefined || requested.width !== undefined || width * (height ?? 0) <= w * h * 1.1;
          expect([name, maxSize, requested, isLarger(size, maxSize) && width === undefined, isWithin]).toEqual([
            name,
            maxSize,
            requested,
            false,
            true,
          ]);
        }
    expect(accepted).toBeGreaterThan(500);
  });
});
