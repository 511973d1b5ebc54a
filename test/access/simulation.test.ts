import { describe, expect, inject, it } from "vitest";
import { createRateLimiter } from "../../src/access/rate-limiter.ts";
import { newBucket, take } from "../../src/access/token-bucket.ts";
import type { BucketState, Policy } from "../../src/access/token-bucket.ts";
import type { CountStore } from "../../src/access/shared-counts.ts";
import { prng } from "./prng.ts";

interface Version {
  at: number;
  location: string;
  value: string;
  metadata: unknown;
  expiresAt: number;
}

interface Faults {
  /** The delay until another location may see a write. The writer's own location sees it at once. */
  staleMs?: number;
  /**
   * `late`: always the full delay, the worst case. `cached`: each location renews its copy every `staleMs`, as KV's
   * caches do.
   */
  staleness?: "late" | "cached";
  /** The writer's own location is as stale as the others: KV does not guarantee otherwise. */
  staleAtHome?: boolean;
  /** Probability that a put reports success and stores nothing. */
  lostWrites?: number;
  /** Probability that a put is refused with 429, in addition to the limit of one write a second per key. */
  rejectedPuts?: number;
  /** Probability that list and get throw. */
  failedReads?: number;
  /** Probability that metadata is returned as garbage. */
  garbage?: number;
}

const GARBAGE = [
  null,
  undefined,
  "",
  7,
  {},
  { count: "9" },
  { count: -5, tokens: 1, at: 1 },
  { count: 1, tokens: NaN, at: 0 },
];

/** A KV namespace with the weaknesses of the real one: stale, one write a second per key, and faults on request. */
class FakeKv {
  now = 0;
  readonly calls = { list: 0, put: 0, get: 0, rejected: 0 };
  readonly keys = new Map<string, Version[]>();
  readonly faults: Faults;
  readonly random: () => number;

  constructor(faults: Faults = {}, seed = 1) {
    this.faults = faults;
    this.random = prng(seed);
  }

  /** The namespace as seen from one location. */
  at(location: string): CountStore & { get(key: string): Promise<string | null> } {
    return {
      list: async ({ prefix }) => {
        this.calls.list++;
        this.#mayFail(this.faults.failedReads, "KV list failed: 500 Internal Server Error");
        const keys: { name: string; metadata?: unknown }[] = [];
        for (const name of this.keys.keys()) {
          const version = name.startsWith(prefix) ? this.#visible(name, location) : undefined;
          if (version !== undefined) keys.push({ name, metadata: this.#spoiled(version.metadata) });
        }
        return { keys, list_complete: true };
      },
      put: async (key, value, { expirationTtl, metadata }) => {
        this.calls.put++;
        if (expirationTtl < 60) throw new Error("KV PUT failed: 400 Invalid expiration_ttl");
        const versions = this.keys.get(key) ?? [];
        if (this.now - (versions.at(-1)?.at ?? -Infinity) < 1_000) {
          this.calls.rejected++;
          throw new Error("KV PUT failed: 429 Too Many Requests");
        }
        this.#mayFail(this.faults.rejectedPuts, "KV PUT failed: 429 Too Many Requests");
        if (this.random() < (this.faults.lostWrites ?? 0)) return;
        const expiresAt = this.now + expirationTtl * 1000;
        versions.push({ at: this.now, location, value, metadata: structuredClone(metadata), expiresAt });
        const kept = versions.findLastIndex((version) => version.at < this.now - 2 * (this.faults.staleMs ?? 0));
        this.keys.set(key, versions.slice(Math.max(0, kept)));
      },
      get: async (key) => {
        this.calls.get++;
        this.#mayFail(this.faults.failedReads, "KV GET failed: 500 Internal Server Error");
        return this.#visible(key, location)?.value ?? null;
      },
    };
  }

  #visible(key: string, location: string): Version | undefined {
    const { staleMs = 0, staleness = "late", staleAtHome = false } = this.faults;
    const late = staleness === "late" || staleMs === 0 ? staleMs : (this.now + phase(location)) % staleMs;
    const version = this.keys
      .get(key)
      ?.findLast(({ at, location: home }) => at <= this.now - (home === location && !staleAtHome ? 0 : late));
    return version !== undefined && version.expiresAt > this.now ? version : undefined;
  }

  #mayFail(chance: number | undefined, message: string): void {
    if (this.random() < (chance ?? 0)) throw new Error(message);
  }

  #spoiled(metadata: unknown): unknown {
    if (this.random() >= (this.faults.garbage ?? 0)) return metadata;
    return GARBAGE[Math.floor(this.random() * GARBAGE.length)];
  }
}

/** Locations renew their copies at different times. */
function phase(location: string): number {
  return Number(location.replace(/\D/g, "")) * 7_919;
}

interface Fleet {
  locations: number;
  isolates: number;
  /** Offered load, in multiples of the rate. */
  load: number;
}

interface Outcome {
  offered: number;
  admitted: number;
  /** Admitted ÷ (capacity + rate × time). */
  ratio: number;
  /** The times of the admitted requests, in order. */
  times: number[];
  kv: FakeKv;
}

const POLICY: Policy = { capacity: 60, perMinute: 60 };
const MINUTES = 10;
const START = 1_800_000_000_000;

/** Send one request to isolate `i`, in its location; returns whether it is admitted. */
type Scheme = (kv: FakeKv, fleet: Fleet) => (isolate: number, now: number) => boolean | Promise<boolean>;

/** Poisson arrivals, spread evenly over all isolates, at a scheme, against a KV with faults. */
async function simulate(scheme: Scheme, fleet: Fleet, faults: Faults, seed = 7): Promise<Outcome> {
  const kv = new FakeKv(faults, seed);
  const admits = scheme(kv, fleet);
  const random = prng(seed + 1);
  const all = fleet.locations * fleet.isolates;
  const perMs = (fleet.load * POLICY.perMinute) / 60_000;
  const times: number[] = [];
  let offered = 0;
  for (let now = START; ;) {
    now += -Math.log(1 - random()) / perMs;
    if (now > START + MINUTES * 60_000) break;
    kv.now = now;
    offered++;
    const answer = admits(Math.floor(random() * all), now);
    if (answer === true || (answer !== false && (await answer))) times.push(now);
  }
  return { offered, admitted: times.length, ratio: times.length / allowed(), times, kv };
}

/** Return the largest number of admissions in any window of `ms`. */
function worstWindow(times: readonly number[], ms: number): number {
  let worst = 0;
  for (let first = 0, next = 0; next < times.length; next++) {
    while (times[next]! - times[first]! > ms) first++;
    worst = Math.max(worst, next - first + 1);
  }
  return worst;
}

function allowed(): number {
  return POLICY.capacity + POLICY.perMinute * MINUTES;
}

/** The code under test. */
const easelScheme =
  (config: { flushShare?: number; flushMs?: number } = {}): Scheme =>
  (kv, fleet) => {
    const isolates = Array.from({ length: fleet.locations * fleet.isolates }, (_, i) =>
      createRateLimiter({ kv: kv.at(`L${i % fleet.locations}`), log: () => undefined, ...config }),
    );
    return (i, now) => {
      let background: Promise<unknown> | undefined;
      const ctx = { waitUntil: (promise: Promise<unknown>) => void (background = promise) };
      const { admitted } = isolates[i]!.admit([{ name: "key", id: "k1", policy: POLICY, cost: 1 }], now, ctx);
      return background === undefined ? admitted : background.then(() => admitted);
    };
  };

/** The scheme to compare with: the bucket is read from KV and written back at every request. */
const readModifyWrite: Scheme = (kv, fleet) => {
  const views = Array.from({ length: fleet.locations }, (_, i) => kv.at(`L${i}`));
  return async (i, now) => {
    const view = views[i % fleet.locations]!;
    const stored = await view.get("naive");
    const state =
      stored === null ? newBucket(POLICY, now) : { ...(JSON.parse(stored) as BucketState), peers: undefined };
    const { admitted } = take(state, POLICY, 1, now);
    if (admitted)
      await view.put("naive", JSON.stringify(state), { expirationTtl: 600, metadata: null }).catch(() => undefined);
    return admitted;
  };
};

const STALE_MS = 30_000;
const SEEDS = inject("all") ? [7, 70] : [7];
const FLEETS = [
  { locations: 1, isolates: 4, load: 3 },
  { locations: 3, isolates: 2, load: 3 },
  { locations: 5, isolates: 4, load: 10 },
  { locations: 20, isolates: 5, load: 10 },
  { locations: 20, isolates: 5, load: 50 },
];
/** Published in docs/rate-limits.md. `cached`: copies renewed every 30 s; `late`: everything always 30 s late. */
const BOUNDS = {
  cached: [1.05, 1.1, 1.18, 1.46, 3.05],
  late: [1.05, 1.1, 1.25, 1.75, 4.25],
  broken: [1.1, 1.15, 1.4, 2.5, 5.5],
};

async function simulateRow(name: string, scheme: Parameters<typeof simulate>[0], faults: Faults): Promise<number[]> {
  const ratios: number[] = [];
  for (const fleet of FLEETS) {
    let sum = 0;
    for (const seed of SEEDS) sum += (await simulate(scheme, fleet, faults, seed)).ratio;
    ratios.push(sum / SEEDS.length);
  }
  const cells = ratios.map((ratio) => ratio.toFixed(2).padStart(9)).join(" |");
  console.log(`| ${name.padEnd(44)} |${cells} |`);
  return ratios;
}

function expectBelow(ratios: readonly number[], bounds: readonly number[]): void {
  for (const [i, ratio] of ratios.entries()) expect(ratio).toBeLessThanOrEqual(bounds[i] ?? 0);
}

describe(`admitted ÷ allowed, ${POLICY.perMinute}/min, burst ${POLICY.capacity}, ${MINUTES} min, 30 s stale`, () => {
  it("the ratio stays within the published table, where read-modify-write does not", async () => {
    const head = FLEETS.map(({ locations, isolates, load }) => `${locations}×${isolates} ${load}×`.padStart(9));
    console.log(`| ${"scheme".padEnd(44)} |${head.join(" |")} |`);
    const naive = await simulateRow("read-modify-write per request", readModifyWrite, {
      staleMs: STALE_MS,
      staleness: "cached",
    });
    const cached = await simulateRow("easel, copies renewed every 30 s", easelScheme(), {
      staleMs: STALE_MS,
      staleness: "cached",
    });
    const late = await simulateRow("easel, always 30 s late", easelScheme(), { staleMs: STALE_MS });
    const faults = { lostWrites: 0.2, rejectedPuts: 0.2, failedReads: 0.1, garbage: 0.1 };
    const broken = await simulateRow("easel, the same with KV failing", easelScheme(), {
      staleMs: STALE_MS,
      ...faults,
    });
    expectBelow(cached, BOUNDS.cached);
    expectBelow(late, BOUNDS.late);
    expectBelow(broken, BOUNDS.broken);
    for (const [i, ratio] of naive.entries()) expect(ratio).toBeGreaterThan(2 * (late[i] ?? Infinity));
    // Paying back debt must not refuse allowed traffic.
    for (const ratio of [...cached, ...late]) expect(ratio).toBeGreaterThan(0.95);
  });

  it("a flood is bounded by isolates × burst at once, then locations × (burst + rate × blindness)", async () => {
    const fleet = { locations: 5, isolates: 4, load: 200 };
    const { times } = await simulate(easelScheme(), fleet, { staleMs: STALE_MS });
    const isolates = fleet.locations * fleet.isolates;
    const blindMs = STALE_MS + 5_000;
    const perLocation = POLICY.capacity + (POLICY.perMinute * blindMs) / 60_000;
    const atOnce = worstWindow(times, blindMs);
    const later = worstWindow(
      times.filter((time) => time > START + blindMs),
      blindMs,
    );
    console.log(`flood of 12,000/min at 5×4: ${atOnce} in the first ${blindMs / 1000} s, ${later} in the worst later`);
    expect(atOnce).toBeLessThanOrEqual(
      isolates * POLICY.capacity + (fleet.locations * POLICY.perMinute * blindMs) / 60_000,
    );
    expect(later).toBeLessThanOrEqual(fleet.locations * perLocation);
  });

  it("traffic below the rate is never refused, at any location", async () => {
    for (const fleet of FLEETS) {
      for (const load of [0.2, 0.5, 0.8]) {
        for (const staleness of ["late", "cached"] as const) {
          const { offered, admitted } = await simulate(
            easelScheme(),
            { ...fleet, load },
            { staleMs: STALE_MS, staleness },
          );
          expect({ fleet, load, refused: offered - admitted }).toEqual({ fleet, load, refused: 0 });
        }
      }
    }
  });

  it("writes stay below one a second per key, and quiet traffic rarely calls KV", async () => {
    const busy = await simulate(easelScheme(), FLEETS[4]!, { staleMs: STALE_MS });
    expect(busy.kv.calls.rejected).toBe(0);
    const quiet = await simulate(easelScheme(), { locations: 3, isolates: 2, load: 0.1 }, { staleMs: STALE_MS });
    expect(quiet.kv.calls.put + quiet.kv.calls.list).toBeLessThan(quiet.offered);
  });
});
