import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import { hashOf, jsonOf, PRO, logText } from "./stage.ts";
import {
  useScheduleStage,
  drawn,
  event,
  freshHour,
  getHistory,
  HOUR,
  waitUntilIdle,
  MINUTE,
  put,
  tickOf,
} from "./ticking.ts";

const stage = useScheduleStage();

const get = (path: string, headers: Record<string, string> = {}) => stage.easel.fetch(path, { headers });

/** Run a tick whose picture is determined by `seed`. */
async function runTick(at: number, seed: number): Promise<void> {
  stage.listenhub.next({ pictures: [png({ seed, bytes: 5_000 })] });
  await event(stage, at);
  await waitUntilIdle(stage);
}

describe("GET /s/{name}", () => {
  it("/s/{name} serves the latest picture without authentication", async () => {
    const at = freshHour();
    await event(stage, at - MINUTE);
    await put(stage, "latest", {});
    const none = await get("/s/latest");
    expect([none.status, none.headers.get("cache-control")]).toEqual([404, "no-store"]);
    await runTick(at, 1);
    const first = await get("/s/latest");
    expect(first.status).toBe(200);
    expect(Object.fromEntries(first.headers)).toMatchObject({
      "content-type": "image/png",
      "access-control-allow-origin": "*",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "easel-tick": tickOf(at),
    });
    const [seconds] = /(?<=^public, max-age=)\d+$/.exec(first.headers.get("cache-control") ?? "") ?? [];
    expect(Number(seconds)).toBeLessThanOrEqual(60);
    const etag = first.headers.get("etag") ?? "";
    const before = await hashOf(first);
    const same = await get("/s/latest", { "if-none-match": etag });
    expect([same.status, await same.text()]).toEqual([304, ""]);
    expect((await get("/s/latest", { range: "bytes=0-9" })).status).toBe(206);
    const head = await stage.easel.fetch("/s/latest", { method: "HEAD" });
    expect([head.status, Number(head.headers.get("content-length"))]).toEqual([200, 5_000]);
    await runTick(at + HOUR, 2);
    const second = await get("/s/latest", { "if-none-match": etag });
    expect(second.status).toBe(200);
    expect(await hashOf(second)).not.toBe(before);
    expect(await hashOf(get(`/s/latest/${tickOf(at)}`))).toBe(before);
    expect(await hashOf(get(`/s/latest/${encodeURIComponent(tickOf(at))}`))).toBe(before);
    for (const path of [`/s/latest/${tickOf(at + MINUTE)}`, "/s/latest/yesterday", "/s/none", `/s/none/${tickOf(at)}`])
      expect((await get(path)).status).toBe(404);
    const long = "x".repeat(1_100);
    for (const path of [`/s/${long}`, `/s/${long}.json`, `/s/${long}/${tickOf(at)}`, "/s/A", "/s/a.b", "/s/%00.json"])
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    expect(await (await get(`/s/${long}.json`)).text()).toBe(await (await get("/s/none.json")).text());
    expect(logText(stage.easel)).not.toContain(long);
    const preflight = await stage.easel.fetch("/s/latest", { method: "OPTIONS" });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
  });

  it("the latest picture is cached no longer than until the next tick", async () => {
    await put(stage, "soon", { cron: "* * * * *" });
    await event(stage, Date.now());
    await waitUntilIdle(stage);
    const left = () => (MINUTE - (Date.now() % MINUTE)) / 1000;
    let [before, seconds, after] = [0, 0, 1];
    // Repeat a measurement that crosses the end of a minute.
    while (after > before) {
      before = left();
      const { headers } = await get("/s/soon");
      seconds = Number(/\d+$/.exec(headers.get("cache-control") ?? "")?.[0]);
      after = left();
    }
    expect(seconds).toBeLessThanOrEqual(before);
    expect(seconds).toBeGreaterThan(after - 1);
  });

  it("the latest picture belongs to the latest tick even if an earlier tick is generated later", async () => {
    const at = freshHour();
    await put(stage, "order", {});
    await runTick(at + HOUR, 1);
    const latest = (await get("/s/order")).headers.get("etag");
    await runTick(at, 2);
    expect((await get("/s/order")).headers.get("etag")).toBe(latest);
    expect(await drawn(stage, "order")).toContain(tickOf(at));
  });
});

describe("GET /s/{name}.json", () => {
  it("the history lists every tick's outcome, the latest first, without the request or its owner", async () => {
    const at = freshHour();
    await put(stage, "told", { cron: "*/10 * * * *", request: { model: PRO, prompt: "a secret cat" } });
    for (let n = 0; n < 5; n++) await event(stage, at + n * 10 * MINUTE);
    await waitUntilIdle(stage);
    const response = await get("/s/told.json?limit=2");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    const text = await response.text();
    for (const word of ["secret", "admin", "prompt", "principal"]) expect(text).not.toContain(word);
    const page = JSON.parse(text) as Awaited<ReturnType<typeof getHistory>>;
    expect(page).toMatchObject({
      name: "told",
      cron: "*/10 * * * *",
      timezone: "UTC",
      latest: `${stage.easel.url}/s/told`,
    });
    expect(page.next).toHaveLength(5);
    expect(page.ticks.map(({ tick }) => tick)).toEqual([tickOf(at + 40 * MINUTE), tickOf(at + 30 * MINUTE)]);
    expect((await get(new URL(page.ticks[0]?.url ?? "").pathname)).status).toBe(200);
    const rest = await getHistory(stage, "told", `?limit=3&before=${page.more}`);
    expect(rest.ticks.map(({ tick }) => tick)).toEqual([20, 10, 0].map((minute) => tickOf(at + minute * MINUTE)));
    for (const query of ["?limit=0", "?limit=101", "?limit=x", "?before=yesterday"])
      expect(await jsonOf(get(`/s/told.json${query}`))).toMatchObject({ error: { code: "invalid_request" } });
    expect((await get("/s/none.json")).status).toBe(404);
  });
});

describe("the field keep", () => {
  it("keep limits a schedule's pictures and deletes no other pictures", async () => {
    const at = freshHour();
    const earlier = (await stage.keys("pictures/")).length;
    const manual = await stage.draw();
    await put(stage, "other", {});
    await runTick(at, 1);
    await put(stage, "pruned", { keep: 2 });
    for (let n = 1; n <= 4; n++) await runTick(at + n * HOUR, n);
    const [kept, others] = [await drawn(stage, "pruned"), await drawn(stage, "other")];
    expect(kept).toEqual([tickOf(at + 3 * HOUR), tickOf(at + 4 * HOUR)]);
    expect(others).toHaveLength(5);
    expect((await stage.get(`/images/${manual.id}/0`)).status).toBe(200);
    // One manual picture, five of the other schedule and two kept ones.
    expect(await stage.keys("pictures/")).toHaveLength(earlier + 1 + 5 + 2);
    expect((await get(`/s/pruned/${tickOf(at + HOUR)}`)).status).toBe(404);
    expect((await getHistory(stage, "pruned")).ticks.map(({ tick }) => tick)).toEqual(kept.toReversed());
  });

  it("a pruned tick is not generated again by a late event", async () => {
    const at = freshHour();
    await put(stage, "gone", { keep: 1 });
    await runTick(at, 1);
    const [first] = (await getHistory(stage, "gone")).ticks;
    await runTick(at + HOUR, 2);
    expect((await stage.get(`/v1/generations/${first?.generation}`)).status).toBe(404);
    expect((await get(`/images/${first?.generation}/0`)).status).toBe(404);
    await event(stage, at);
    await event(stage, at + 2 * MINUTE);
    await waitUntilIdle(stage);
    expect(stage.listenhub.seen).toHaveLength(2);
    expect(await drawn(stage, "gone")).toEqual([tickOf(at + HOUR)]);
  });

  it("records of pruned and earlier failed ticks are deleted after a day", async () => {
    const at = freshHour();
    await put(stage, "forgotten", { keep: 1 });
    await runTick(at, 1);
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    await event(stage, at + HOUR);
    await waitUntilIdle(stage);
    const [failed] = (await getHistory(stage, "forgotten")).ticks;
    await runTick(at + 2 * HOUR, 2);
    expect((await stage.get(`/v1/generations/${failed?.generation}`)).status).toBe(200);
    await runTick(at + 27 * HOUR, 3);
    expect((await stage.get(`/v1/generations/${failed?.generation}`)).status).toBe(404);
    expect((await stage.keys("ticks/")).filter((key) => key.includes("/claims/"))).toHaveLength(1);
    expect(await stage.keys("generations/")).not.toContainEqual(expect.stringContaining(failed?.generation ?? "-"));
  });
});
