import { describe, expect, it } from "vitest";
import { prng } from "../access/prng.ts";
import { until } from "../sim/index.ts";
import { jsonOf, PRO, said } from "./stage.ts";
import { clocked, drawn, event, freshHour, history, HOUR, idle, MINUTE, prompts, put, tickOf } from "./ticking.ts";

const stage = clocked();

/** From when on missed ticks of a schedule count. */
async function since(name: string): Promise<number> {
  return Number((await stage.easel.bucket.head(`schedules/${name}.json`))?.customMetadata?.["since"]);
}

const calls = () => stage.listenhub.seen.length + stage.linkai.generations().length;

describe("a day", () => {
  it("of minutes, some of them twice at once, late or out of order: one picture a tick", async () => {
    const start = freshHour();
    await event(stage, start);
    await put(stage, "quarterly", { cron: "*/15 * * * *", request: { model: PRO, prompt: "no. {{counter}}" } });
    await put(stage, "hourly", { cron: "30 * * * *", timezone: "Asia/Kolkata" });
    await put(stage, "resting", { cron: "* * * * *", enabled: false });
    const random = prng(3);
    const late: number[] = [];
    for (let minute = 1; minute <= 1440; minute++) {
      const at = start + minute * MINUTE;
      const chance = random();
      if (chance < 0.05 && minute < 1400) late.push(at);
      else if (chance < 0.2) await Promise.all([event(stage, at), event(stage, at), event(stage, at)]);
      else await event(stage, at);
      if (late.length > 4 || minute === 1440) await Promise.all(late.splice(0).map((each) => event(stage, each)));
    }
    await idle(stage);
    const every = (minutes: number, from: number) =>
      Array.from({ length: 1440 / minutes }, (_, n) => tickOf(start + (from + n * minutes) * MINUTE));
    expect(await drawn(stage, "quarterly")).toEqual(every(15, 15));
    expect(await drawn(stage, "hourly")).toEqual(every(60, 60));
    expect(calls()).toBe(96 + 24);
    expect(new Set(prompts(stage).filter((prompt) => prompt !== "a cat")).size).toBe(96);
    expect((await history(stage, "resting")).ticks).toEqual([]);
    expect((await stage.keys("pictures/")).length).toBe(120);
    expect(said(stage.easel)).not.toContain("failed");
  }, 300_000);
});

describe("44. an event that comes more than once", () => {
  it("at once, and again later, is one picture", async () => {
    const at = freshHour();
    await put(stage, "twice", {});
    await Promise.all(Array.from({ length: 8 }, () => event(stage, at)));
    await idle(stage);
    await event(stage, at);
    await event(stage, at + 20_000);
    await event(stage, at + MINUTE);
    await idle(stage);
    expect(await drawn(stage, "twice")).toEqual([tickOf(at)]);
    expect(calls()).toBe(1);
  });
});

describe("45. ticks that were missed", () => {
  it("are caught up once: the last one", async () => {
    const at = freshHour();
    await event(stage, at);
    await put(stage, "missed", { cron: "*/10 * * * *" });
    // Three hours without an event.
    await event(stage, at + 3 * HOUR + 7 * MINUTE);
    await event(stage, at + 3 * HOUR + 8 * MINUTE);
    await event(stage, at + 3 * HOUR + 7 * MINUTE);
    await idle(stage);
    expect(await drawn(stage, "missed")).toEqual([tickOf(at + 3 * HOUR)]);
    expect(calls()).toBe(1);
  });

  it("are drawn after all where their own event comes late, each once", async () => {
    const at = freshHour();
    await event(stage, at - MINUTE);
    await put(stage, "late", { cron: "* * * * *" });
    await event(stage, at + 2 * MINUTE);
    await event(stage, at);
    await event(stage, at + MINUTE);
    await event(stage, at + 2 * MINUTE);
    await event(stage, at + 3 * MINUTE);
    await idle(stage);
    expect(await drawn(stage, "late")).toEqual([0, 1, 2, 3].map((minute) => tickOf(at + minute * MINUTE)));
    expect(calls()).toBe(4);
  });

  it("more than a day ago are not", async () => {
    const at = freshHour();
    const day = new Date(at).getUTCDate();
    await event(stage, at - MINUTE);
    await put(stage, "monthly", { cron: `0 ${new Date(at).getUTCHours()} ${day} * *` });
    await event(stage, at + 24 * HOUR + MINUTE);
    await idle(stage);
    expect((await history(stage, "monthly")).ticks).toEqual([]);
  });

  it("before a schedule was made, or began to be due at these times, were not missed", async () => {
    // In real time: what is missed lies between the event that was last and now.
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    const before = new Date(now - 5 * MINUTE);
    await event(stage, now - 30 * MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *` });
    await event(stage, now + MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *`, enabled: false });
    await event(stage, now - 30 * MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *` });
    await event(stage, now + MINUTE);
    await idle(stage);
    expect(calls()).toBe(0);
  });

  it("are still caught up where only the request was changed in between", async () => {
    const at = freshHour();
    await event(stage, at - MINUTE);
    await put(stage, "changed", {});
    const first = await since("changed");
    await put(stage, "changed", { request: { model: PRO, prompt: "a dog" } });
    expect(await since("changed")).toBe(first);
    await event(stage, at + MINUTE);
    await idle(stage);
    expect(prompts(stage)).toEqual(["a dog"]);
  });

  it("are counted from when its times were changed, or it was enabled again", async () => {
    let last = 0;
    const times = [{}, { cron: "5 * * * *" }, { timezone: "Asia/Kolkata" }, { enabled: false }, {}];
    for (const change of times) {
      await put(stage, "moved", change);
      const now = await since("moved");
      expect(now, JSON.stringify(change)).toBeGreaterThan(last);
      last = now;
    }
  });

  it("in the minute in which a schedule was made are its own event's", async () => {
    await put(stage, "at-once", { cron: "* * * * *" });
    await event(stage, Math.floor(Date.now() / MINUTE) * MINUTE);
    await idle(stage);
    expect(calls()).toBe(1);
  });
});

describe("a slow tick", () => {
  it("holds up neither the others of its minute nor the event", async () => {
    const at = freshHour();
    await put(stage, "slow", { request: { model: PRO, prompt: "slow" } });
    await put(stage, "swift", { request: { dialect: "linkai", body: { model: PRO, prompt: "swift" } } });
    const slow = Promise.withResolvers<void>();
    stage.listenhub.next({ after: slow.promise });
    await event(stage, at);
    await until(async () => (await drawn(stage, "swift")).length === 1);
    expect((await history(stage, "slow")).ticks.map(({ status }) => status)).toEqual(["running"]);
    slow.resolve();
    await event(stage, at + HOUR);
    await idle(stage);
    for (const name of ["slow", "swift"]) expect(await drawn(stage, name)).toEqual([tickOf(at), tickOf(at + HOUR)]);
    expect(calls()).toBe(4);
  });
});

describe("a tick that fails", () => {
  it("leaves the last picture where it is, and is told in the history", async () => {
    const at = freshHour();
    await put(stage, "weather", {});
    await event(stage, at);
    await idle(stage);
    const good = await stage.easel.fetch("/s/weather");
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    await event(stage, at + HOUR);
    await idle(stage);
    const { ticks } = await history(stage, "weather");
    expect(ticks.map(({ tick, status, error }) => [tick, status, error])).toEqual([
      [tickOf(at + HOUR), "failed", "content_rejected"],
      [tickOf(at), "succeeded", undefined],
    ]);
    expect((await stage.easel.fetch("/s/weather")).headers.get("etag")).toBe(good.headers.get("etag"));
    expect((await stage.easel.fetch(`/s/weather/${tickOf(at + HOUR)}`)).status).toBe(404);
    // The same event again is not another try.
    await event(stage, at + HOUR);
    await idle(stage);
    expect(calls()).toBe(2);
  });

  it("because nobody can draw it any more asks no vendor", async () => {
    const at = freshHour();
    const path = "/v1/presets/passing";
    expect((await stage.call("PUT", path, { prompt: "a fox", vary: [], model: PRO })).status).toBe(201);
    expect((await put(stage, "preset", { request: { preset: "passing" } })).status).toBe(201);
    await event(stage, at);
    await idle(stage);
    expect(prompts(stage)).toEqual(["a fox"]);
    await stage.call("DELETE", path);
    await event(stage, at + HOUR);
    await idle(stage);
    const { ticks } = await history(stage, "preset");
    expect(ticks.map(({ status, error }) => [status, error])).toEqual([
      ["failed", "invalid_request"],
      ["succeeded", undefined],
    ]);
    expect(calls()).toBe(1);
    const [failed] = ticks;
    expect((await stage.record(failed?.generation ?? "")).error?.message).toContain("preset passing is not known");
  });

  it("for whatever reason keeps no other from being begun", async () => {
    const at = freshHour();
    await put(stage, "broken", {});
    await put(stage, "fine", {});
    const { customMetadata = {} } = (await stage.easel.bucket.head("schedules/broken.json")) ?? {};
    await stage.easel.bucket.put("schedules/broken.json", "{", { customMetadata });
    await event(stage, at);
    await idle(stage);
    expect(await drawn(stage, "fine")).toEqual([tickOf(at)]);
    expect(said(stage.easel)).toContain('"schedule":"broken"');
    await stage.easel.bucket.delete("schedules/broken.json");
  });
});

describe("variables", () => {
  it("are those of the schedule's clock, and the list goes round", async () => {
    const at = Date.parse("2027-03-27T23:30:00Z");
    const prompt = "{{item}}, {{weekday}} {{date}} {{time}}, no. {{counter}}";
    await put(stage, "rotating", {
      cron: "30 * * * *",
      timezone: "Europe/Berlin",
      request: { dialect: "openai", body: { model: PRO, prompt } },
      rotate: ["a fox", "a crow"],
    });
    for (let hour = 0; hour < 3; hour++) {
      await event(stage, at + hour * HOUR);
      await idle(stage);
    }
    // 01:30 is followed by 03:30.
    expect(prompts(stage)).toEqual([
      "a fox, Sunday 2027-03-28 00:30, no. 1",
      "a crow, Sunday 2027-03-28 01:30, no. 2",
      "a fox, Sunday 2027-03-28 03:30, no. 3",
    ]);
    const [row] = (await history(stage, "rotating")).ticks;
    expect((await jsonOf(stage.get(`/v1/generations/${row?.generation}`)))["dialect"]).toBe("openai");
  });
});
