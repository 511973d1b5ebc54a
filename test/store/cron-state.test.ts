import { beforeEach, describe, expect, it } from "vitest";
import { type PendingTick, getCronState, setCronState } from "../../src/store/cron-state.ts";
import { nextCount } from "../../src/store/ticks.ts";
import { BUCKET } from "./bucket.ts";

const pendingTick = (id: string, at: number): PendingTick => ({ name: id, id, at });
const noneDone = () => false;

beforeEach(() => BUCKET.delete("cron.json"));

describe("the clock", () => {
  it("the clock starts at zero if it was never set or cannot be read", async () => {
    expect(await getCronState(BUCKET)).toEqual({ value: { through: 0, left: [] }, etag: undefined });
    for (const text of ["", "null", "[]", "{", '"x"', '{"left":1}']) {
      await BUCKET.put("cron.json", text);
      expect(await getCronState(BUCKET)).toMatchObject({ value: { through: 0, left: [] } });
    }
    await BUCKET.put("cron.json", '{"through":60000}');
    expect(await getCronState(BUCKET)).toMatchObject({ value: { through: 60_000, left: [] } });
  });

  it("the clock keeps the last tick of each schedule that is left", async () => {
    const left = [pendingTick("a", 1), pendingTick("a", 3), pendingTick("b", 2), pendingTick("a", 2)];
    await setCronState(BUCKET, await getCronState(BUCKET), { through: 5, left }, noneDone);
    expect(await getCronState(BUCKET)).toMatchObject({
      value: { through: 5, left: [pendingTick("a", 3), pendingTick("b", 2)] },
    });
  });

  it("a write keeps the ticks that another event left meanwhile, except those done here", async () => {
    const seen = await getCronState(BUCKET);
    await setCronState(BUCKET, seen, { through: 1, left: [pendingTick("late", 1), pendingTick("done", 1)] }, noneDone);
    await setCronState(BUCKET, seen, { through: 2, left: [pendingTick("own", 2)] }, ({ id }) => id === "done");
    expect(await getCronState(BUCKET)).toMatchObject({
      value: { through: 2, left: [pendingTick("late", 1), pendingTick("own", 2)] },
    });
  });
});

it("counting continues from 1 if the stored number cannot be read", async () => {
  await BUCKET.put("ticks/x/count", "7");
  expect(await nextCount(BUCKET, "x", "g1")).toBe(1);
  expect(await nextCount(BUCKET, "x", "g2")).toBe(2);
  expect(await nextCount(BUCKET, "x", "g1")).toBe(1);
});
