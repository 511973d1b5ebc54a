import { describe, expect, it } from "vitest";
import { memoizeWeak, TtlCache } from "../src/memory.ts";

describe("TtlCache", () => {
  it("a value is returned until it is as old as the caller allows", () => {
    const cache = new TtlCache<string>(10);
    cache.set("a", "one", 1_000);
    expect([cache.get("a", 1_999, 1_000), cache.get("a", 2_000, 1_000)]).toEqual(["one", undefined]);
    expect(cache.get("a", 2_000, Infinity)).toBe("one");
  });

  it("a clock that is set back does not make a value young again", () => {
    const cache = new TtlCache<string>(10);
    cache.set("a", "one", 10_000);
    expect(cache.get("a", 1_000, 5_000)).toBeUndefined();
  });

  it("the least recently used value leaves when the cache is full", () => {
    const cache = new TtlCache<number>(2);
    cache.set("a", 1, 0);
    cache.set("b", 2, 0);
    cache.get("a", 0, 1);
    cache.set("c", 3, 0);
    expect(["a", "b", "c"].map((key) => cache.get(key, 0, 1))).toEqual([1, undefined, 3]);
  });
});

it("memoizeWeak computes once per object, and again after a computation that threw", () => {
  let calls = 0;
  const idOf = memoizeWeak((key: { fail?: boolean }) => {
    calls++;
    if (key.fail === true) throw new Error("no");
    return calls;
  });
  const [one, other, bad] = [{}, {}, { fail: true }];
  expect([idOf(one), idOf(one), idOf(other)]).toEqual([1, 1, 2]);
  expect(() => idOf(bad)).toThrow("no");
  expect(idOf(Object.assign(bad, { fail: false }))).toBe(4);
});
