import { beforeEach, describe, expect, it } from "vitest";
import { type PendingTick, getClock, setClock } from "../../src/store/clock.ts";
import { nextCount } from "../../src/store/ticks.ts";
import { BUCKET } from "./bucket.ts";

const tick = (id: string, at: number): PendingTick => ({ name: id, id, at });
const nothing = () => false;

beforeEach(() => BUCKET.delete("cron.json"));

describe("the clock", () => {
  it("is at the beginning of time where it never went, and where it cannot be read", async () => {
    expect(await getClock(BUCKET)).toEqual({ value: { through: 0, left: [] }, etag: undefined });
    for (const text of ["", "null", "[]", "{", '"x"', '{"left":1}']) {
      await BUCKET.put("cron.json", text);
      expect(await getClock(BUCKET)).toMatchObject({ value: { through: 0, left: [] } });
    }
    await BUCKET.put("cron.json", '{"through":60000}');
    expect(await getClock(BUCKET)).toMatchObject({ value: { through: 60_000, left: [] } });
  });

  it("keeps the last tick of each schedule that is left", async () => {
    const left = [tick("a", 1), tick("a", 3), tick("b", 2), tick("a", 2)];
    await setClock(BUCKET, await getClock(BUCKET), { through: 5, left }, nothing);
    expect(await getClock(BUCKET)).toMatchObject({ value: { through: 5, left: [tick("a", 3), tick("b", 2)] } });
  });

  it("loses nothing that another event has left meanwhile, but what was dealt with here", async () => {
    const seen = await getClock(BUCKET);
    await setClock(BUCKET, seen, { through: 1, left: [tick("late", 1), tick("done", 1)] }, nothing);
    await setClock(BUCKET, seen, { through: 2, left: [tick("own", 2)] }, ({ id }) => id === "done");
    expect(await getClock(BUCKET)).toMatchObject({ value: { through: 2, left: [tick("late", 1), tick("own", 2)] } });
  });
});

it("a number that cannot be read is followed by others all the same", async () => {
  await BUCKET.put("ticks/x/count", "7");
  expect(await nextCount(BUCKET, "x", "g1")).toBe(1);
  expect(await nextCount(BUCKET, "x", "g2")).toBe(2);
  expect(await nextCount(BUCKET, "x", "g1")).toBe(1);
});
