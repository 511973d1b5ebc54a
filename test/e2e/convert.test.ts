import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { png, typeOf } from "../sim/index.ts";
import { jsonOf, startStage, warningsOf } from "./stage.ts";
import type { RecordWire, Stage } from "./stage.ts";

/** The sandbox generates PNG only. */
const postGeneration = (stage: Stage, body: object) =>
  stage.post("/v1/generations", { prompt: "a lighthouse", ...body });
const bytesOf = async (stage: Stage, url: string) => Buffer.from(await (await stage.easel.fetch(url)).arrayBuffer());

describe("a format that the vendor does not produce", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
  });
  afterAll(() => stage.stop());

  it.each(["jpeg", "webp"] as const)("a %s picture is converted from the vendor's format", async (outputFormat) => {
    const answer = await postGeneration(stage, { outputFormat, n: 2, width: 320, height: 200 });
    expect(answer.status).toBe(200);
    const record = await jsonOf<RecordWire>(answer);
    expect(record.warnings).toEqual([`outputFormat ${outputFormat} was made from image/png`]);
    expect(warningsOf(answer)).toEqual(record.warnings);
    expect(record.images).toHaveLength(2);
    for (const { url, type, width, height, bytes } of record.images) {
      expect([type, width, height]).toEqual([`image/${outputFormat}`, 320, 200]);
      const picture = await bytesOf(stage, url);
      expect([picture.length, typeOf(picture)]).toEqual([bytes, type]);
    }
    // The original pictures have been deleted.
    expect(await stage.keys(`pictures/${record.id}/`)).toHaveLength(2);
    expect(record.usage).toMatchObject({ ms: { converting: expect.any(Number) as number } });
  });

  it("a picture that already has the requested format is not converted", async () => {
    const record = await jsonOf<RecordWire>(postGeneration(stage, { outputFormat: "png", width: 64, height: 64 }));
    expect([record.images[0]?.type, record.warnings]).toEqual(["image/png", []]);
  });
});

describe("a failed conversion", () => {
  it("a picture that cannot be converted is returned in the vendor's format with a warning", async () => {
    const stage = await startStage({ vendors: ["linkai"] });
    try {
      // A PNG by its signature and chunks, with image data that cannot be decoded.
      const picture = png();
      const bytes = Buffer.from(picture.bytes);
      const data = bytes.indexOf("IDAT") + 4;
      bytes.fill(0xff, data, data + 8);
      stage.linkai.next({ pictures: [{ ...picture, bytes }] });
      const answer = await postGeneration(stage, { model: "gpt-image-2", outputFormat: "webp" });
      expect(answer.status).toBe(200);
      const record = await jsonOf<RecordWire>(answer);
      expect(record.warnings).toEqual(["outputFormat webp could not be made: the picture is image/png"]);
      expect(record.images[0]?.type).toBe("image/png");
      expect(await stage.keys(`pictures/${record.id}/`)).toHaveLength(1);
    } finally {
      await stage.stop();
    }
  });
});
