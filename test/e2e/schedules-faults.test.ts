import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import { restartBetween } from "./lives.ts";
import { jsonOf, logText, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";
import {
  drawn,
  event,
  freshHour,
  getHistory,
  HOUR,
  waitUntilIdle,
  MINUTE,
  receivedPrompts,
  put,
  removeAllSchedules,
  tickOf,
} from "./ticking.ts";

/** Return the id under which R2 keeps the ticks of a schedule. */
async function scheduleIdOf(stage: Stage, name: string): Promise<string> {
  return (await stage.easel.bucket.head(`schedules/${name}.json`))?.customMetadata?.["id"] ?? "";
}

/** Create an hourly schedule and run the cron trigger of the minute before `at`. */
async function createBeforeTick(stage: Stage, name: string, at: number): Promise<void> {
  await event(stage, at - MINUTE);
  await put(stage, name, {});
}

describe("ticks while R2 or the queue fails", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ faulty: true });
  });
  beforeEach(async () => {
    for (const method of ["BUCKET.put", "BUCKET.list", "BUCKET.get", "QUEUE.send"])
      await stage.easel.fault(method, { times: 0 });
    await removeAllSchedules(stage);
    stage.reset();
  });
  afterAll(() => stage.stop());

  it.each([
    ["it cannot be queued", "QUEUE.send", { times: 1 }],
    ["it is queued although the queue reports an error", "QUEUE.send", { times: 1, after: true }],
    ["its job cannot be written", "BUCKET.put", { times: 1, prefix: "jobs/" }],
    ["its record cannot be written", "BUCKET.put", { times: 1, prefix: "generations/" }],
    ["its number cannot be read", "BUCKET.get", { times: 1, prefix: "ticks/" }],
    ["its claim is written although R2 reports an error", "BUCKET.put", { times: 1, prefix: "ticks/", after: true }],
    ["schedules cannot be listed", "BUCKET.list", { times: 1, prefix: "" }],
    ["its schedule cannot be read", "BUCKET.get", { times: 1, prefix: "schedules/" }],
  ])("a tick is started once, a minute later: %s", async (_, method, fault) => {
    const at = freshHour();
    await createBeforeTick(stage, "hourly", at);
    await stage.easel.fault(method, fault);
    await event(stage, at);
    await event(stage, at + MINUTE);
    await event(stage, at + 2 * MINUTE);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "hourly")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("a slow R2 write for one schedule does not delay another schedule", async () => {
    const at = freshHour();
    await put(stage, "hanging", {});
    await put(stage, "passing", {});
    await stage.easel.fault("BUCKET.put", {
      hold: true,
      times: 0,
      prefix: `ticks/${await scheduleIdOf(stage, "hanging")}`,
    });
    const pendingEvent = event(stage, at);
    await until(async () => (await drawn(stage, "passing")).length === 1);
    expect((await getHistory(stage, "hanging")).ticks).toEqual([]);
    await stage.easel.fault("BUCKET.put", { times: 0 });
    await pendingEvent;
    await until(async () => (await drawn(stage, "hanging")).length === 1);
    expect(stage.listenhub.seen).toHaveLength(2);
  });

  it("a picture that cannot be recorded as the latest is recorded when its message is redelivered", async () => {
    const at = freshHour();
    await put(stage, "marked", {});
    const pictureMarkPrefix = `ticks/${await scheduleIdOf(stage, "marked")}/drawn/`;
    await stage.easel.fault("BUCKET.put", { times: 1, prefix: pictureMarkPrefix });
    await event(stage, at);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "marked")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(logText(stage.easel)).toContain('"event":"job.failed"');
  });
});

describe("a runtime that stops during a tick", () => {
  const options = { faulty: true, limits: { leaseMs: 3_000 } };

  it.each([
    ["before the tick has a number", "ticks/", "/count"],
    ["before its job is stored", "jobs/", ""],
    ["before it is queued", "generations/", ""],
  ])("a tick whose runtime stops %s is generated once by the same event [fault 43]", async (_, prefix, end) => {
    const at = freshHour();
    await restartBetween(
      [options, options],
      async (stage) => {
        await createBeforeTick(stage, "killed", at);
        const delayedPrefix = end === "" ? prefix : `${prefix}${await scheduleIdOf(stage, "killed")}${end}`;
        await stage.easel.fault("BUCKET.put", { delayMs: 60_000, prefix: delayedPrefix });
        void event(stage, at).catch(() => undefined);
        await until(async () => (await stage.keys("ticks/")).some((key) => key.includes("/claims/")));
        await sleep(300);
        expect(stage.listenhub.seen).toEqual([]);
      },
      async (stage) => {
        await sleep(options.limits.leaseMs + 200);
        await Promise.all([event(stage, at), event(stage, at + MINUTE), event(stage, at)]);
        await waitUntilIdle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at)]);
        expect(stage.listenhub.seen).toHaveLength(1);
        expect(receivedPrompts(stage)).toEqual(["a cat"]);
      },
    );
  });

  it("a tick whose runtime stops after the vendor call fails without a second call, and the previous picture stays", async () => {
    const at = freshHour();
    await restartBetween(
      [options, options],
      async (stage) => {
        await createBeforeTick(stage, "killed", at);
        await event(stage, at);
        await waitUntilIdle(stage);
        const { headers } = await stage.easel.fetch("/s/killed");
        stage.listenhub.next({ hang: true });
        await event(stage, at + HOUR);
        await until(() => stage.listenhub.seen.length === 2);
        return headers.get("etag");
      },
      async (stage, previousEtag) => {
        await sleep(options.limits.leaseMs + 200);
        await event(stage, at + HOUR);
        await event(stage, at + HOUR + MINUTE);
        await waitUntilIdle(stage);
        expect(stage.listenhub.seen).toEqual([]);
        const { ticks } = await getHistory(stage, "killed");
        expect(ticks.map(({ tick, status }) => [tick, status])).toEqual([
          [tickOf(at + HOUR), "failed"],
          [tickOf(at), "succeeded"],
        ]);
        expect((await stage.easel.fetch("/s/killed")).headers.get("etag")).toBe(previousEtag);
        const [lost] = ticks;
        const record = await jsonOf<{ error: { message: string } }>(stage.get(`/v1/generations/${lost?.generation}`));
        expect(record.error.message).toContain("may have charged");
        await event(stage, at + 2 * HOUR);
        await waitUntilIdle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at), tickOf(at + 2 * HOUR)]);
        expect(stage.listenhub.seen).toHaveLength(1);
      },
    );
  });

  it("a picture that is stored but not recorded as the latest is recorded by the next event", async () => {
    const at = freshHour();
    await restartBetween(
      [options, options],
      async (stage) => {
        await createBeforeTick(stage, "killed", at);
        await stage.easel.fault("BUCKET.put", {
          delayMs: 60_000,
          prefix: `ticks/${await scheduleIdOf(stage, "killed")}/drawn/`,
        });
        await event(stage, at);
        await until(async () => (await stage.keys("generations/")).some((key) => key.endsWith("end.json")));
        expect((await stage.easel.fetch("/s/killed")).status).toBe(404);
      },
      async (stage) => {
        await sleep(options.limits.leaseMs + 200);
        await event(stage, at + MINUTE);
        await waitUntilIdle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at)]);
        expect((await stage.easel.fetch("/s/killed")).status).toBe(200);
        expect(stage.listenhub.seen).toEqual([]);
      },
    );
  });
});
