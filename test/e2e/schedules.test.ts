import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { jsonOf, PRO, logText } from "./stage.ts";
import {
  useScheduleStage,
  HOUR,
  drawn,
  event,
  freshHour,
  getHistory,
  waitUntilIdle,
  receivedPrompts,
  put,
  remove,
  tickOf,
} from "./ticking.ts";

const stage = useScheduleStage();

interface ErrorWire {
  error: { code: string; message: string; field?: string };
}

interface ScheduleWire {
  name: string;
  cron: string;
  timezone: string;
  request: object;
  keep: number | null;
  enabled: boolean;
  next: string[];
  stopped: string | null;
  latest: string;
}

const cat = { model: PRO, prompt: "a cat" };

const runSchedule = (name: string, headers: Record<string, string> = {}) =>
  stage.post(`/v1/schedules/${name}/run`, "", headers);

describe("a schedule", () => {
  it("a schedule is created, read with its next five times, replaced and deleted", async () => {
    const created = await put(stage, "daily", { cron: " 0  8 * * mon-fri", timezone: "europe/berlin", keep: 30 });
    expect(created.status).toBe(201);
    const schedule = await jsonOf<ScheduleWire>(created);
    expect(schedule).toMatchObject({
      name: "daily",
      cron: "0 8 * * mon-fri",
      timezone: "Europe/Berlin",
      request: cat,
      keep: 30,
      enabled: true,
      stopped: null,
      latest: `${stage.easel.url}/s/daily`,
      history: `${stage.easel.url}/s/daily.json`,
    });
    expect(schedule.next).toHaveLength(5);
    const hour = new Intl.DateTimeFormat("en", { timeZone: "Europe/Berlin", timeStyle: "short", hourCycle: "h23" });
    for (const time of schedule.next) {
      expect(hour.format(new Date(time))).toBe("08:00");
      expect(Date.parse(time)).toBeGreaterThan(Date.now());
    }
    const read = await stage.get("/v1/schedules/daily");
    expect([read.status, read.headers.get("etag")]).toEqual([200, created.headers.get("etag")]);
    const answer = await jsonOf<ScheduleWire>(read);
    expect(answer).toEqual(schedule);
    // A schedule can be sent back in the form in which it was returned, with a change.
    const replaced = await put(stage, "daily", { ...answer, enabled: false });
    expect(replaced.status).toBe(200);
    expect(await jsonOf(replaced)).toMatchObject({ enabled: false, next: [], keep: 30 });
    expect(await jsonOf(stage.get("/v1/schedules"))).toEqual({
      object: "list",
      data: [{ name: "daily", cron: "0 8 * * mon-fri", timezone: "Europe/Berlin", enabled: false }],
    });
    expect((await remove(stage, "daily")).status).toBe(200);
    for (const path of ["/v1/schedules/daily", "/s/daily", "/s/daily.json"])
      expect((await stage.get(path)).status).toBe(404);
    expect((await remove(stage, "daily")).status).toBe(404);
  });

  it("If-Match prevents a change of a schedule that was changed since", async () => {
    const etag = (await put(stage, "matched", {})).headers.get("etag") ?? "";
    const changed = await put(stage, "matched", { keep: 3 }, { "if-match": etag });
    expect(changed.status).toBe(200);
    const stale = await put(stage, "matched", { keep: 4 }, { "if-match": etag });
    expect([stale.status, await jsonOf(stale)]).toMatchObject([412, { error: { field: "If-Match" } }]);
    expect((await remove(stage, "matched", { "if-match": etag })).status).toBe(412);
    expect((await put(stage, "unmade", {}, { "if-match": etag })).status).toBe(412);
    expect((await jsonOf<ScheduleWire>(stage.get("/v1/schedules/matched"))).keep).toBe(3);
  });

  it("If-None-Match: * creates a schedule only if none exists", async () => {
    const none = { "if-none-match": "*" };
    expect((await put(stage, "new", {}, none)).status).toBe(201);
    const there = await put(stage, "new", { keep: 4 }, none);
    expect([there.status, await jsonOf(there)]).toMatchObject([412, { error: { field: "If-None-Match" } }]);
    expect((await jsonOf<ScheduleWire>(stage.get("/v1/schedules/new"))).keep).toBeNull();
    const racingResponses = await Promise.all(Array.from({ length: 5 }, () => put(stage, "raced-new", {}, none)));
    expect(racingResponses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 412, 412, 412, 412]);
  });

  it("concurrent creations of a schedule create it once", async () => {
    const responses = await Promise.all(Array.from({ length: 5 }, () => put(stage, "raced", {})));
    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 201]);
  });

  it("a schedule with the name of a deleted schedule has none of its history", async () => {
    const at = freshHour();
    await put(stage, "again", {});
    await event(stage, at);
    await waitUntilIdle(stage);
    const [row] = (await getHistory(stage, "again")).ticks;
    await remove(stage, "again");
    await until(async () => (await stage.keys("ticks/")).length === 0);
    await put(stage, "again", {});
    expect((await getHistory(stage, "again")).ticks).toEqual([]);
    expect((await stage.easel.fetch("/s/again")).status).toBe(404);
    // The pictures of the deleted schedule stay.
    expect((await stage.get(`/images/${row?.generation}/0`)).status).toBe(200);
  });

  it("a schedule that is deleted during a generation gets no picture of it when it is created again", async () => {
    const at = freshHour();
    await put(stage, "leaving", {});
    stage.listenhub.next({ delayMs: 1_500 });
    await event(stage, at);
    await until(() => stage.listenhub.seen.length === 1);
    await remove(stage, "leaving");
    await put(stage, "leaving", {});
    await waitUntilIdle(stage);
    expect((await stage.easel.fetch("/s/leaving")).status).toBe(404);
    expect(await stage.keys("ticks/")).toEqual([]);
  });
});

describe("invalid schedules", () => {
  const inline = png({ bytes: 5_000 }).bytes.toString("base64");
  const cases: [string, object, string, string][] = [
    [
      "a cron line out of range",
      { cron: "0 25 * * *" },
      "cron",
      "cron: field 2 (hour), at character 3: 25 is not 0-23.",
    ],
    ["a short cron line", { cron: "0 8 * *" }, "cron", "at character 8: field 5 (weekday) is missing"],
    ["a cron line that never occurs", { cron: "0 0 31 2 *" }, "cron", "never comes"],
    ["no cron line", { cron: undefined }, "cron", "cron is required."],
    [
      "an unknown time zone",
      { timezone: "Europe/Berln" },
      "timezone",
      "timezone Europe/Berln is not known; near it are Europe/Berlin",
    ],
    [
      "a time zone without a similar name",
      { timezone: "Mars/Base" },
      "timezone",
      "it must be an IANA name, as in Europe/Berlin",
    ],
    ["an offset as the time zone", { timezone: "+02:00" }, "timezone", "is not known"],
    ["a request that is not an object", { request: "a cat" }, "request", "request must be an object."],
    ["no request", { request: undefined }, "request", "request is required."],
    [
      "the field __proto__",
      { request: JSON.parse('{"prompt":"a","__proto__":1}') as object },
      "request.__proto__",
      "request.__proto__ is not a field here",
    ],
    [
      "the field __proto__ in a dialect's body",
      {
        request: {
          dialect: "easel",
          body: JSON.parse('{"prompt":"a","__proto__":1}') as object,
        },
      },
      "request.body.__proto__",
      "request.body.__proto__ is not a field here",
    ],
    ["no prompt", { request: {} }, "request.prompt", "request.prompt is required."],
    [
      "an unknown field of the request",
      { request: { ...cat, colour: "red" } },
      "request.colour",
      "request.colour is not a field here",
    ],
    ["an unknown size", { request: { ...cat, size: "9K" } }, "request.size", "request.size must be one of 512, 1K"],
    ["an unknown model", { request: { ...cat, model: "dalle" } }, "request.model", "The model dalle is not known"],
    ["an unknown preset", { request: { preset: "none" } }, "request.preset", "request.preset none is not known here"],
    [
      "a ratio that the model does not support",
      { request: { ...cat, aspectRatio: "7:1" } },
      "request.aspectRatio",
      "aspectRatio",
    ],
    ["too many pictures", { request: { ...cat, n: 11 } }, "request.n", "request.n must be at most 10"],
    [
      "an unknown dialect",
      { request: { dialect: "dall", body: {} } },
      "request.dialect",
      "request.dialect must be one of ",
    ],
    ["no body", { request: { dialect: "openai" } }, "request.body", "request.body is required."],
    [
      "a body that is not an object",
      { request: { dialect: "openai", body: [] } },
      "request.body",
      "must be an object.",
    ],
    [
      "a field with the dialect's name",
      {
        request: { dialect: "listenhub", body: { provider: "google", prompt: "x", imageConfig: { aspectRatio: "x" } } },
      },
      "request.body.imageConfig.aspectRatio",
      "request.body.imageConfig.aspectRatio",
    ],
    [
      "a reference with the dialect's field name",
      { request: { dialect: "openai", body: { ...cat, images: ["ftp://x/y.png"] } } },
      "request.body.images[0]",
      "request.body.images[0]",
    ],
    [
      "an unknown variable",
      { request: { prompt: "{{day}}" } },
      "request.prompt",
      "request.prompt has {{day}}, which is no",
    ],
    [
      "{{item}} without a list to rotate",
      { request: { prompt: "{{item}}" } },
      "request.prompt",
      "needs a list in rotate",
    ],
    ["a list to rotate without {{item}}", { rotate: ["a"] }, "rotate", "rotate is used nowhere"],
    [
      "an unknown variable in a text to rotate",
      { request: { prompt: "{{item}}" }, rotate: ["a", "{{day}}"] },
      "rotate[1]",
      "rotate[1] has {{day}}, which is no variable here; there are {{date}}",
    ],
    [
      "{{item}} in a text to rotate",
      { request: { prompt: "{{item}}" }, rotate: ["{{item}}"] },
      "rotate[0]",
      "has {{item}}",
    ],
    ["an empty list to rotate", { rotate: [] }, "rotate", "rotate must have at least one text."],
    [
      "an unknown model in a text to rotate",
      { request: { ...cat, model: "{{item}}" }, rotate: [PRO, "x"] },
      "request.model",
      "The model x is not",
    ],
    ["a keep of 0", { keep: 0 }, "keep", "keep must be at least 1."],
    ["a keep that is too large", { keep: 1e30 }, "keep", "keep must be at most 1000."],
    ["a fractional keep", { keep: 1.5 }, "keep", "keep must be a whole number."],
    ["an enabled that is not a boolean", { enabled: "yes" }, "enabled", "enabled must be a boolean."],
    ["an unknown field", { every: "day" }, "every", "every is not a field here; the fields are cron, timezone"],
  ];
  it.each(cases)("a schedule with %s is rejected with the name of the field", async (_, schedule, field, message) => {
    const answer = await put(stage, "wrong", schedule);
    const { error } = await jsonOf<ErrorWire>(answer);
    expect([error.field, error.message]).toEqual([field, expect.stringContaining(message)]);
    expect([answer.status, error.code]).toEqual(
      error.code === "model_not_found" ? [404, "model_not_found"] : [400, "invalid_request"],
    );
    expect((await stage.get("/v1/schedules/wrong")).status).toBe(404);
  });

  it("an invalid name and an inline reference are rejected, a reference URL is accepted", async () => {
    for (const name of ["Daily", "a_b", "x".repeat(65), "a.b"])
      expect(await jsonOf<ErrorWire>(put(stage, name, {}))).toMatchObject({ error: { field: "name" } });
    const pictured = await put(stage, "wrong", { request: { ...cat, references: [{ data: inline }] } });
    expect([pictured.status, (await jsonOf<ErrorWire>(pictured)).error.message]).toEqual([
      400,
      expect.stringContaining("base64"),
    ]);
    expect(await stage.keys("references/")).toEqual([]);
    expect(
      (await put(stage, "pictured", { request: { ...cat, references: ["https://example.com/a.png"] } })).status,
    ).toBe(201);
  });
});

describe("schedules of API keys", () => {
  it("a key's schedules are visible to that key and the operator only", async () => {
    const [one, two] = [await stage.newKey(), await stage.newKey()];
    expect((await put(stage, "ours", {}, one.headers)).status).toBe(201);
    expect(await jsonOf<ErrorWire>(put(stage, "ours", {}, two.headers))).toMatchObject({
      error: { code: "forbidden" },
    });
    for (const answer of [
      await stage.get("/v1/schedules/ours", two.headers),
      await remove(stage, "ours", two.headers),
      await runSchedule("ours", two.headers),
    ])
      expect(answer.status).toBe(404);
    expect(await jsonOf(stage.get("/v1/schedules", two.headers))).toMatchObject({ data: [] });
    expect(await jsonOf(stage.get("/v1/schedules", one.headers))).toMatchObject({ data: [{ name: "ours" }] });
    // After a change by the operator, the schedule and its generations still belong to the key.
    expect((await put(stage, "ours", { keep: 2 })).status).toBe(200);
    const location = (await runSchedule("ours")).headers.get("location") ?? "";
    await waitUntilIdle(stage);
    const statusFor = async (headers?: Record<string, string>) => (await stage.get(location, headers)).status;
    expect([await statusFor(one.headers), await statusFor(), await statusFor(two.headers)]).toEqual([200, 200, 404]);
  });

  it("a publishable key and a request without a key are refused schedules", async () => {
    const page = await stage.newKey({
      kind: "publishable",
      origins: ["https://a.example"],
      models: [PRO],
      size: "1K",
      perMinute: 5,
    });
    const headers = { ...page.headers, origin: "https://a.example" };
    expect((await put(stage, "paged", {}, headers)).status).toBe(403);
    expect((await put(stage, "paged", {}, { authorization: "" })).status).toBe(401);
    for (const path of ["/v1/schedules", "/v1/schedules/paged"])
      expect((await stage.get(path, headers)).status).toBe(403);
  });

  it("a key's restrictions apply to its schedules", async () => {
    const bound = await stage.newKey({ models: ["gpt-image-2"] });
    const answer = await put(stage, "bound", {}, bound.headers);
    expect([answer.status, await jsonOf(answer)]).toMatchObject([403, { error: { field: "request.model" } }]);
    const small = await stage.newKey({ size: "1K" });
    expect((await put(stage, "bound", { request: { ...cat, size: "4K" } }, small.headers)).status).toBe(403);
    expect((await put(stage, "bound", {}, small.headers)).status).toBe(201);
    // The restrictions also apply if the operator changes the schedule.
    expect((await put(stage, "bound", { request: { ...cat, size: "4K" } })).status).toBe(403);
  });

  it("a key has at most as many schedules as requests per minute", async () => {
    const { headers } = await stage.newKey({ perMinute: 60 });
    const names = Array.from({ length: 60 }, (_, n) => `no-${n}`);
    const created = await Promise.all(names.map((name) => put(stage, name, {}, headers)));
    expect(created.every(({ status }) => status === 201)).toBe(true);
    // By then the token bucket has refilled by one request.
    await sleep(1_500);
    const answer = await put(stage, "one-more", {}, headers);
    expect([answer.status, await jsonOf(answer)]).toMatchObject([403, { error: { field: "name" } }]);
    await sleep(1_500);
    expect((await put(stage, "no-1", {}, headers)).status).toBe(200);
  });

  it("a revoked key stops its schedules until the operator replaces them", async () => {
    const at = freshHour();
    const { id, headers } = await stage.newKey();
    await put(stage, "ended", {}, headers);
    await event(stage, at);
    await waitUntilIdle(stage);
    await stage.call("DELETE", `/v1/keys/${id}`);
    const stopped = await jsonOf<ScheduleWire>(stage.get("/v1/schedules/ended"));
    expect(stopped).toMatchObject({ enabled: true, next: [], stopped: expect.stringContaining("revoked") as string });
    expect((await getHistory(stage, "ended")).next).toEqual([]);
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "ended")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect((await runSchedule("ended")).status).toBe(403);
    expect(logText(stage.easel)).toContain(`{"event":"schedule.stopped","schedule":"ended","key":"${id}"}`);
    // The operator's PUT takes the schedule over; otherwise it would stay stopped forever.
    const takenUp = await put(stage, "ended", stopped);
    expect(takenUp.status).toBe(200);
    const again = await jsonOf<ScheduleWire>(takenUp);
    expect([again.stopped, again.next.length, (await getHistory(stage, "ended")).next.length]).toEqual([null, 5, 5]);
    await event(stage, at + 2 * HOUR);
    await waitUntilIdle(stage);
    expect(await drawn(stage, "ended")).toEqual([tickOf(at), tickOf(at + 2 * HOUR)]);
  });
});

describe("POST /v1/schedules/{name}/run", () => {
  it("a repeated Idempotency-Key returns the same tick after its picture was pruned", async () => {
    const key = (name: string) => ({ "idempotency-key": name });
    await put(stage, "keyed", { enabled: false, keep: 1 });
    const first = (await runSchedule("keyed", key("one"))).headers.get("easel-generation");
    await waitUntilIdle(stage);
    expect((await runSchedule("keyed", key("one"))).headers.get("easel-generation")).toBe(first);
    await runSchedule("keyed", key("two"));
    await waitUntilIdle(stage);
    const { ticks } = await getHistory(stage, "keyed");
    expect(ticks.filter(({ status }) => status === "succeeded")).toHaveLength(1);
    const calls = stage.listenhub.seen.length;
    expect((await runSchedule("keyed", key("one"))).headers.get("easel-generation")).toBe(first);
    await waitUntilIdle(stage);
    expect(stage.listenhub.seen).toHaveLength(calls);
    expect((await getHistory(stage, "keyed")).ticks).toEqual(ticks);
  });

  it("a manual run fills the variables in a text to rotate", async () => {
    const request = { model: PRO, prompt: "see {{item}}" };
    await put(stage, "turning", { request, rotate: ["no. {{counter}}", "{date} {{ counter }}"] });
    await runSchedule("turning");
    await waitUntilIdle(stage);
    await runSchedule("turning");
    await waitUntilIdle(stage);
    expect(receivedPrompts(stage)).toEqual(["see no. 1", "see {date} 2"]);
  });

  it("a manual run of a disabled schedule generates immediately and increments the counter", async () => {
    const at = freshHour();
    await put(stage, "running", { enabled: false, request: { model: PRO, prompt: "no. {{counter}}" } });
    const answer = await runSchedule("running");
    const generation = answer.headers.get("easel-generation") ?? "";
    expect([answer.status, answer.headers.get("location")]).toEqual([202, `/v1/generations/${generation}`]);
    expect((await stage.ended(generation)).status).toBe("succeeded");
    await waitUntilIdle(stage);
    await put(stage, "running", { request: { model: PRO, prompt: "no. {{counter}}" } });
    await event(stage, at);
    await waitUntilIdle(stage);
    expect(receivedPrompts(stage)).toEqual(["no. 1", "no. 2"]);
    const [, manualTick] = (await getHistory(stage, "running")).ticks;
    expect(manualTick).toMatchObject({
      generation,
      tick: expect.stringMatching(/T\d\d:\d\d:\d\d\.\d{3}Z$|:\d\dZ$/) as string,
    });
    expect((await stage.easel.fetch(`/s/running/${manualTick?.tick}`)).status).toBe(200);
    expect((await runSchedule("none")).status).toBe(404);
  });

  it("concurrent manual runs yield one picture each with distinct numbers", async () => {
    await put(stage, "many", { request: { model: PRO, prompt: "no. {{counter}}" } });
    await Promise.all(Array.from({ length: 6 }, () => runSchedule("many")));
    await waitUntilIdle(stage);
    expect(receivedPrompts(stage).toSorted()).toEqual([1, 2, 3, 4, 5, 6].map((count) => `no. ${count}`));
    expect(await drawn(stage, "many")).toHaveLength(6);
  });

  it("concurrent manual runs with one Idempotency-Key yield one picture", async () => {
    await put(stage, "once", {});
    await put(stage, "other", {});
    const headers = { "idempotency-key": "today" };
    const responses = await Promise.all([
      runSchedule("once", headers),
      runSchedule("once", headers),
      runSchedule("once", headers),
    ]);
    expect(new Set(responses.map(({ headers }) => headers.get("location"))).size).toBe(1);
    await waitUntilIdle(stage);
    expect((await runSchedule("once", headers)).headers.get("location")).toBe(responses[0]?.headers.get("location"));
    expect((await runSchedule("other", headers)).status).toBe(422);
    await waitUntilIdle(stage);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("a manual run with the Idempotency-Key of an uncharged failure generates again", async () => {
    await put(stage, "again", { request: { model: `listenhub/${PRO}`, prompt: "a cat" } });
    const headers = { "idempotency-key": "again" };
    stage.listenhub.next({ status: 401, error: {} });
    const first = (await runSchedule("again", headers)).headers.get("location");
    await waitUntilIdle(stage);
    const second = (await runSchedule("again", headers)).headers.get("location");
    await waitUntilIdle(stage);
    expect([(await runSchedule("again", headers)).headers.get("location"), second === first]).toEqual([second, false]);
    expect((await getHistory(stage, "again")).ticks.map(({ status }) => status)).toEqual(["succeeded", "failed"]);
  });
});

it("an event for a time before a schedule's creation generates nothing", async () => {
  await put(stage, "young", { cron: "0 * * * *" });
  const hour = Math.floor(Date.now() / HOUR) * HOUR;
  const calls = stage.listenhub.seen.length;
  await event(stage, hour - 5 * HOUR);
  await waitUntilIdle(stage);
  expect(stage.listenhub.seen).toHaveLength(calls);
  expect((await getHistory(stage, "young")).ticks).toEqual([]);
});

it("a schedule with more than one picture per tick is rejected", async () => {
  const answer = await put(stage, "many", { request: { prompt: "a cat", n: 2 } });
  expect([answer.status, await jsonOf(answer)]).toMatchObject([400, { error: { field: "request.n" } }]);
});
