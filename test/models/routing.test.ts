import { describe, expect, it } from "vitest";
import { order, parseRouting } from "../../src/models/routing.ts";
import { prng } from "../access/prng.ts";

const VENDORS = ["a", "b", "c"];
const unexpectedRandom = () => {
  throw new Error("nothing is left to chance");
};

describe("the order of vendors", () => {
  it("is their own where nothing is said", () => {
    expect(order(VENDORS, undefined, unexpectedRandom)).toEqual(VENDORS);
  });

  it("is that of the steps, the rest after them", () => {
    expect(order(VENDORS, ["c"], unexpectedRandom)).toEqual(["c", "a", "b"]);
    expect(order(VENDORS, ["c", "b", "c", "not here"], unexpectedRandom)).toEqual(["c", "b", "a"]);
  });

  it("leaves out who has no weight, unless another step names it", () => {
    expect(order(VENDORS, [{ b: 0 }], unexpectedRandom)).toEqual(["a", "c"]);
    expect(order(VENDORS, [{ b: 0 }, "b"], unexpectedRandom)).toEqual(["b", "a", "c"]);
  });

  it("draws the first of a weighted step in proportion, and the others after it", () => {
    const random = prng(7);
    const firsts = Array.from({ length: 4_000 }, () => order(VENDORS, ["c", { a: 3, b: 1 }], random));
    for (const each of firsts) expect(each.toSorted()).toEqual(VENDORS);
    expect(firsts.every(([first]) => first === "c")).toBe(true);
    const share = firsts.filter(([, second]) => second === "a").length / firsts.length;
    expect(share).toBeGreaterThan(0.72);
    expect(share).toBeLessThan(0.78);
  });
});

describe("the var ROUTING", () => {
  it("may be absent", () => {
    expect(parseRouting(undefined, VENDORS)).toEqual({});
  });

  it("is steps by model", () => {
    const routing = { "*": ["b"], m: ["a", { b: 3, c: 1 }] };
    expect(parseRouting(JSON.stringify(routing), VENDORS)).toEqual(routing);
  });

  it.each([
    ["[]", "ROUTING must be an object: model, or *, to a list of vendors"],
    ['{"m":"a"}', "ROUTING.m must be a list of vendors"],
    ['{"m":["a","d"]}', "ROUTING.m[1] names d, which is no vendor; there are: a, b, c"],
    ['{"m":[{"a":-1}]}', "ROUTING.m[0].a must be a weight, 0 or more"],
    ['{"m":[{"a":"3"}]}', "ROUTING.m[0].a must be a weight, 0 or more"],
    ['{"m":[{}]}', "ROUTING.m[0] must be a vendor, or an object of vendors and their weights"],
    ['{"m":[3]}', "ROUTING.m[0] must be a vendor, or an object of vendors and their weights"],
  ])("refuses %s", (text, message) => {
    expect(() => parseRouting(text, VENDORS)).toThrow(message);
  });
});
