import { describe, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import { startStage } from "./stage.ts";
import {
  useScheduleStage,
  drawn,
  event,
  freshHour,
  getHistory,
  HOUR,
  waitUntilIdle,
  MINUTE,
  receivedPrompts,
  put,
  remove,
  tickOf,
} from "./ticking.ts";

const stage = useScheduleStage({ vendors: ["listenhub"], faulty: true, limits: { ticksPerEvent: 5 } });

const numberedRequest = { prompt: "{{item}} {{counter}}" };

const revoke = (id: string) => stage.call("DELETE", `/v1/keys/${id}`);

describe("a tick that waits for a retry", () => {
  const name = "waiting";
  const changes: [
    event: string,
    change: (id: string, headers: Record<string, string>) => Promise<unknown>,
    isGenerated: boolean,
  ][] = [
    ["its key is revoked", (id) => revoke(id), false],
    ["its schedule is deleted", (_, headers) => remove(stage, name, headers), false],
    ["its schedule is disabled", (_, headers) => put(stage, name, { enabled: false }, headers), false],
    ["its request is changed", (_, headers) => put(stage, name, { request: { prompt: "a dog" } }, headers), true],
  ];
  it.each(changes)("a waiting tick is cancelled or continues when %s", async (_, change, isGenerated) => {
    const { id, headers } = await stage.newKey();
    await put(stage, name, {}, headers);
    stage.listenhub.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
    await event(stage, freshHour());
    await until(() => stage.listenhub.seen.length === 1);
    const [generation = ""] = (await stage.keys("jobs/")).map((key) => key.slice("jobs/".length, -".json".length));
    await change(id, headers);
    await waitUntilIdle(stage);
    expect(stage.listenhub.seen).toHaveLength(isGenerated ? 2 : 1);
    const end = await stage.easel.bucket.get(`generations/${generation}/end.json`);
    expect(await end?.json()).toMatchObject(
      isGenerated
        ? { status: "succeeded" }
        : {
            status: "failed",
            error: { code: "forbidden", message: expect.stringContaining("nothing was drawn") as string },
          },
    );
  });

  it("a waiting job of a revoked key is cancelled and its record has the error forbidden", async () => {
    const { id, headers } = await stage.newKey();
    stage.listenhub.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
    const response = await stage.post("/v1/generations", { prompt: "a cat" }, { ...headers, prefer: "respond-async" });
    await until(() => stage.listenhub.seen.length === 1);
    await revoke(id);
    await waitUntilIdle(stage);
    expect(stage.listenhub.seen).toHaveLength(1);
    const end = await stage.easel.bucket.get(`generations/${response.headers.get("easel-generation")}/end.json`);
    expect(await end?.json()).toMatchObject({
      status: "failed",
      error: { code: "forbidden" },
      failure: { uncharged: true },
    });
  });
});

describe("more ticks than one event starts", () => {
  it("due ticks beyond the limit of one event are started by the next events in turn", async () => {
    const at = freshHour();
    const names = Array.from({ length: 12 }, (_, n) => `many-${String(n).padStart(2, "0")}`);
    await event(stage, at - MINUTE);
    for (const name of names) await put(stage, name, {});
    const succeededCount = async () => {
      await waitUntilIdle(stage);
      const ticksByName = await Promise.all(names.map((name) => drawn(stage, name)));
      return ticksByName.filter((ticks) => ticks.length > 0).length;
    };
    await event(stage, at);
    expect(await succeededCount()).toBe(5);
    // A schedule that repeatedly fails uses its own turn only.
    await stage.easel.fault("BUCKET.get", { times: 1e9, prefix: "schedules/many-05" });
    await event(stage, at + MINUTE);
    expect(await succeededCount()).toBe(9);
    await event(stage, at + 2 * MINUTE);
    expect(await succeededCount()).toBe(11);
    await stage.easel.fault("BUCKET.get", { times: 0 });
    await event(stage, at + 3 * MINUTE);
    expect(await succeededCount()).toBe(12);
    expect(stage.listenhub.seen).toHaveLength(12);
  });
});

describe("a tick that could not be started", () => {
  it("ticks that failed to start do not block ticks that were not tried yet", async () => {
    const at = freshHour();
    const broken = Array.from({ length: 5 }, (_, n) => `a-broken-${n}`);
    for (const name of broken) await put(stage, name, {});
    await put(stage, "b-fine", { cron: "* * * * *" });
    await stage.easel.fault("BUCKET.get", { times: 1e9, prefix: "schedules/a-broken" });
    for (let minute = 0; minute < 4; minute++) await event(stage, at + minute * MINUTE);
    await waitUntilIdle(stage);
    expect((await drawn(stage, "b-fine")).slice(-3)).toEqual([1, 2, 3].map((minute) => tickOf(at + minute * MINUTE)));
    await stage.easel.fault("BUCKET.get", { times: 0 });
    await event(stage, at + 4 * MINUTE);
    await event(stage, at + 5 * MINUTE);
    await waitUntilIdle(stage);
    for (const name of broken) expect(await drawn(stage, name)).toEqual([tickOf(at)]);
  });

  it("a tick that could not be queued keeps its number and text and is generated along with the next one", async () => {
    const at = freshHour();
    await put(stage, "counted", { cron: "* * * * *", request: numberedRequest, rotate: ["a fox", "a crow"] });
    await stage.easel.fault("QUEUE.send", { times: 1 });
    for (let minute = 0; minute < 3; minute++) {
      await event(stage, at + minute * MINUTE);
      await waitUntilIdle(stage);
    }
    expect(await drawn(stage, "counted")).toEqual([0, 1, 2].map((minute) => tickOf(at + minute * MINUTE)));
    expect(receivedPrompts(stage).toSorted()).toEqual(["a crow 2", "a fox 1", "a fox 3"]);
  });

  it("a schedule with an invalid cron line does not stop other schedules", async () => {
    const at = freshHour();
    await put(stage, "b-broken", {});
    const object = await stage.easel.bucket.get("schedules/b-broken.json");
    const customMetadata = { ...object?.customMetadata, cron: "bogus" };
    await stage.easel.bucket.put("schedules/b-broken.json", (await object?.text()) ?? "", { customMetadata });
    await put(stage, "c-fine", {});
    await event(stage, at);
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "c-fine")).toEqual([tickOf(at), tickOf(at + HOUR)]);
  });
});

it("the record of a job lists the attempts of every try", async () => {
  const at = freshHour();
  await put(stage, "tried", {});
  for (let i = 0; i < 2; i++) stage.listenhub.next({ status: 503, error: {}, headers: { "retry-after": "1" } });
  await event(stage, at);
  await waitUntilIdle(stage);
  const [row] = (await getHistory(stage, "tried")).ticks;
  const record = await stage.record(row?.generation ?? "");
  expect(record.attempts.map(({ error }) => error ?? "drawn")).toEqual(["vendor_error", "vendor_error", "drawn"]);
});

it("a job that has just been received starts even if answerMs equals the time of a batch", async () => {
  const slowStage = await startStage({ vendors: ["listenhub"], limits: { answerMs: 900_000 } });
  try {
    const response = await slowStage.post("/v1/generations", { prompt: "a cat" }, { prefer: "respond-async, wait=20" });
    expect(response.status).toBe(200);
  } finally {
    await slowStage.stop();
  }
});
