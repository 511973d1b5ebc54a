import { describe, expect, it } from "vitest";
import { prng } from "../access/prng.ts";
import { until } from "../sim/index.ts";
import { jsonOf, PRO, logText } from "./stage.ts";
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
  tickOf,
} from "./ticking.ts";

const stage = useScheduleStage();

/** Return the time from which missed ticks of a schedule count. */
async function missedSince(name: string): Promise<number> {
  return Number((await stage.easel.bucket.head(`schedules/${name}.json`))?.customMetadata?.["since"]);
}

const callCount = () => stage.listenhub.seen.length + stage.linkai.generations().length;

describe("a day of cron events", () => {
  it("every tick of a day yields one picture although cron events repeat or arrive late or out of order", async () => {
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
      if (late.length > 4 || minute === 1440) await Promise.all(late.splice(0).map((time) => event(stage, time)));
    }
    await waitUntilIdle(stage);
    const ticksEvery = (minutes: number, from: number) =>
      Array.from({ length: 1440 / minutes }, (_, n) => tickOf(start + (from + n * minutes) * MINUTE));
    expect(await drawn(stage, "quarterly")).toEqual(ticksEvery(15, 15));
    expect(await drawn(stage, "hourly")).toEqual(ticksEvery(60, 60));
    expect(callCount()).toBe(96 + 24);
    expect(new Set(receivedPrompts(stage).filter((prompt) => prompt !== "a cat")).size).toBe(96);
    expect((await getHistory(stage, "resting")).ticks).toEqual([]);
    expect((await stage.keys("pictures/")).length).toBe(120);
    expect(logText(stage.easel)).not.toContain("failed");
  }, 300_000);
});

describe("repeated cron events [fault 44]", () => {
  it("a cron event that is delivered concurrently and again later yields one picture", async () => {
    const at = freshHour();
    await put(stage, "twice", {});
    await Promise.all(Array.from({ length: 8 }, () => event(stage, at)));
    await waitUntilIdle(stage);
    await event(stage, at);
    await event(stage, at + 20_000);
    await event(stage, at + MINUTE);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "twice")).toEqual([tickOf(at)]);
    expect(callCount()).toBe(1);
  });
});

describe("missed ticks [fault 45]", () => {
  it("only the last missed tick is caught up", async () => {
    const at = freshHour();
    await event(stage, at);
    await put(stage, "missed", { cron: "*/10 * * * *" });
    // Three hours without an event.
    await event(stage, at + 3 * HOUR + 7 * MINUTE);
    await event(stage, at + 3 * HOUR + 8 * MINUTE);
    await event(stage, at + 3 * HOUR + 7 * MINUTE);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "missed")).toEqual([tickOf(at + 3 * HOUR)]);
    expect(callCount()).toBe(1);
  });

  it("a tick whose own cron event is late is generated once when the event arrives", async () => {
    const at = freshHour();
    await event(stage, at - MINUTE);
    await put(stage, "late", { cron: "* * * * *" });
    await event(stage, at + 2 * MINUTE);
    await event(stage, at);
    await event(stage, at + MINUTE);
    await event(stage, at + 2 * MINUTE);
    await event(stage, at + 3 * MINUTE);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "late")).toEqual([0, 1, 2, 3].map((minute) => tickOf(at + minute * MINUTE)));
    expect(callCount()).toBe(4);
  });

  it("a tick that was missed more than a day ago is not caught up", async () => {
    const at = freshHour();
    const day = new Date(at).getUTCDate();
    await event(stage, at - MINUTE);
    await put(stage, "monthly", { cron: `0 ${new Date(at).getUTCHours()} ${day} * *` });
    await event(stage, at + 24 * HOUR + MINUTE);
    await waitUntilIdle(stage);
    expect((await getHistory(stage, "monthly")).ticks).toEqual([]);
  });

  it("times before a schedule was created or enabled are not missed ticks", async () => {
    // In real time: missed ticks lie between the last event and now.
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    const before = new Date(now - 5 * MINUTE);
    await event(stage, now - 30 * MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *` });
    await event(stage, now + MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *`, enabled: false });
    await event(stage, now - 30 * MINUTE);
    await put(stage, "new", { cron: `${before.getUTCMinutes()} * * * *` });
    await event(stage, now + MINUTE);
    await waitUntilIdle(stage);
    expect(callCount()).toBe(0);
  });

  it("a missed tick is still caught up after a change of the request", async () => {
    const at = freshHour();
    await event(stage, at - MINUTE);
    await put(stage, "changed", {});
    const before = await missedSince("changed");
    await put(stage, "changed", { request: { model: PRO, prompt: "a dog" } });
    expect(await missedSince("changed")).toBe(before);
    await event(stage, at + MINUTE);
    await waitUntilIdle(stage);
    expect(receivedPrompts(stage)).toEqual(["a dog"]);
  });

  it("a change of the times or enabling a schedule restarts the count of missed ticks", async () => {
    let previous = 0;
    const times = [{}, { cron: "5 * * * *" }, { timezone: "Asia/Kolkata" }, { enabled: false }, {}];
    for (const change of times) {
      await put(stage, "moved", change);
      const now = await missedSince("moved");
      expect(now, JSON.stringify(change)).toBeGreaterThan(previous);
      previous = now;
    }
  });

  it("a tick in the minute of the schedule's creation is generated by the event of that minute", async () => {
    await put(stage, "at-once", { cron: "* * * * *" });
    await event(stage, Math.floor(Date.now() / MINUTE) * MINUTE);
    await waitUntilIdle(stage);
    expect(callCount()).toBe(1);
  });
});

describe("a slow tick", () => {
  it("a slow tick delays neither the other ticks of its minute nor the event", async () => {
    const at = freshHour();
    await put(stage, "slow", { request: { model: PRO, prompt: "slow" } });
    await put(stage, "swift", { request: { dialect: "linkai", body: { model: PRO, prompt: "swift" } } });
    const slow = Promise.withResolvers<void>();
    stage.listenhub.next({ after: slow.promise });
    await event(stage, at);
    await until(async () => (await drawn(stage, "swift")).length === 1);
    expect((await getHistory(stage, "slow")).ticks.map(({ status }) => status)).toEqual(["running"]);
    slow.resolve();
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    for (const name of ["slow", "swift"]) expect(await drawn(stage, name)).toEqual([tickOf(at), tickOf(at + HOUR)]);
    expect(callCount()).toBe(4);
  });
});

describe("a tick that fails", () => {
  it("a failed tick keeps the last picture and appears in the history", async () => {
    const at = freshHour();
    await put(stage, "weather", {});
    await event(stage, at);
    await waitUntilIdle(stage);
    const lastPicture = await stage.easel.fetch("/s/weather");
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    const { ticks } = await getHistory(stage, "weather");
    expect(ticks.map(({ tick, status, error }) => [tick, status, error])).toEqual([
      [tickOf(at + HOUR), "failed", "content_rejected"],
      [tickOf(at), "succeeded", undefined],
    ]);
    expect((await stage.easel.fetch("/s/weather")).headers.get("etag")).toBe(lastPicture.headers.get("etag"));
    expect((await stage.easel.fetch(`/s/weather/${tickOf(at + HOUR)}`)).status).toBe(404);
    // A repeated event does not retry the tick.
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    expect(callCount()).toBe(2);
  });

  it("a tick whose preset was deleted fails without a vendor call", async () => {
    const at = freshHour();
    const path = "/v1/presets/passing";
    expect((await stage.call("PUT", path, { prompt: "a fox", vary: [], model: PRO })).status).toBe(201);
    expect((await put(stage, "preset", { request: { preset: "passing" } })).status).toBe(201);
    await event(stage, at);
    await waitUntilIdle(stage);
    expect(receivedPrompts(stage)).toEqual(["a fox"]);
    await stage.call("DELETE", path);
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    const { ticks } = await getHistory(stage, "preset");
    expect(ticks.map(({ status, error }) => [status, error])).toEqual([
      ["failed", "invalid_request"],
      ["succeeded", undefined],
    ]);
    expect(callCount()).toBe(1);
    const [failed] = ticks;
    expect((await stage.record(failed?.generation ?? "")).error?.message).toContain("preset passing is not known");
  });

  it("a schedule with an unreadable object does not stop other schedules", async () => {
    const at = freshHour();
    await put(stage, "broken", {});
    await put(stage, "fine", {});
    const { customMetadata = {} } = (await stage.easel.bucket.head("schedules/broken.json")) ?? {};
    await stage.easel.bucket.put("schedules/broken.json", "{", { customMetadata });
    await event(stage, at);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "fine")).toEqual([tickOf(at)]);
    expect(logText(stage.easel)).toContain('"schedule":"broken"');
    await stage.easel.bucket.delete("schedules/broken.json");
  });
});

describe("variables", () => {
  it("variables use the schedule's time zone and the list of items repeats", async () => {
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
      await waitUntilIdle(stage);
    }
    // 01:30 is followed by 03:30.
    expect(receivedPrompts(stage)).toEqual([
      "a fox, Sunday 2027-03-28 00:30, no. 1",
      "a crow, Sunday 2027-03-28 01:30, no. 2",
      "a fox, Sunday 2027-03-28 03:30, no. 3",
    ]);
    const [row] = (await getHistory(stage, "rotating")).ticks;
    expect((await jsonOf(stage.get(`/v1/generations/${row?.generation}`)))["dialect"]).toBe("openai");
  });
});
