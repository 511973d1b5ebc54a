import { afterEach, describe, expect, it, vi } from "vitest";
import { acquireClaim } from "../../src/store/claims.ts";
import { newId } from "../../src/store/ids.ts";
import { getSchedule, type Schedule, type StoredSchedule, updateSchedule } from "../../src/store/schedules.ts";
import { BUCKET } from "./bucket.ts";

const NAME = "daily";

afterEach(async () => {
  vi.restoreAllMocks();
  await BUCKET.delete([`schedules/${NAME}.json`, "claims/x"]);
});

/** A change as the route makes it: a new schedule each time it is called, and `If-None-Match: *` where there is one. */
const create = vi.fn<(found: StoredSchedule | null) => Promise<Schedule>>(async (found) => {
  if (found !== null) throw new Error("412");
  const terms = { cron: "0 8 * * *", timezone: "UTC", enabled: true, request: { prompt: "a cat" } };
  const times = { since: 1, createdAt: "2026-01-01T00:00:00Z", updatedAt: "2026-01-01T00:00:00Z" };
  return { ...terms, ...times, name: NAME, id: newId(Date.now()), principal: "admin", origin: "https://easel.example" };
});

/** The bucket, whose first put is stored and then fails. */
function bucketWithAmbiguousPut(): R2Bucket {
  let failures = 1;
  const put: R2Bucket["put"] = async (...values: Parameters<R2Bucket["put"]>) => {
    const stored = await BUCKET.put(...values);
    if (failures-- > 0) throw new Error("10001: an internal error");
    return stored;
  };
  return { get: (key: string) => BUCKET.get(key), put } as unknown as R2Bucket;
}

describe("updateSchedule", () => {
  it("a schedule that R2 has stored despite its error is new, and no conflict with itself", async () => {
    vi.spyOn(scheduler, "wait").mockResolvedValue();
    create.mockClear();
    const made = await updateSchedule(bucketWithAmbiguousPut(), NAME, create);
    expect(made.isNew).toBe(true);
    expect(create).toHaveBeenCalledTimes(1);
    const { schedule, etag } = made;
    expect(await getSchedule(BUCKET, NAME)).toEqual({ schedule, etag });
  });

  it("a schedule that another client has stored is a conflict", async () => {
    await updateSchedule(BUCKET, NAME, create);
    await expect(updateSchedule(BUCKET, NAME, create)).rejects.toThrow("412");
  });
});

it("a schedule has the content type of JSON and a claim has none, as in the first release", async () => {
  await updateSchedule(BUCKET, NAME, create);
  await acquireClaim(BUCKET, "claims/x", { generation: newId(0), fingerprint: "f", at: 0 });
  const [schedule, claim] = await Promise.all([BUCKET.head(`schedules/${NAME}.json`), BUCKET.head("claims/x")]);
  expect(schedule?.httpMetadata).toEqual({ contentType: "application/json" });
  expect(claim?.httpMetadata ?? {}).toEqual({});
});
