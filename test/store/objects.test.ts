import { afterEach, describe, expect, it, vi } from "vitest";
import { ConflictError, updateObject, type Version } from "../../src/store/objects.ts";
import { failureOf } from "../stream/streams.ts";
import { BUCKET } from "./bucket.ts";

const KEY = "counter.json";

afterEach(async () => {
  vi.restoreAllMocks();
  await BUCKET.delete(KEY);
});

async function read(): Promise<Version<number>> {
  const object = await BUCKET.get(KEY);
  return { value: object === null ? 0 : (await object.json<{ n: number }>()).n, etag: object?.etag };
}

/** Add one to the counter and return it. */
function increment(bucket: R2Bucket, options: { seen?: Version<number>; maxConflicts?: number } = {}): Promise<number> {
  return updateObject<number, number>(bucket, KEY, { read, ...options }, ({ value }) => ({
    write: { n: value + 1 },
    result: () => value + 1,
  }));
}

/** The bucket with another `put`. */
const bucketWithPut = (put: (...values: Parameters<R2Bucket["put"]>) => Promise<unknown>) =>
  new Proxy(BUCKET, { get: (target, name) => (name === "put" ? put : Reflect.get(target, name)) });

describe("updateObject", () => {
  it("writers at the same time each see the value of the one before", async () => {
    const counts = await Promise.all(Array.from({ length: 8 }, () => increment(BUCKET)));
    expect(counts.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await read()).value).toBe(8);
  });

  it("a version that the caller has read is not trusted once another writer has changed it", async () => {
    const seen = await read();
    await increment(BUCKET);
    expect(await increment(BUCKET, { seen })).toBe(2);
  });

  it("`keep` writes nothing and returns its result", async () => {
    await increment(BUCKET);
    const before = await read();
    const kept = await updateObject<number, string>(BUCKET, KEY, { read }, ({ value }) => ({ keep: `has ${value}` }));
    expect([kept, await read()]).toEqual(["has 1", before]);
  });

  it("a write that fails is repeated, and `change` hears that R2 may have stored it anyway", async () => {
    vi.spyOn(scheduler, "wait").mockResolvedValue();
    let failures = 1;
    const bucket = bucketWithPut(async (...values) => {
      const stored = await BUCKET.put(...values);
      if (failures-- > 0) throw new Error("10001: an internal error");
      return stored;
    });
    const heard: boolean[] = [];
    const result = await updateObject<number, string>(bucket, KEY, { read }, ({ value }, mayBeStored) => {
      heard.push(mayBeStored);
      return mayBeStored && value === 7 ? { keep: "stored" } : { write: { n: 7 }, result: () => "written" };
    });
    expect([result, heard]).toEqual(["stored", [false, true]]);
  });

  it("R2's own error is thrown after three failed writes", async () => {
    vi.spyOn(scheduler, "wait").mockResolvedValue();
    const put = vi.fn<() => Promise<never>>().mockRejectedValue(new Error("10001: an internal error"));
    expect(await failureOf(increment(bucketWithPut(put)))).toMatchObject({ message: "10001: an internal error" });
    expect(put).toHaveBeenCalledTimes(3);
  });

  it("ConflictError is thrown when other writers are faster each time", async () => {
    const put = vi.fn<() => Promise<null>>().mockResolvedValue(null);
    expect(await failureOf(increment(bucketWithPut(put), { maxConflicts: 4 }))).toBeInstanceOf(ConflictError);
    expect(put).toHaveBeenCalledTimes(4);
  });
});
