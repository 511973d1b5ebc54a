import { describe, expect, it } from "vitest";
import { createRateLimiter } from "../../src/access/rate-limiter.ts";
import type { RateLimiterOptions, BucketUse } from "../../src/access/rate-limiter.ts";
import type { CountStore } from "../../src/access/shared-counts.ts";

const T = 1_800_000_000_000;
const keyUse = (cost = 1, extra: Partial<BucketUse> = {}): BucketUse => {
  return { name: "key", id: "k1", policy: { capacity: 60, perMinute: 60 }, cost, ...extra };
};
const globalUse = (cost = 1): BucketUse =>
  keyUse(cost, { name: "global", id: "all", policy: { capacity: 600, perMinute: 600 } });
const referencesUse = (cost = 1): BucketUse =>
  keyUse(cost, { name: "references", policy: { capacity: 10, perMinute: 10 } });

/** A fast and consistent KV that can be made to fail. simulation.test.ts tests a stale and lossy one. */
class FakeKv implements CountStore {
  now = 0;
  broken: "list" | "put" | undefined;
  readonly calls = { list: 0, put: 0 };
  readonly keys = new Map<string, { value: string; metadata: unknown; expiresAt: number }>();

  async list({ prefix }: { prefix: string }) {
    this.calls.list++;
    if (this.broken === "list") throw new Error("KV list failed: 500 Internal Server Error");
    const live = [...this.keys].filter(([name, { expiresAt }]) => name.startsWith(prefix) && expiresAt > this.now);
    return { keys: live.map(([name, { metadata }]) => ({ name, metadata })), list_complete: true };
  }

  async put(name: string, value: string, { expirationTtl, metadata }: { expirationTtl: number; metadata: unknown }) {
    this.calls.put++;
    if (this.broken === "put") throw new Error("KV PUT failed: 429 Too Many Requests");
    this.keys.set(name, { value, metadata, expiresAt: this.now + expirationTtl * 1000 });
  }
}

/** One isolate with its KV and log; `admitAndFlush` also waits for the work after the response. */
function newIsolate(kv = new FakeKv(), config: Partial<RateLimiterOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const rateLimiter = createRateLimiter({
    kv,
    log: (event, fields) => void lines.push({ event, ...fields }),
    ...config,
  });
  const admitAndFlush = async (uses: BucketUse[], now: number) => {
    const background: Promise<unknown>[] = [];
    kv.now = now;
    const result = rateLimiter.admit(uses, now, { waitUntil: (promise) => void background.push(promise) });
    await Promise.all(background);
    return result;
  };
  return { ...rateLimiter, admitAndFlush, lines, kv };
}

describe("admit", () => {
  it("admit charges every bucket or none, and reports the one with the longest wait", async () => {
    const { admitAndFlush } = newIsolate();
    expect(await admitAndFlush([keyUse(), globalUse(), referencesUse(10)], T)).toMatchObject({
      admitted: true,
      tightest: { name: "references" },
    });
    const refused = await admitAndFlush([keyUse(59), globalUse(), referencesUse(5)], T);
    expect(refused).toMatchObject({ admitted: false, retryAfter: 30, tightest: { name: "references", remaining: 0 } });
    expect(await admitAndFlush([keyUse(59)], T)).toMatchObject({ admitted: true, tightest: { remaining: 0 } });
    expect(await admitAndFlush([globalUse(599)], T)).toMatchObject({ admitted: true });
    const both = await admitAndFlush([referencesUse(1), keyUse(40), globalUse(1)], T);
    expect(both).toMatchObject({ admitted: false, retryAfter: 40, tightest: { name: "key" } });
  });

  it("buckets of different ids and names are separate, and any text can be an id", async () => {
    const { admitAndFlush, kv } = newIsolate();
    for (const id of ["a", "b", "a/b", "é\ud800 %", ""]) {
      expect(await admitAndFlush([keyUse(60, { id })], T)).toMatchObject({ admitted: true });
      expect(await admitAndFlush([keyUse(1, { id })], T)).toMatchObject({ admitted: false });
    }
    expect([...kv.keys.keys()].filter((key) => key.startsWith("rl/key/a/"))).toHaveLength(1);
    expect(await admitAndFlush([keyUse(60, { name: "global", id: "a" })], T)).toMatchObject({ admitted: true });
  });

  it("there is no retryAfter where waiting cannot help, and no limit without buckets", async () => {
    const { admitAndFlush } = newIsolate();
    const never = await admitAndFlush([referencesUse(11)], T);
    expect(never).toMatchObject({ admitted: false, tightest: { resetSeconds: Infinity } });
    expect(never).not.toHaveProperty("retryAfter");
    expect(await admitAndFlush([], T)).toMatchObject({ admitted: true, tightest: undefined });
  });

  it("tokens that a refused step took and put back are never published", async () => {
    const { admitAndFlush, kv } = newIsolate();
    await admitAndFlush([keyUse(20), globalUse(20)], T);
    expect(await admitAndFlush([keyUse(40), globalUse(40), referencesUse(11)], T + 5_000)).toMatchObject({
      admitted: false,
    });
    await admitAndFlush([keyUse(1), globalUse(1)], T + 10_000);
    const counts = [...kv.keys].map(([key, { metadata }]) => [key.split("/")[1], metadata]);
    expect(counts).toEqual([
      ["key", { count: 21, tokens: 49, at: T + 10_000 }],
      ["global", { count: 20, tokens: 600, at: T + 5_000 }],
    ]);
  });

  it("the number of buckets in memory is bounded: the least recently used is dropped", async () => {
    const { admitAndFlush } = newIsolate(new FakeKv(), { maxBuckets: 3, flushShare: Infinity });
    for (const id of ["a", "b", "c", "a", "d"]) await admitAndFlush([keyUse(30, { id })], T);
    const remaining = async (id: string) => (await admitAndFlush([keyUse(0, { id })], T)).tightest?.remaining;
    expect([await remaining("a"), await remaining("c"), await remaining("d"), await remaining("b")]).toEqual([
      0, 30, 30, 60,
    ]);
  });
});

describe("exchange of counts", () => {
  it("an ordinary request makes no KV call, and neither does an idle bucket", async () => {
    const { admitAndFlush, kv } = newIsolate();
    for (let i = 0; i < 3; i++) await admitAndFlush([keyUse(), globalUse()], T + i);
    expect(kv.calls).toMatchObject({ list: 1, put: 1 });
    for (let i = 0; i < 40; i++) await admitAndFlush([keyUse(), globalUse()], T + 10 + i * 100);
    // Due now are buckets with enough demand: 43 of 60, and 43 of 600.
    expect(kv.calls).toMatchObject({ list: 2, put: 2 });
    await admitAndFlush([keyUse(0), globalUse(0)], T + 4_900);
    expect(kv.calls).toMatchObject({ list: 2, put: 2 });
    await admitAndFlush([keyUse(), globalUse()], T + 60_000);
    expect(kv.calls).toMatchObject({ list: 3, put: 3 });
    await admitAndFlush([keyUse(2), globalUse(9)], T + 120_000);
    expect(kv.calls).toMatchObject({ list: 3, put: 3 });
  });

  it("an isolate writes its own key, with a lifetime, and its count in the metadata", async () => {
    const { admitAndFlush, kv } = newIsolate();
    await admitAndFlush([keyUse(5)], T);
    const [[key, stored] = []] = [...kv.keys];
    expect(key).toMatch(/^rl\/key\/k1\/[0-9a-f-]{13}\.0$/);
    expect(stored).toMatchObject({ value: "", metadata: { count: 5, tokens: 55, at: T }, expiresAt: T + 360_000 });
    await admitAndFlush([keyUse(5)], T + 400_000);
    expect([...kv.keys.keys()][1]).toMatch(/\.1$/);
    expect([...kv.keys.values()][1]).toMatchObject({ metadata: { count: 5 } });
  });

  it("two isolates share one bucket, and a third one joins it in debt", async () => {
    const kv = new FakeKv();
    const [one, two, three] = [newIsolate(kv), newIsolate(kv), newIsolate(kv)];
    expect(await one.admitAndFlush([keyUse(55)], T)).toMatchObject({ admitted: true });
    expect(await two.admitAndFlush([keyUse(55)], T)).toMatchObject({ admitted: true });
    await one.admitAndFlush([keyUse(5)], T + 5_000);
    await two.admitAndFlush([keyUse(5)], T + 5_000);
    await one.admitAndFlush([keyUse(1)], T + 10_000);
    // 120 tokens were taken from 60 + 10.
    expect(await one.admitAndFlush([keyUse(1)], T + 10_000)).toMatchObject({ admitted: false, retryAfter: 51 });
    expect(await three.admitAndFlush([keyUse(3)], T + 10_000)).toMatchObject({ admitted: true });
    expect(await three.admitAndFlush([keyUse(1)], T + 10_000)).toMatchObject({ admitted: false });
  });

  it("no request waits for KV, even if KV never responds", () => {
    const never = () => new Promise<never>(() => undefined);
    const { admit } = createRateLimiter({ kv: { list: never, put: never } });
    for (let i = 0; i < 60; i++) {
      expect(admit([keyUse()], T + i * 6_000, { waitUntil: () => undefined }).admitted).toBe(true);
    }
  });

  it("counts are still exchanged after the clock was set back", async () => {
    const { admitAndFlush, kv } = newIsolate();
    await admitAndFlush([keyUse(5)], T);
    await admitAndFlush([keyUse(5)], T - 86_400_000);
    expect(kv.calls).toMatchObject({ list: 2, put: 2 });
  });

  it("listing continues past pages of expired keys, but stops after three", async () => {
    let pages = 0;
    const endless: CountStore = {
      list: async () => ({ keys: [], list_complete: false, cursor: String(++pages) }),
      put: async () => undefined,
    };
    const background: Promise<unknown>[] = [];
    createRateLimiter({ kv: endless }).admit([keyUse(9)], T, { waitUntil: (promise) => void background.push(promise) });
    await Promise.all(background);
    expect(pages).toBe(3);
  });
});

describe("faults of KV", () => {
  it.each([
    ["put", "429"],
    ["list", "500"],
  ] as const)(
    "a KV %s that fails with %s leaves a plain bucket and one log line a minute",
    async (operation, status) => {
      const { admitAndFlush, lines, kv } = newIsolate();
      kv.broken = operation;
      let admitted = 0;
      for (let ms = 0; ms < 130_000; ms += 500) if ((await admitAndFlush([keyUse()], T + ms)).admitted) admitted++;
      expect(admitted).toBeGreaterThanOrEqual(60 + 129);
      expect(admitted).toBeLessThanOrEqual(60 + 130);
      expect(lines.length).toBeGreaterThanOrEqual(2);
      expect(lines.length).toBeLessThanOrEqual(3);
      expect(lines[0]).toEqual({ event: "rate_limit_exchange_failed", operation, status, unlogged: 0 });
    },
  );

  it("a failing KV is called less often, and as often as before once it works", async () => {
    const { admitAndFlush, kv } = newIsolate();
    kv.broken = "put";
    for (let ms = 0; ms < 300_000; ms += 1_000) await admitAndFlush([keyUse()], T + ms);
    expect(kv.calls.put).toBeLessThan(10);
    kv.broken = undefined;
    for (let ms = 300_000; ms < 500_000; ms += 1_000) await admitAndFlush([keyUse()], T + ms);
    expect(kv.calls.put).toBeGreaterThan(20);
    const counts = [...kv.keys.values()].map(({ metadata }) => (metadata as { count: number }).count);
    expect(Math.max(...counts)).toBeGreaterThan(450);
  });

  it("KV calls that throw synchronously do no harm", async () => {
    const kv = {
      list: () => {
        throw new DOMException("no");
      },
      put: () => {
        throw new TypeError("gone");
      },
    };
    const background: Promise<unknown>[] = [];
    const { admit } = createRateLimiter({ kv, log: () => undefined });
    expect(admit([keyUse(9)], T, { waitUntil: (promise) => void background.push(promise) }).admitted).toBe(true);
    await expect(Promise.all(background)).resolves.toBeDefined();
  });

  it("invalid values in KV are ignored", async () => {
    const { admitAndFlush, kv, lines } = newIsolate();
    const rubbish = [null, undefined, "", 7, [], {}, { count: "9" }, { count: 1e3 }, { count: -5, tokens: 1, at: 1 }];
    const numbers = [
      { count: 1, tokens: Number.NaN, at: 0 },
      { count: 1, tokens: -1e9, at: 1e18 },
      { count: Infinity, tokens: 1, at: 1 },
    ];
    for (const [i, metadata] of [...rubbish, ...numbers].entries()) {
      kv.keys.set(`rl/key/k1/x${i}`, { value: "", metadata, expiresAt: Infinity });
    }
    await admitAndFlush([keyUse(10)], T);
    expect((await admitAndFlush([keyUse(10)], T)).tightest).toMatchObject({ remaining: 40 });
    expect(lines).toEqual([]);
  });
});
