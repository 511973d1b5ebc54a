import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../../src/vendors/sandbox/landscape/random.ts";
import { readScene } from "../../../../src/vendors/sandbox/landscape/scene.ts";

function sceneOf(prompt: string) {
  return readScene(prompt, fingerprint(prompt));
}

describe("the scene of a prompt", () => {
  it.each([
    ["a lighthouse at dusk", { time: "sunset", place: "sea", lighthouse: true }],
    ["a Lighthouse by night", { time: "night", place: "sea", lighthouse: true }],
    ["暮色中的灯塔", { time: "sunset", place: "sea", lighthouse: true }],
    ["boats in a harbor", { place: "sea", lighthouse: false }],
    ["the harbours of a mountainous island", { place: "sea" }],
    ["a rocky coastline", { place: "sea" }],
    ["an old ship", { place: "sea" }],
    ["一条小船", { place: "sea" }],
    ["沙滩", { place: "sea" }],
    ["Sunset over the SEA", { time: "sunset", place: "sea" }],
    ["a deep forest at dawn", { time: "dawn", place: "forest" }],
    ["desert, daylight", { time: "day", place: "desert" }],
    ["snowy mountains by a lake", { snow: true, place: "mountains", lake: true }],
    ["夜", { time: "night" }],
    ["大海", { place: "sea" }],
    ["森林里的一只猫", { place: "forest" }],
    ["雪", { snow: true }],
    ["沙漠 日落", { time: "sunset", place: "desert" }],
    ["晚霞", { time: "sunset" }],
  ])("the scene of %j follows its words", (prompt, scene) => {
    expect(sceneOf(prompt)).toMatchObject(scene);
  });

  it("a word inside another word does not count", () => {
    const plain = Array.from({ length: 40 }, (_, i) =>
      sceneOf(`a seal of deforestation, knights, notice, friendship ${i}`),
    );
    expect(new Set(plain.map(({ place }) => place)).size).toBeGreaterThan(3);
    expect(new Set(plain.map(({ time }) => time)).size).toBe(4);
    expect(plain.some(({ snow }) => snow)).toBe(false);
  });

  it("the same prompt gives the same scene", () => {
    expect(sceneOf("a cat")).toEqual(sceneOf("a cat"));
  });
});
