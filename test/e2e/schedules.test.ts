import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { jsonOf, PRO, said } from "./stage.ts";
import { clocked, HOUR, drawn, event, freshHour, history, idle, prompts, put, remove, tickOf } from "./ticking.ts";

const stage = clocked();

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

const run = (name: string, headers: Record<string, string> = {}) =>
  stage.post(`/v1/schedules/${name}/run`, "", headers);

describe("a schedule", () => {
  it("is made, read, replaced and deleted, and tells its next five times", async () => {
    const made = await put(stage, "daily", { cron: " 0  8 * * mon-fri", timezone: "europe/berlin", keep: 30 });
    expect(made.status).toBe(201);
    const schedule = await jsonOf<ScheduleWire>(made);
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
    expect([read.status, read.headers.get("etag")]).toEqual([200, made.headers.get("etag")]);
    const answer = await jsonOf<ScheduleWire>(read);
    expect(answer).toEqual(schedule);
    // What was answered may be sent back, with a change.
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

  it("is changed only as it was meant, with If-Match", async () => {
    const etag = (await put(stage, "matched", {})).headers.get("etag") ?? "";
    const changed = await put(stage, "matched", { keep: 3 }, { "if-match": etag });
    expect(changed.status).toBe(200);
    const stale = await put(stage, "matched", { keep: 4 }, { "if-match": etag });
    expect([stale.status, await jsonOf(stale)]).toMatchObject([412, { error: { field: "If-Match" } }]);
    expect((await remove(stage, "matched", { "if-match": etag })).status).toBe(412);
    expect((await put(stage, "unmade", {}, { "if-match": etag })).status).toBe(412);
    expect((await jsonOf<ScheduleWire>(stage.get("/v1/schedules/matched"))).keep).toBe(3);
  });

  it("is made only where there is none, with If-None-Match: *", async () => {
    const none = { "if-none-match": "*" };
    expect((await put(stage, "new", {}, none)).status).toBe(201);
    const there = await put(stage, "new", { keep: 4 }, none);
    expect([there.status, await jsonOf(there)]).toMatchObject([412, { error: { field: "If-None-Match" } }]);
    expect((await jsonOf<ScheduleWire>(stage.get("/v1/schedules/new"))).keep).toBeNull();
    const raced = await Promise.all(Array.from({ length: 5 }, () => put(stage, "raced-new", {}, none)));
    expect(raced.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 412, 412, 412, 412]);
  });

  it("is one, however many make it at once", async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => put(stage, "raced", {})));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 201]);
  });

  it("of the same name as one that was deleted has nothing of it", async () => {
    const at = freshHour();
    await put(stage, "again", {});
    await event(stage, at);
    await idle(stage);
    const [row] = (await history(stage, "again")).ticks;
    await remove(stage, "again");
    await until(async () => (await stage.keys("ticks/")).length === 0);
    await put(stage, "again", {});
    expect((await history(stage, "again")).ticks).toEqual([]);
    expect((await stage.easel.fetch("/s/again")).status).toBe(404);
    // What was drawn stays where it is.
    expect((await stage.get(`/images/${row?.generation}/0`)).status).toBe(200);
  });

  it("that is deleted while it draws gets no picture back", async () => {
    const at = freshHour();
    await put(stage, "leaving", {});
    stage.listenhub.next({ delayMs: 1_500 });
    await event(stage, at);
    await until(() => stage.listenhub.seen.length === 1);
    await remove(stage, "leaving");
    await put(stage, "leaving", {});
    await idle(stage);
    expect((await stage.easel.fetch("/s/leaving")).status).toBe(404);
    expect(await stage.keys("ticks/")).toEqual([]);
  });
});

describe("what is wrong with a schedule is told by its field", () => {
  const inline = png({ bytes: 5_000 }).bytes.toString("base64");
  const cases: [string, object, string, string][] = [
    ["a cron line", { cron: "0 25 * * *" }, "cron", "cron: field 2 (hour), at character 3: 25 is not 0-23."],
    ["a short one", { cron: "0 8 * *" }, "cron", "at character 8: field 5 (weekday) is missing"],
    ["one that never comes", { cron: "0 0 31 2 *" }, "cron", "never comes"],
    ["none", { cron: undefined }, "cron", "cron is required."],
    [
      "a zone",
      { timezone: "Europe/Berln" },
      "timezone",
      "timezone Europe/Berln is not known; near it are Europe/Berlin",
    ],
    ["a zone like none", { timezone: "Mars/Base" }, "timezone", "it must be an IANA name, as in Europe/Berlin"],
    ["an offset", { timezone: "+02:00" }, "timezone", "is not known"],
    ["a request that is none", { request: "a cat" }, "request", "request must be an object."],
    ["no request", { request: undefined }, "request", "request is required."],
    [
      "a field that JavaScript knows",
      { request: JSON.parse('{"prompt":"a","__proto__":1}') as object },
      "request.__proto__",
      "request.__proto__ is not a field here",
    ],
    [
      "the same in a dialect's body",
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
    ["a field", { request: { ...cat, colour: "red" } }, "request.colour", "request.colour is not a field here"],
    ["a size", { request: { ...cat, size: "9K" } }, "request.size", "request.size must be one of 512, 1K"],
    ["a model", { request: { ...cat, model: "dalle" } }, "request.model", "The model dalle is not known"],
    ["a preset", { request: { preset: "none" } }, "request.preset", "request.preset none is not known here"],
    [
      "a ratio that the model has not",
      { request: { ...cat, aspectRatio: "7:1" } },
      "request.aspectRatio",
      "aspectRatio",
    ],
    ["too many", { request: { ...cat, n: 11 } }, "request.n", "request.n must be at most 10"],
    ["a dialect", { request: { dialect: "dall", body: {} } }, "request.dialect", "request.dialect must be one of "],
    ["no body", { request: { dialect: "openai" } }, "request.body", "request.body is required."],
    ["a body that is none", { request: { dialect: "openai", body: [] } }, "request.body", "must be an object."],
    [
      "a field in its dialect's own words",
      {
        request: { dialect: "listenhub", body: { provider: "google", prompt: "x", imageConfig: { aspectRatio: "x" } } },
      },
      "request.body.imageConfig.aspectRatio",
      "request.body.imageConfig.aspectRatio",
    ],
    [
      "a reference in its dialect's own words",
      { request: { dialect: "openai", body: { ...cat, images: ["ftp://x/y.png"] } } },
      "request.body.images[0]",
      "request.body.images[0]",
    ],
    ["a variable", { request: { prompt: "{{day}}" } }, "request.prompt", "request.prompt has {{day}}, which is no"],
    ["an item of nothing", { request: { prompt: "{{item}}" } }, "request.prompt", "needs a list in rotate"],
    ["a list for nothing", { rotate: ["a"] }, "rotate", "rotate is used nowhere"],
    [
      "a variable in a text to rotate",
      { request: { prompt: "{{item}}" }, rotate: ["a", "{{day}}"] },
      "rotate[1]",
      "rotate[1] has {{day}}, which is no variable here; there are {{date}}",
    ],
    ["an item in an item", { request: { prompt: "{{item}}" }, rotate: ["{{item}}"] }, "rotate[0]", "has {{item}}"],
    ["an empty list", { rotate: [] }, "rotate", "rotate must have at least one text."],
    ["an item", { request: { ...cat, model: "{{item}}" }, rotate: [PRO, "x"] }, "request.model", "The model x is not"],
    ["keep", { keep: 0 }, "keep", "keep must be at least 1."],
    ["a large keep", { keep: 1e30 }, "keep", "keep must be at most 1000."],
    ["half a picture", { keep: 1.5 }, "keep", "keep must be a whole number."],
    ["enabled", { enabled: "yes" }, "enabled", "enabled must be a boolean."],
    ["an unknown field", { every: "day" }, "every", "every is not a field here; the fields are cron, timezone"],
  ];
  it.each(cases)("%s", async (_, schedule, field, message) => {
    const answer = await put(stage, "wrong", schedule);
    const { error } = await jsonOf<ErrorWire>(answer);
    expect([error.field, error.message]).toEqual([field, expect.stringContaining(message)]);
    expect([answer.status, error.code]).toEqual(
      error.code === "model_not_found" ? [404, "model_not_found"] : [400, "invalid_request"],
    );
    expect((await stage.get("/v1/schedules/wrong")).status).toBe(404);
  });

  it("a name, a picture in place of its URL, a body that is none", async () => {
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

describe("a key", () => {
  it("has schedules of its own; others see none of them, the operator all", async () => {
    const [one, two] = [await stage.newKey(), await stage.newKey()];
    expect((await put(stage, "ours", {}, one.headers)).status).toBe(201);
    expect(await jsonOf<ErrorWire>(put(stage, "ours", {}, two.headers))).toMatchObject({
      error: { code: "forbidden" },
    });
    for (const answer of [
      await stage.get("/v1/schedules/ours", two.headers),
      await remove(stage, "ours", two.headers),
      await run("ours", two.headers),
    ])
      expect(answer.status).toBe(404);
    expect(await jsonOf(stage.get("/v1/schedules", two.headers))).toMatchObject({ data: [] });
    expect(await jsonOf(stage.get("/v1/schedules", one.headers))).toMatchObject({ data: [{ name: "ours" }] });
    // The operator changes it, and it is still the key's: its generations too.
    expect((await put(stage, "ours", { keep: 2 })).status).toBe(200);
    const location = (await run("ours")).headers.get("location") ?? "";
    await idle(stage);
    const seen = async (headers?: Record<string, string>) => (await stage.get(location, headers)).status;
    expect([await seen(one.headers), await seen(), await seen(two.headers)]).toEqual([200, 200, 404]);
  });

  it("that is publishable, or none, has none", async () => {
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

  it("may draw by the clock what it may draw by hand", async () => {
    const bound = await stage.newKey({ models: ["gpt-image-2"] });
    const answer = await put(stage, "bound", {}, bound.headers);
    expect([answer.status, await jsonOf(answer)]).toMatchObject([403, { error: { field: "request.model" } }]);
    const small = await stage.newKey({ size: "1K" });
    expect((await put(stage, "bound", { request: { ...cat, size: "4K" } }, small.headers)).status).toBe(403);
    expect((await put(stage, "bound", {}, small.headers)).status).toBe(201);
    // Not by the operator's hand either.
    expect((await put(stage, "bound", { request: { ...cat, size: "4K" } })).status).toBe(403);
  });

  it("may have as many as its bucket takes requests a minute", async () => {
    const { headers } = await stage.newKey({ perMinute: 60 });
    const names = Array.from({ length: 60 }, (_, n) => `no-${n}`);
    const made = await Promise.all(names.map((name) => put(stage, name, {}, headers)));
    expect(made.every(({ status }) => status === 201)).toBe(true);
    // Its bucket has another request by then.
    await sleep(1_500);
    const answer = await put(stage, "one-more", {}, headers);
    expect([answer.status, await jsonOf(answer)]).toMatchObject([403, { error: { field: "name" } }]);
    await sleep(1_500);
    expect((await put(stage, "no-1", {}, headers)).status).toBe(200);
  });

  it("that is revoked ends what it began", async () => {
    const at = freshHour();
    const { id, headers } = await stage.newKey();
    await put(stage, "ended", {}, headers);
    await event(stage, at);
    await idle(stage);
    await stage.call("DELETE", `/v1/keys/${id}`);
    const stopped = await jsonOf<ScheduleWire>(stage.get("/v1/schedules/ended"));
    expect(stopped).toMatchObject({ enabled: true, next: [], stopped: expect.stringContaining("revoked") as string });
    expect((await history(stage, "ended")).next).toEqual([]);
    await event(stage, at + HOUR);
    await idle(stage);
    expect(await drawn(stage, "ended")).toEqual([tickOf(at)]);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect((await run("ended")).status).toBe(403);
    expect(said(stage.easel)).toContain(`{"event":"schedule.stopped","schedule":"ended","key":"${id}"}`);
    // Who puts it anew takes it up, or it would never draw again.
    const takenUp = await put(stage, "ended", stopped);
    expect(takenUp.status).toBe(200);
    const again = await jsonOf<ScheduleWire>(takenUp);
    expect([again.stopped, again.next.length, (await history(stage, "ended")).next.length]).toEqual([null, 5, 5]);
    await event(stage, at + 2 * HOUR);
    await idle(stage);
    expect(await drawn(stage, "ended")).toEqual([tickOf(at), tickOf(at + 2 * HOUR)]);
  });
});

describe("POST /v1/schedules/{name}/run", () => {
  it("with one Idempotency-Key is one tick, also once its picture is pruned", async () => {
    const key = (name: string) => ({ "idempotency-key": name });
    await put(stage, "keyed", { enabled: false, keep: 1 });
    const first = (await run("keyed", key("one"))).headers.get("easel-generation");
    await idle(stage);
    expect((await run("keyed", key("one"))).headers.get("easel-generation")).toBe(first);
    await run("keyed", key("two"));
    await idle(stage);
    const { ticks } = await history(stage, "keyed");
    expect(ticks.filter(({ status }) => status === "succeeded")).toHaveLength(1);
    const calls = stage.listenhub.seen.length;
    expect((await run("keyed", key("one"))).headers.get("easel-generation")).toBe(first);
    await idle(stage);
    expect(stage.listenhub.seen).toHaveLength(calls);
    expect((await history(stage, "keyed")).ticks).toEqual(ticks);
  });

  it("draws a text to rotate with its own variables", async () => {
    const request = { model: PRO, prompt: "see {{item}}" };
    await put(stage, "turning", { request, rotate: ["no. {{counter}}", "{date} {{ counter }}"] });
    await run("turning");
    await idle(stage);
    await run("turning");
    await idle(stage);
    expect(prompts(stage)).toEqual(["see no. 1", "see {date} 2"]);
  });

  it("draws at once, beside the clock, and counts", async () => {
    const at = freshHour();
    await put(stage, "running", { enabled: false, request: { model: PRO, prompt: "no. {{counter}}" } });
    const answer = await run("running");
    const generation = answer.headers.get("easel-generation") ?? "";
    expect([answer.status, answer.headers.get("location")]).toEqual([202, `/v1/generations/${generation}`]);
    expect((await stage.ended(generation)).status).toBe("succeeded");
    await idle(stage);
    await put(stage, "running", { request: { model: PRO, prompt: "no. {{counter}}" } });
    await event(stage, at);
    await idle(stage);
    expect(prompts(stage)).toEqual(["no. 1", "no. 2"]);
    const [, byHand] = (await history(stage, "running")).ticks;
    expect(byHand).toMatchObject({
      generation,
      tick: expect.stringMatching(/T\d\d:\d\d:\d\d\.\d{3}Z$|:\d\dZ$/) as string,
    });
    expect((await stage.easel.fetch(`/s/running/${byHand?.tick}`)).status).toBe(200);
    expect((await run("none")).status).toBe(404);
  });

  it("many at once are as many pictures, each with a number of its own", async () => {
    await put(stage, "many", { request: { model: PRO, prompt: "no. {{counter}}" } });
    await Promise.all(Array.from({ length: 6 }, () => run("many")));
    await idle(stage);
    expect(prompts(stage).toSorted()).toEqual([1, 2, 3, 4, 5, 6].map((count) => `no. ${count}`));
    expect(await drawn(stage, "many")).toHaveLength(6);
  });

  it("with one Idempotency-Key is one picture", async () => {
    await put(stage, "once", {});
    await put(stage, "other", {});
    const headers = { "idempotency-key": "today" };
    const answers = await Promise.all([run("once", headers), run("once", headers), run("once", headers)]);
    expect(new Set(answers.map(({ headers }) => headers.get("location"))).size).toBe(1);
    await idle(stage);
    expect((await run("once", headers)).headers.get("location")).toBe(answers[0]?.headers.get("location"));
    expect((await run("other", headers)).status).toBe(422);
    await idle(stage);
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("with the Idempotency-Key of one that failed without a charge is another", async () => {
    await put(stage, "again", { request: { model: `listenhub/${PRO}`, prompt: "a cat" } });
    const headers = { "idempotency-key": "again" };
    stage.listenhub.next({ status: 401, error: {} });
    const first = (await run("again", headers)).headers.get("location");
    await idle(stage);
    const second = (await run("again", headers)).headers.get("location");
    await idle(stage);
    expect([(await run("again", headers)).headers.get("location"), second === first]).toEqual([second, false]);
    expect((await history(stage, "again")).ticks.map(({ status }) => status)).toEqual(["succeeded", "failed"]);
  });
});

it("an event for a time before a schedule was made draws nothing", async () => {
  await put(stage, "young", { cron: "0 * * * *" });
  const hour = Math.floor(Date.now() / HOUR) * HOUR;
  const calls = stage.listenhub.seen.length;
  await event(stage, hour - 5 * HOUR);
  await idle(stage);
  expect(stage.listenhub.seen).toHaveLength(calls);
  expect((await history(stage, "young")).ticks).toEqual([]);
});

it("a tick is one picture", async () => {
  const answer = await put(stage, "many", { request: { prompt: "a cat", n: 2 } });
  expect([answer.status, await jsonOf(answer)]).toMatchObject([400, { error: { field: "request.n" } }]);
});
