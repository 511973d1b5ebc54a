import { describe, expect, it } from "vitest";
import { orderVendors, parseRouting } from "../../src/models/routing.ts";
import { prng } from "../access/prng.ts";

const VENDORS = ["a", "b", "c"];
const unexpectedRandom = () => {
  throw new Error("nothing is left to chance");
};

describe("the order of vendors", () => {
  it("vendors keep their own order without steps", () => {
    expect(orderVendors(VENDORS, undefined, unexpectedRandom)).toEqual(VENDORS);
  });

  it("vendors follow the order of the steps, and the other vendors come after them", () => {
    expect(orderVendors(VENDORS, ["c"], unexpectedRandom)).toEqual(["c", "a", "b"]);
    expect(orderVendors(VENDORS, ["c", "b", "c", "not here"], unexpectedRandom)).toEqual(["c", "b", "a"]);
  });

  it("a vendor with weight 0 is removed, unless another step names it", () => {
    expect(orderVendors(VENDORS, [{ b: 0 }], unexpectedRandom)).toEqual(["a", "c"]);
    expect(orderVendors(VENDORS, [{ b: 0 }, "b"], unexpectedRandom)).toEqual(["b", "a", "c"]);
  });

  it("the first vendor of a weighted step is chosen in proportion to its weight, and the others follow", () => {
    const random = prng(7);
    const firsts = Array.from({ length: 4_000 }, () => orderVendors(VENDORS, ["c", { a: 3, b: 1 }], random));
    for (const vendors of firsts) expect(vendors.toSorted()).toEqual(VENDORS);
    expect(firsts.every(([first]) => first === "c")).toBe(true);
    const share = firsts.filter(([, second]) => second === "a").length / firsts.length;
    expect(share).toBeGreaterThan(0.72);
    expect(share).toBeLessThan(0.78);
  });
});

describe("the var ROUTING", () => {
  it("ROUTING may be absent", () => {
    expect(parseRouting(undefined, VENDORS)).toEqual({});
  });

  it("ROUTING maps models to steps", () => {
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
  ])("the ROUTING %s is rejected", (text, message) => {
    expect(() => parseRouting(text, VENDORS)).toThrow(message);
  });
});
