import { expect, it } from "vitest";
import { LIMITS } from "../../src/limits.ts";
import { parsePreset } from "../../src/access/presets.ts";
import { deletePreset, listPresets, putPreset, getStoredPreset, getCachedPreset } from "../../src/store/presets.ts";
import { BUCKET, watchBucket } from "./bucket.ts";

const OIL = parsePreset({ prompt: "{prompt} in oil" }, LIMITS);
const INK = parsePreset({ prompt: "{prompt} in ink" }, LIMITS);
const putByAnotherIsolate = (name: string, preset: object) =>
  BUCKET.put(`presets/${name}.json`, JSON.stringify(preset));

it("a preset is cached for 30 s after a read or a put, and a fresh read bypasses the cache", async () => {
  expect(await getCachedPreset(BUCKET, "a", 0)).toBeUndefined();
  await putPreset(BUCKET, "a", OIL, 1_000);
  expect(await getCachedPreset(BUCKET, "a", 2_000)).toEqual(OIL);
  await putByAnotherIsolate("a", INK);
  expect(await getCachedPreset(BUCKET, "a", 30_999)).toEqual(OIL);
  expect(await getCachedPreset(BUCKET, "a", 31_000)).toEqual(INK);
  await putByAnotherIsolate("a", OIL);
  expect(await getCachedPreset(BUCKET, "a", 31_001)).toEqual(INK);
  expect(await getStoredPreset(BUCKET, "a", 31_002)).toEqual(OIL);
  expect(await getCachedPreset(BUCKET, "a", 31_003)).toEqual(OIL);
  // The clock set back.
  await putByAnotherIsolate("a", INK);
  expect(await getCachedPreset(BUCKET, "a", -100_000)).toEqual(INK);
  await deletePreset(BUCKET, "a", 40_000);
  expect(await getCachedPreset(BUCKET, "a", 40_001)).toBeUndefined();
});

it("a missing preset is cached too, so that an invented name costs one read", async () => {
  const { bucket, steps } = watchBucket(BUCKET);
  for (let i = 0; i < 5; i++) expect(await getCachedPreset(bucket, "none", i)).toBeUndefined();
  expect(steps).toEqual(["get"]);
});

it("listPresets returns all presets by name", async () => {
  await putByAnotherIsolate("b", OIL);
  await putByAnotherIsolate("a", INK);
  await BUCKET.put("presetsx", "another's");
  expect([...(await listPresets(BUCKET))]).toEqual([
    ["a", INK],
    ["b", OIL],
  ]);
  await BUCKET.delete(["presets/a.json", "presets/b.json", "presetsx"]);
});

it("a put that R2 refuses for its limit of one write a second is tried once more", async () => {
  let refused = 1;
  const { bucket, steps } = watchBucket(BUCKET, {
    before: (step) => {
      if (step === "put" && refused-- > 0) throw new Error("put: too many requests (10058)");
    },
  });
  await putPreset(bucket, "again", OIL, 0);
  expect(steps).toEqual(["put", "put"]);
  refused = 2;
  await expect(putPreset(bucket, "again", INK, 0)).rejects.toThrow("10058");
  expect(await getStoredPreset(bucket, "again", 0)).toEqual(OIL);
});
