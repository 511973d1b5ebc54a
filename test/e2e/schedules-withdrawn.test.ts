import { describe, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import { startStage } from "./stage.ts";
import {
  clocked,
  drawn,
  event,
  freshHour,
  history,
  HOUR,
  idle,
  MINUTE,
  prompts,
  put,
  remove,
  tickOf,
} from "./ticking.ts";

const stage = clocked({ vendors: ["listenhub"], faulty: true, limits: { ticksPerEvent: 5 } });

const numbered = { prompt: "{{item}} {{counter}}" };

const revoke = (id: string) => stage.call("DELETE", `/v1/keys/${id}`);

describe("a tick that waits for its next try", () => {
  const name = "waiting";
  const changes: [
    what: string,
    change: (id: string, headers: Record<string, string>) => Promise<unknown>,
    drawn: boolean,
  ][] = [
    ["its key is revoked", (id) => revoke(id), false],
    ["its schedule is deleted", (_, headers) => remove(stage, name, headers), false],
    ["its schedule is disabled", (_, headers) => put(stage, name, { enabled: false }, headers), false],
    ["its request is changed", (_, headers) => put(stage, name, { request: { prompt: "a dog" } }, headers), true],
  ];
  it.each(changes)("when %s: drawn is what its owner still wants", async (_, change, isDrawn) => {
    const { id, headers } = await stage.newKey();
    await put(stage, name, {}, headers);
    stage.listenhub.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
    await event(stage, freshHour());
    await until(() => stage.listenhub.seen.length === 1);
    const [generation = ""] = (await stage.keys("jobs/")).map((each) => each.slice("jobs/".length, -".json".length));
    await change(id, headers);
    await idle(stage);
    expect(stage.listenhub.seen).toHaveLength(isDrawn ? 2 : 1);
    const end = await stage.easel.bucket.get(`generations/${generation}/end.json`);
    expect(await end?.json()).toMatchObject(
      isDrawn
        ? { status: "succeeded" }
        : {
            status: "failed",
            error: { code: "forbidden", message: expect.stringContaining("nothing was drawn") as string },
          },
    );
  });

  it("a job of a key that is revoked is not drawn either, and its record says so", async () => {
    const { id, headers } = await stage.newKey();
    stage.listenhub.next({ status: 429, error: {}, headers: { "retry-after": "2" } });
    const answer = await stage.post("/v1/generations", { prompt: "a cat" }, { ...headers, prefer: "respond-async" });
    await until(() => stage.listenhub.seen.length === 1);
    await revoke(id);
    await idle(stage);
    expect(stage.listenhub.seen).toHaveLength(1);
    const end = await stage.easel.bucket.get(`generations/${answer.headers.get("easel-generation")}/end.json`);
    expect(await end?.json()).toMatchObject({
      status: "failed",
      error: { code: "forbidden" },
      failure: { uncharged: true },
    });
  });
});

describe("more ticks than one event begins", () => {
  it("are begun by those of the next minutes, whoever has had its turn", async () => {
    const at = freshHour();
    const names = Array.from({ length: 12 }, (_, n) => `many-${String(n).padStart(2, "0")}`);
    await event(stage, at - MINUTE);
    for (const name of names) await put(stage, name, {});
    const done = async () => {
      await idle(stage);
      const all = await Promise.all(names.map((name) => drawn(stage, name)));
      return all.filter((ticks) => ticks.length > 0).length;
    };
    await event(stage, at);
    expect(await done()).toBe(5);
    // One that cannot be begun for long takes a turn, and no other's.
    await stage.easel.fault("BUCKET.get", { times: 1e9, prefix: "schedules/many-05" });
    await event(stage, at + MINUTE);
    expect(await done()).toBe(9);
    await event(stage, at + 2 * MINUTE);
    expect(await done()).toBe(11);
    await stage.easel.fault("BUCKET.get", { times: 0 });
    await event(stage, at + 3 * MINUTE);
    expect(await done()).toBe(12);
    expect(stage.listenhub.seen).toHaveLength(12);
  });
});

describe("a tick that could not be begun", () => {
  it("waits behind those that were not tried: many of them keep no other from its turn", async () => {
    const at = freshHour();
    const broken = Array.from({ length: 5 }, (_, n) => `a-broken-${n}`);
    for (const name of broken) await put(stage, name, {});
    await put(stage, "b-fine", { cron: "* * * * *" });
    await stage.easel.fault("BUCKET.get", { times: 1e9, prefix: "schedules/a-broken" });
    for (let minute = 0; minute < 4; minute++) await event(stage, at + minute * MINUTE);
    await idle(stage);
    expect((await drawn(stage, "b-fine")).slice(-3)).toEqual([1, 2, 3].map((minute) => tickOf(at + minute * MINUTE)));
    await stage.easel.fault("BUCKET.get", { times: 0 });
    await event(stage, at + 4 * MINUTE);
    await event(stage, at + 5 * MINUTE);
    await idle(stage);
    for (const name of broken) expect(await drawn(stage, name)).toEqual([tickOf(at)]);
  });

  it("keeps its number and its text, and is drawn beside the one that is due by then", async () => {
    const at = freshHour();
    await put(stage, "counted", { cron: "* * * * *", request: numbered, rotate: ["a fox", "a crow"] });
    await stage.easel.fault("QUEUE.send", { times: 1 });
    for (let minute = 0; minute < 3; minute++) {
      await event(stage, at + minute * MINUTE);
      await idle(stage);
    }
    expect(await drawn(stage, "counted")).toEqual([0, 1, 2].map((minute) => tickOf(at + minute * MINUTE)));
    expect(prompts(stage).toSorted()).toEqual(["a crow 2", "a fox 1", "a fox 3"]);
  });

  it("because its schedule cannot be read stops no other's clock", async () => {
    const at = freshHour();
    await put(stage, "b-broken", {});
    const object = await stage.easel.bucket.get("schedules/b-broken.json");
    const customMetadata = { ...object?.customMetadata, cron: "bogus" };
    await stage.easel.bucket.put("schedules/b-broken.json", (await object?.text()) ?? "", { customMetadata });
    await put(stage, "c-fine", {});
    await event(stage, at);
    await event(stage, at + HOUR);
    await idle(stage);
    expect(await drawn(stage, "c-fine")).toEqual([tickOf(at), tickOf(at + HOUR)]);
  });
});

it("a job's attempts are those of every try", async () => {
  const at = freshHour();
  await put(stage, "tried", {});
  for (let i = 0; i < 2; i++) stage.listenhub.next({ status: 503, error: {}, headers: { "retry-after": "1" } });
  await event(stage, at);
  await idle(stage);
  const [row] = (await history(stage, "tried")).ticks;
  const record = await stage.record(row?.generation ?? "");
  expect(record.attempts.map(({ error }) => error ?? "drawn")).toEqual(["vendor_error", "vendor_error", "drawn"]);
});

it("a vendor may take as long as a batch may: what has just come is begun", async () => {
  const patient = await startStage({ vendors: ["listenhub"], limits: { answerMs: 900_000 } });
  try {
    const answer = await patient.post("/v1/generations", { prompt: "a cat" }, { prefer: "respond-async, wait=20" });
    expect(answer.status).toBe(200);
  } finally {
    await patient.stop();
  }
});
