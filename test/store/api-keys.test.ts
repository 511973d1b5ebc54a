import { describe, expect, it } from "vitest";
import { type KeyRecord, newKey } from "../../src/access/keys.ts";
import { findKey, listKeys, putKey, revokeKey } from "../../src/store/api-keys.ts";

const NOW = Date.UTC(2026, 10, 20);

/** A scriptable KV that counts its calls. */
function fakeKV() {
  const stored = new Map<string, string>();
  const puts: { key: string; options: { expiration?: number } }[] = [];
  const kv = {
    reads: 0,
    /** The number of next calls that fail. */
    failing: 0,
    /** An older state that reads return instead of the current one. */
    frozen: undefined as Map<string, string> | undefined,
    stored,
    puts,
    get(key: string | string[]): Promise<unknown> {
      kv.reads++;
      if (kv.failing-- > 0) return Promise.reject(new Error("KV GET failed: 503"));
      const one = (name: string) => JSON.parse((kv.frozen ?? stored).get(name) ?? "null") as unknown;
      return Promise.resolve(typeof key === "string" ? one(key) : new Map(key.map((name) => [name, one(name)])));
    },
    put(key: string, value: string, options: { expiration?: number }): Promise<void> {
      if (kv.failing-- > 0) return Promise.reject(new Error("KV PUT failed: 429"));
      puts.push({ key, options });
      stored.set(key, value);
      return Promise.resolve();
    },
    list({ cursor = "0" }: { cursor?: string }) {
      const names = [...stored.keys()].toSorted();
      const end = Number(cursor) + 1000;
      const keys = names.slice(Number(cursor), end).map((name) => ({ name }));
      return Promise.resolve(
        end < names.length ? { keys, list_complete: false, cursor: String(end) } : { keys, list_complete: true },
      );
    },
  };
  return { kv, binding: kv as unknown as KVNamespace };
}

async function newRecord(terms: Partial<KeyRecord> = {}): Promise<KeyRecord> {
  return { ...(await newKey({ kind: "secret" }, NOW)).record, ...terms };
}

/** Store a key as another isolate would. */
async function putByAnotherIsolate(kv: ReturnType<typeof fakeKV>["kv"]): Promise<KeyRecord> {
  const record = await newRecord();
  kv.stored.set(`keys/${record.id}`, JSON.stringify(record));
  return record;
}

describe("findKey", () => {
  it("a key is read from KV once in 30 s", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    for (const after of [0, 1, 29_999]) expect(await findKey(binding, record.id, NOW + after)).toEqual(record);
    expect(kv.reads).toBe(1);
    await findKey(binding, record.id, NOW + 30_000);
    expect(kv.reads).toBe(2);
  });

  it("a missing key is read once in 5 s, and a flood of others evicts no key", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    await findKey(binding, record.id, NOW);
    for (let i = 0; i < 100; i++) expect(await findKey(binding, "0123456789abcdef", NOW + i)).toBe(null);
    expect(kv.reads).toBe(2);
    await findKey(binding, "0123456789abcdef", NOW + 5_000);
    expect(kv.reads).toBe(3);
    for (let i = 0; i < 5_000; i++) await findKey(binding, i.toString(16).padStart(16, "0"), NOW + 5_000);
    const before = kv.reads;
    await findKey(binding, record.id, NOW + 5_000);
    expect(kv.reads).toBe(before);
  });

  it("a key that was looked up before its creation is found 5 s later, and at once in the isolate that made it", async () => {
    const { binding, kv } = fakeKV();
    const [there, here] = [await newRecord(), await newRecord()];
    for (const { id } of [there, here]) expect(await findKey(binding, id, NOW)).toBe(null);
    kv.stored.set(`keys/${there.id}`, JSON.stringify(there));
    await putKey(binding, here, NOW);
    expect(await findKey(binding, there.id, NOW + 5_000)).toEqual(there);
    expect(await findKey(binding, here.id, NOW + 1)).toEqual(here);
  });

  it("while KV fails, a cached key is used for 10 minutes, and an unknown one gets a retryable error", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    await findKey(binding, record.id, NOW);
    kv.failing = 3;
    expect(await findKey(binding, record.id, NOW + 599_999)).toEqual(record);
    const refused = { code: "internal", retryable: true };
    await expect(findKey(binding, record.id, NOW + 600_000)).rejects.toMatchObject(refused);
    await expect(findKey(binding, (await newRecord()).id, NOW)).rejects.toMatchObject(refused);
  });
});

describe("revokeKey", () => {
  it("a revocation applies at once in this isolate and for good, despite an older copy in KV", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    kv.frozen = new Map(kv.stored);
    expect(await revokeKey(binding, record.id, NOW)).toMatchObject({ revokedAt: "2026-11-20T00:00:00.000Z" });
    for (const after of [0, 30_000, 60_000, 3_600_000])
      expect(await findKey(binding, record.id, NOW + after)).toMatchObject({ revokedAt: "2026-11-20T00:00:00.000Z" });
    // The read of the revocation.
    expect(kv.reads).toBe(1);
    expect(JSON.parse(kv.stored.get(`keys/${record.id}`) ?? "")).toMatchObject({
      revokedAt: "2026-11-20T00:00:00.000Z",
    });
  });

  it("a second revocation changes nothing, and revoking a missing key returns null", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    const first = await revokeKey(binding, record.id, NOW);
    expect(await revokeKey(binding, record.id, NOW + 1_000)).toEqual(first);
    expect(kv.puts.length).toBe(1);
    expect(await revokeKey(binding, (await newRecord()).id, NOW)).toBe(null);
  });

  it("a revocation overrides a read that started before it", async () => {
    const { binding, kv } = fakeKV();
    const record = await putByAnotherIsolate(kv);
    const { get } = kv;
    const before = kv.get(`keys/${record.id}`);
    const late = Promise.withResolvers<void>();
    kv.get = () => late.promise.then(() => before);
    const reading = findKey(binding, record.id, NOW);
    kv.get = get;
    const revoked = await revokeKey(binding, record.id, NOW);
    late.resolve();
    expect(await reading).toEqual(revoked);
    expect(await findKey(binding, record.id, NOW)).toEqual(revoked);
  });

  it("a revocation right after creation is not lost to KV's limit of one write a second", async () => {
    const { binding, kv } = fakeKV();
    const record = await newRecord();
    await putKey(binding, record, NOW);
    // KV answers as if it did not know the key yet, and refuses a second write within a second.
    kv.frozen = new Map();
    const put = kv.put;
    let refusals = 1;
    kv.put = (...args) => (refusals-- > 0 ? Promise.reject(new Error("KV PUT failed: 429")) : put(...args));
    expect(await revokeKey(binding, record.id, NOW)).toMatchObject({ revokedAt: expect.any(String) as string });
    expect(kv.puts.length).toBe(2);
  });
});

it("a key's record expires 30 days after the key became invalid", async () => {
  const { binding, kv } = fakeKV();
  const seconds = NOW / 1000;
  await putKey(binding, await newRecord(), NOW);
  await putKey(binding, await newRecord({ expiresAt: new Date(NOW + 10_000).toISOString() }), NOW);
  await putKey(
    binding,
    await newRecord({ expiresAt: "2030-01-01T00:00:00Z", revokedAt: new Date(NOW).toISOString() }),
    NOW,
  );
  const days = 30 * 86_400;
  expect(kv.puts.map(({ options }) => options.expiration)).toEqual([undefined, seconds + 10 + days, seconds + days]);
});

it("listKeys returns every key, however many there are", async () => {
  const { binding, kv } = fakeKV();
  const record = await newRecord();
  for (let i = 0; i < 1_234; i++) {
    const id = i.toString(16).padStart(16, "0");
    kv.stored.set(`keys/${id}`, JSON.stringify({ ...record, id }));
  }
  const ids = (await listKeys(binding)).map(({ id }) => id);
  expect(new Set(ids).size).toBe(1_234);
  expect(ids.length).toBe(1_234);
});
