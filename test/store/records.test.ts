import { afterEach, describe, expect, it, vi } from "vitest";
import { turnClock } from "../harness/clock.ts";
import { isId, newId } from "../../src/store/ids.ts";
import {
  deleteStart,
  awaitRecord,
  lifecycleOf,
  putEnd,
  putFailedIfUnfinished,
  putQueued,
  putStart,
  type StoredRecord,
  heartbeat,
  expireStale,
  waitForEnd,
} from "../../src/store/records.ts";
import { removeFromOwnerIndex, listRecords, addToOwnerIndex } from "../../src/store/owner-index.ts";
import { failureOf } from "../stream/streams.ts";
import { BUCKET, watchBucket } from "./bucket.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");

function newRecord(id: string, change: Partial<StoredRecord> = {}): StoredRecord {
  const createdAt = new Date(NOW).toISOString();
  const rest = {
    dialect: "easel",
    principal: "p",
    vendor: "sandbox",
    model: "m",
    images: [],
    warnings: [],
    attempts: [],
  };
  return { id, status: "running", createdAt, ...rest, ...change };
}

const allKeys = async () => (await BUCKET.list()).objects.map(({ key }) => key);

afterEach(async () => {
  vi.restoreAllMocks();
  const keys = await allKeys();
  if (keys.length > 0) await BUCKET.delete(keys);
});

describe("newId", () => {
  it("newId sorts newest first in the byte order of R2", () => {
    const times = [0, 1, 999, NOW - 1, NOW, NOW + 1, NOW + 86_400_000, Date.parse("2100-01-01"), 2 ** 48 - 1];
    const ids = times.map((time) => newId(time));
    expect(ids.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ids.toReversed());
    expect(ids.every(isId)).toBe(true);
  });

  it("newId has 120 random bits after the time", () => {
    const rests = Array.from({ length: 2_000 }, () => newId(NOW).slice(10));
    expect(new Set(rests).size).toBe(rests.length);
    for (let at = 0; at < 30; at++) expect(new Set(rests.map((rest) => rest[at])).size).toBe(16);
  });
});

describe("isId", () => {
  it.each([
    "",
    "x",
    "../x",
    `${newId(NOW)}/`,
    ` ${newId(NOW)}`,
    newId(NOW).toUpperCase(),
    newId(NOW).slice(1),
    `${newId(NOW)}\n`,
  ])("isId refuses %j", (text) => expect(isId(text)).toBe(false));
});

describe("a record", () => {
  it("a record is its start, then its end, in two keys", async () => {
    const id = newId(NOW);
    expect(await awaitRecord(BUCKET, id)).toBeNull();
    await putStart(BUCKET, newRecord(id));
    expect(await awaitRecord(BUCKET, id)).toEqual(newRecord(id));
    const images = [{ key: "pictures/x/0", type: "image/png", width: 1, height: 2, bytes: 3 }];
    const ended = newRecord(id, { status: "succeeded", images, text: "é 🐈" });
    await putEnd(BUCKET, ended);
    expect(await awaitRecord(BUCKET, id)).toEqual(ended);
    expect(await allKeys()).toEqual([`generations/${id}/end.json`, `generations/${id}/start.json`]);
  });

  it("a record keeps its end if the start is written later", async () => {
    const id = newId(NOW);
    await putEnd(BUCKET, newRecord(id, { status: "succeeded" }));
    await putStart(BUCKET, newRecord(id));
    expect(await awaitRecord(BUCKET, id)).toMatchObject({ status: "succeeded" });
  });

  it("awaitRecord waits for a record that may not be written yet, and no longer", async () => {
    const clock = turnClock();
    const young = newId(Date.now());
    clock.after(250, () => putStart(BUCKET, newRecord(young)));
    expect(await awaitRecord(BUCKET, young)).toMatchObject({ status: "running" });
    const from = Date.now();
    expect(await awaitRecord(BUCKET, newId(from - 2_500))).toBeNull();
    expect(Date.now() - from).toBeGreaterThan(400);
    expect(await awaitRecord(BUCKET, newId(from + 3_600_000))).toBeNull();
    expect(Date.now() - from).toBeLessThan(2_000);
  });

  it("awaitRecord does not read R2 for an invalid id", async () => {
    await BUCKET.put("generations/../end.json", "{}");
    expect(await awaitRecord(BUCKET, "..")).toBeNull();
  });
});

describe("a queued record", () => {
  const queued = (id: string) => newRecord(id, { status: "queued" });

  it("the record is queued, then its start, then its end", async () => {
    const id = newId(NOW);
    await putQueued(BUCKET, queued(id));
    expect(await awaitRecord(BUCKET, id)).toEqual(queued(id));
    await putStart(BUCKET, newRecord(id));
    expect(await awaitRecord(BUCKET, id)).toMatchObject({ status: "running" });
    await deleteStart(BUCKET, id);
    expect(await awaitRecord(BUCKET, id)).toMatchObject({ status: "queued" });
    await putEnd(BUCKET, newRecord(id, { status: "succeeded" }));
    expect(await awaitRecord(BUCKET, id)).toMatchObject({ status: "succeeded" });
  });

  it("only one of several concurrent starts succeeds", async () => {
    const id = newId(NOW);
    const begun = await Promise.all(Array.from({ length: 8 }, () => putStart(BUCKET, newRecord(id))));
    expect(begun.filter(Boolean)).toHaveLength(1);
    await deleteStart(BUCKET, id);
    expect([await putStart(BUCKET, newRecord(id)), await putStart(BUCKET, newRecord(id))]).toEqual([true, false]);
  });

  it("lifecycleOf returns the state of the record", async () => {
    const id = newId(NOW);
    const LEASE_MS = 600_000;
    const at = async (later = 0) => (await lifecycleOf(BUCKET, id, Date.now() + later, LEASE_MS)).state;
    expect(await at()).toBe("none");
    await putQueued(BUCKET, queued(id));
    expect(await at(86_400_000)).toBe("queued");
    await putStart(BUCKET, newRecord(id));
    expect([await at(), await at(LEASE_MS)]).toEqual(["running", "lost"]);
    await scheduler.wait(200);
    await heartbeat(BUCKET, id);
    const { objects } = await BUCKET.list({ prefix: `generations/${id}/` });
    const [alive = 0] = objects.filter(({ key }) => key.endsWith("/alive")).map(({ uploaded }) => uploaded.getTime());
    // By then the lease of its start has ended.
    expect(await at(alive - Date.now() + LEASE_MS - 100)).toBe("running");
    await putEnd(BUCKET, newRecord(id));
    expect(await at(86_400_000)).toBe("ended");
  });

  it("deleteStart succeeds although R2 refuses a second write within the second", async () => {
    const id = newId(NOW);
    await putStart(BUCKET, newRecord(id));
    let refused = 0;
    const { bucket } = watchBucket(BUCKET, {
      before: (step) => {
        if (step === "delete" && refused++ === 0) throw new Error("Reduce your rate of concurrent requests (10058)");
      },
    });
    await deleteStart(bucket, id);
    expect([refused, await putStart(BUCKET, newRecord(id))]).toEqual([2, true]);
  });

  it("putFailedIfUnfinished fails an unfinished record only, and creates none", async () => {
    const error = { code: "internal", message: "lost" };
    const [id, ended, none] = [newId(NOW), newId(NOW), newId(NOW)];
    await putQueued(BUCKET, queued(id));
    await putEnd(BUCKET, newRecord(ended, { status: "succeeded" }));
    for (const recordId of [id, ended, none]) await putFailedIfUnfinished(BUCKET, recordId, error, { uncharged: true });
    expect(await awaitRecord(BUCKET, id)).toMatchObject({
      status: "failed",
      error,
      failure: { uncharged: true },
      finishedAt: expect.any(String) as string,
    });
    expect(await awaitRecord(BUCKET, ended)).toEqual(newRecord(ended, { status: "succeeded" }));
    expect(await awaitRecord(BUCKET, none)).toBeNull();
  });
});

describe("waitForEnd", () => {
  it("waitForEnd resolves at the end of the generation, or after its time limit", async () => {
    const clock = turnClock();
    const id = newId(NOW);
    const waitedMs = async (ms: number) => {
      const from = Date.now();
      await waitForEnd(BUCKET, id, ms);
      return Date.now() - from;
    };
    await putStart(BUCKET, newRecord(id));
    expect(await waitedMs(0)).toBeLessThan(100);
    const late = await waitedMs(400);
    expect(late).toBeGreaterThanOrEqual(390);
    expect(late).toBeLessThan(900);
    clock.after(300, () => putEnd(BUCKET, newRecord(id, { status: "succeeded" })));
    expect(await waitedMs(9_000)).toBeLessThan(1_500);
  });
});

describe("listRecords", () => {
  /** Records of a principal, newest first. */
  const createRecords = async (count: number, principal = "admin") => {
    const ids = Array.from({ length: count }, (_, n) => newId(NOW + n * 1_000)).toReversed();
    for (const id of ids) {
      await putStart(BUCKET, newRecord(id, { principal }));
      await addToOwnerIndex(BUCKET, { id, principal });
    }
    return ids;
  };

  it("listRecords returns every record of a principal once, newest first, page by page, and no other's", async () => {
    const ids = await createRecords(7);
    const others = await createRecords(9, "other");
    for (const limit of [1, 2, 3, 7, 10]) {
      const seen: string[] = [];
      let pages = 0;
      let cursor: string | undefined;
      do {
        const page = await listRecords(BUCKET, "admin", limit, cursor);
        expect(page.records.length).toBeLessThanOrEqual(limit);
        seen.push(...page.records.map(({ id }) => id));
        cursor = page.cursor;
        expect(others).not.toContain(cursor);
        pages++;
      } while (cursor !== undefined && pages < 20);
      expect(seen).toEqual(ids);
      expect(pages).toBeLessThanOrEqual(Math.ceil(7 / limit) + 1);
    }
  });

  it("the next page continues at the cursor although new records came before it", async () => {
    const ids = await createRecords(4);
    const first = await listRecords(BUCKET, "admin", 2);
    const id = newId(NOW + 60_000);
    await putStart(BUCKET, newRecord(id));
    await addToOwnerIndex(BUCKET, { id, principal: "admin" });
    const second = await listRecords(BUCKET, "admin", 2, first.cursor);
    expect([...first.records, ...second.records].map((each) => each.id)).toEqual(ids);
  });

  it("deleted records are skipped", async () => {
    const [gone = "", ...left] = await createRecords(3);
    await BUCKET.delete(`generations/${gone}/start.json`);
    expect((await listRecords(BUCKET, "admin", 5)).records.map(({ id }) => id)).toEqual(left);
    await removeFromOwnerIndex(BUCKET, { id: gone, principal: "admin" });
    expect((await BUCKET.list({ prefix: "owned/" })).objects).toHaveLength(2);
  });

  it("an empty list has no cursor, and an invalid cursor is refused", async () => {
    expect(await listRecords(BUCKET, "admin", 5)).toEqual({ records: [], cursor: undefined });
    for (const cursor of ["", "x", "../../pictures/", "%00"]) {
      expect(await failureOf(listRecords(BUCKET, "admin", 5, cursor))).toMatchObject({
        code: "invalid_request",
        field: "cursor",
      });
    }
  });
});

describe("expireStale", () => {
  it("the time counts from when the generation left the queue", () => {
    const startedAt = new Date(NOW + 3_600_000).toISOString();
    const running = newRecord(newId(NOW), { startedAt });
    expect(expireStale(running, NOW + 3_659_999, 60_000)).toBe(running);
    expect(expireStale(running, NOW + 3_660_000, 60_000)).toMatchObject({ status: "failed" });
  });

  it("a generation that waits in the queue for a day has failed", () => {
    const queued = newRecord(newId(NOW), { status: "queued" });
    expect(expireStale(queued, NOW + 86_399_999, 60_000)).toBe(queued);
    const expired = expireStale(queued, NOW + 86_400_000, 60_000);
    expect(expired).toMatchObject({ status: "failed", error: { code: "internal" } });
    expect(expired.error?.message).toContain("nothing was drawn");
  });

  it("a generation without an end has failed after its time limit, and no other", () => {
    const running = newRecord(newId(NOW));
    expect(expireStale(running, NOW + 59_999, 60_000)).toBe(running);
    expect(expireStale(running, NOW + 60_000, 60_000)).toMatchObject({
      id: running.id,
      status: "failed",
      error: { code: "internal" },
    });
    const ended = newRecord(newId(NOW), { status: "succeeded" });
    expect(expireStale(ended, NOW + 1e9, 60_000)).toBe(ended);
    expect(running.status).toBe("running");
  });
});
