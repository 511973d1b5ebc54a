import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import { twoLives } from "./lives.ts";
import { jsonOf, said, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { drawn, event, freshHour, history, HOUR, idle, MINUTE, prompts, put, removeAll, tickOf } from "./ticking.ts";

/** A tick's id in R2 is that of its schedule. */
async function idOf(stage: Stage, name: string): Promise<string> {
  return (await stage.easel.bucket.head(`schedules/${name}.json`))?.customMetadata?.["id"] ?? "";
}

/** An hourly schedule, and the event of the minute before a tick of it. */
async function madeBefore(stage: Stage, name: string, at: number): Promise<void> {
  await event(stage, at - MINUTE);
  await put(stage, name, {});
}

describe("a tick, when R2 or the queue fails", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ faulty: true });
  });
  beforeEach(async () => {
    for (const method of ["BUCKET.put", "BUCKET.list", "BUCKET.get", "QUEUE.send"])
      await stage.easel.fault(method, { times: 0 });
    await removeAll(stage);
    stage.reset();
  });
  afterAll(() => stage.stop());

  it.each([
    ["it cannot be queued", "QUEUE.send", { times: 1 }],
    ["it is queued, and the queue says it is not", "QUEUE.send", { times: 1, after: true }],
    ["its job cannot be written", "BUCKET.put", { times: 1, prefix: "jobs/" }],
    ["its record cannot be written", "BUCKET.put", { times: 1, prefix: "generations/" }],
    ["its number cannot be had", "BUCKET.get", { times: 1, prefix: "ticks/" }],
    ["its claim is written, and R2 says it is not", "BUCKET.put", { times: 1, prefix: "ticks/", after: true }],
    ["schedules cannot be listed", "BUCKET.list", { times: 1, prefix: "" }],
    ["its schedule cannot be read", "BUCKET.get", { times: 1, prefix: "schedules/" }],
  ])("is begun a minute later, once: %s", async (_, method, fault) => {
    const at = freshHour();
    await madeBefore(stage, "hourly", at);
    await stage.easel.fault(method, fault);
    await event(stage, at);
    await event(stage, at + MINUTE);
    await event(stage, at + 2 * MINUTE);
    await idle(stage);
    expect(await drawn(stage, "hourly")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("that hangs at one schedule holds up no other", async () => {
    const at = freshHour();
    await put(stage, "hanging", {});
    await put(stage, "passing", {});
    await stage.easel.fault("BUCKET.put", {
      hold: true,
      times: 0,
      prefix: `ticks/${await idOf(stage, "hanging")}`,
    });
    const ended = event(stage, at);
    await until(async () => (await drawn(stage, "passing")).length === 1);
    expect((await history(stage, "hanging")).ticks).toEqual([]);
    await stage.easel.fault("BUCKET.put", { times: 0 });
    await ended;
    await until(async () => (await drawn(stage, "hanging")).length === 1);
    expect(stage.listenhub.seen).toHaveLength(2);
  });

  it("whose picture cannot be noted as the latest is noted when its message comes again", async () => {
    const at = freshHour();
    await put(stage, "noted", {});
    const mark = `ticks/${await idOf(stage, "noted")}/drawn/`;
    await stage.easel.fault("BUCKET.put", { times: 1, prefix: mark });
    await event(stage, at);
    await idle(stage);
    expect(await drawn(stage, "noted")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(said(stage.easel)).toContain('"event":"job.failed"');
  });
});

describe("the runtime, killed in the middle of a tick", () => {
  const options = { faulty: true, limits: { leaseMs: 3_000 } };

  it.each([
    ["before it has a number", "ticks/", "/count"],
    ["before its job is there", "jobs/", ""],
    ["before it is queued", "generations/", ""],
  ])("43. %s: the same event draws it, once", async (_, prefix, end) => {
    const at = freshHour();
    await twoLives(
      [options, options],
      async (stage) => {
        await madeBefore(stage, "killed", at);
        const hung = end === "" ? prefix : `${prefix}${await idOf(stage, "killed")}${end}`;
        await stage.easel.fault("BUCKET.put", { delayMs: 60_000, prefix: hung });
        void event(stage, at).catch(() => undefined);
        await until(async () => (await stage.keys("ticks/")).some((key) => key.includes("/claims/")));
        await sleep(300);
        expect(stage.listenhub.seen).toEqual([]);
      },
      async (stage) => {
        await sleep(options.limits.leaseMs + 200);
        await Promise.all([event(stage, at), event(stage, at + MINUTE), event(stage, at)]);
        await idle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at)]);
        expect(stage.listenhub.seen).toHaveLength(1);
        expect(prompts(stage)).toEqual(["a cat"]);
      },
    );
  });

  it("after the vendor was asked: it is not asked again, and the picture before stays", async () => {
    const at = freshHour();
    await twoLives(
      [options, options],
      async (stage) => {
        await madeBefore(stage, "killed", at);
        await event(stage, at);
        await idle(stage);
        const { headers } = await stage.easel.fetch("/s/killed");
        stage.listenhub.next({ hang: true });
        await event(stage, at + HOUR);
        await until(() => stage.listenhub.seen.length === 2);
        return headers.get("etag");
      },
      async (stage, good) => {
        await sleep(options.limits.leaseMs + 200);
        await event(stage, at + HOUR);
        await event(stage, at + HOUR + MINUTE);
        await idle(stage);
        expect(stage.listenhub.seen).toEqual([]);
        const { ticks } = await history(stage, "killed");
        expect(ticks.map(({ tick, status }) => [tick, status])).toEqual([
          [tickOf(at + HOUR), "failed"],
          [tickOf(at), "succeeded"],
        ]);
        expect((await stage.easel.fetch("/s/killed")).headers.get("etag")).toBe(good);
        const [lost] = ticks;
        const record = await jsonOf<{ error: { message: string } }>(stage.get(`/v1/generations/${lost?.generation}`));
        expect(record.error.message).toContain("may have charged");
        await event(stage, at + 2 * HOUR);
        await idle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at), tickOf(at + 2 * HOUR)]);
        expect(stage.listenhub.seen).toHaveLength(1);
      },
    );
  });

  it("once the picture was there, before it was noted as the latest: the next event notes it", async () => {
    const at = freshHour();
    await twoLives(
      [options, options],
      async (stage) => {
        await madeBefore(stage, "killed", at);
        await stage.easel.fault("BUCKET.put", {
          delayMs: 60_000,
          prefix: `ticks/${await idOf(stage, "killed")}/drawn/`,
        });
        await event(stage, at);
        await until(async () => (await stage.keys("generations/")).some((key) => key.endsWith("end.json")));
        expect((await stage.easel.fetch("/s/killed")).status).toBe(404);
      },
      async (stage) => {
        await sleep(options.limits.leaseMs + 200);
        await event(stage, at + MINUTE);
        await idle(stage);
        expect(await drawn(stage, "killed")).toEqual([tickOf(at)]);
        expect((await stage.easel.fetch("/s/killed")).status).toBe(200);
        expect(stage.listenhub.seen).toEqual([]);
      },
    );
  });
});
