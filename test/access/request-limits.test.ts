import { describe, expect, it } from "vitest";
import { createRateLimiter } from "../../src/access/rate-limiter.ts";
import type { BucketUse } from "../../src/access/rate-limiter.ts";
import type { CountStore } from "../../src/access/shared-counts.ts";
import { rateLimitHeaders } from "../../src/access/request-limits.ts";
import { prng } from "./prng.ts";

const T = 1_800_000_000_000;
const kv: CountStore = { list: async () => ({ keys: [], list_complete: true }), put: async () => undefined };
const newRateLimiter = () => createRateLimiter({ kv });
const ctx = { waitUntil: () => undefined };
const bucketUse = (name: string, cost: number, capacity = 60, perMinute = 60): BucketUse => {
  return { name, id: "1", policy: { capacity, perMinute }, cost };
};

/**
 * An item of a strict parser for the part of RFC 9651 that rate limit fields use: lists of strings with integer
 * parameters.
 */
interface Item {
  value: string;
  parameters: Record<string, number>;
}

const ITEM = /^"((?:[ !#-[\]-~]|\\["\\])*)"((?:; *[a-z*][a-z0-9_.*-]*=-?\d{1,15})*)/;

function parseList(field: string): Item[] {
  const items: Item[] = [];
  for (let rest = field; ;) {
    const match = ITEM.exec(rest);
    if (match === null) throw new SyntaxError(`not an item: ${rest}`);
    const [all, quoted = "", tail = ""] = match;
    const pairs = tail
      .split(";")
      .slice(1)
      .map((pair) => pair.trim().split("="));
    const parameters = Object.fromEntries(pairs.map(([key = "", value]) => [key, Number(value)]));
    items.push({ value: quoted.replace(/\\(.)/g, "$1"), parameters });
    rest = rest.slice(all.length);
    if (rest === "") return items;
    const comma = /^[ \t]*,[ \t]*(?=.)/.exec(rest);
    if (comma === null) throw new SyntaxError(`no comma: ${rest}`);
    rest = rest.slice(comma[0].length);
  }
}

describe("rateLimitHeaders", () => {
  it("the headers have the documented form", () => {
    const { admit } = newRateLimiter();
    expect(rateLimitHeaders(admit([bucketUse("default", 60)], T, ctx))).toEqual({
      "RateLimit-Policy": '"default";q=60;w=60',
      RateLimit: '"default";r=0;t=60',
    });
    expect(rateLimitHeaders(admit([bucketUse("default", 12)], T, ctx))).toEqual({
      "RateLimit-Policy": '"default";q=60;w=60',
      RateLimit: '"default";r=0;t=12',
      "Retry-After": "12",
    });
  });

  it("the headers list every policy, but only the tightest bucket's state", () => {
    const { admit } = newRateLimiter();
    const admission = admit(
      [bucketUse("key", 1), bucketUse("global", 1, 600, 600), bucketUse("references", 3, 10, 10)],
      T,
      ctx,
    );
    const headers = rateLimitHeaders(admission);
    expect(parseList(headers["RateLimit-Policy"] ?? "")).toEqual([
      { value: "key", parameters: { q: 60, w: 60 } },
      { value: "global", parameters: { q: 600, w: 60 } },
      { value: "references", parameters: { q: 10, w: 60 } },
    ]);
    expect(parseList(headers["RateLimit"] ?? "")).toEqual([{ value: "references", parameters: { r: 7, t: 18 } }]);
    expect(headers).not.toHaveProperty("Retry-After");
  });

  it("there are no headers without buckets, and no time to wait where waiting cannot help", () => {
    const { admit } = newRateLimiter();
    expect(rateLimitHeaders(admit([], T, ctx))).toEqual({});
    expect(rateLimitHeaders(admit([bucketUse("key", 61)], T, ctx))).toEqual({
      "RateLimit-Policy": '"key";q=60;w=60',
      RateLimit: '"key";r=60',
    });
    expect(rateLimitHeaders(admit([bucketUse("closed", 1, 0, 0)], T, ctx))).toEqual({
      "RateLimit-Policy": '"closed";q=0',
      RateLimit: '"closed";r=0',
    });
  });

  it("the headers parse for all numbers and names, and Retry-After is never before t", () => {
    const random = prng(5);
    for (let round = 0; round < 300; round++) {
      const { admit } = newRateLimiter();
      const name = ["key", 'a"b\\c', "naïve\n", ""][round % 4] ?? "";
      const [capacity, perMinute] = [random() * 10 ** (random() * 18), random() * 10 ** (random() * 6 - 3)];
      for (let i = 0; i < 4; i++) {
        const cost = capacity * random();
        const admission = admit(
          [bucketUse(name, cost, capacity, perMinute), bucketUse("global", 0)],
          T + i * random() * 9_999,
          ctx,
        );
        const headers = rateLimitHeaders(admission);
        for (const { parameters } of parseList(headers["RateLimit-Policy"] ?? "")) {
          expect(parameters["q"]).toBeGreaterThanOrEqual(0);
          expect(parameters["w"] ?? 1).toBeGreaterThanOrEqual(1);
        }
        const [limit] = parseList(headers["RateLimit"] ?? "");
        const { r = -1, t = -1 } = limit?.parameters ?? {};
        expect(Math.min(r, t)).toBeGreaterThanOrEqual(0);
        if (admission.admitted) expect(headers).not.toHaveProperty("Retry-After");
        else {
          expect(headers["Retry-After"]).toMatch(/^[1-9]\d*$/);
          expect(Number(headers["Retry-After"])).toBeGreaterThanOrEqual(t);
        }
      }
    }
  });
});
