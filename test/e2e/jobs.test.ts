import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { DIALECTS } from "./dialects.ts";
import { CAT, heard, jsonOf, LISTENHUB_PATH, PRO, read, said, staged, startStage } from "./stage.ts";
import type { RecordWire } from "./stage.ts";

/** Longer than eight at once wait for each other, and no longer than the test that is told to come again can wait. */
const stage = staged({ limits: { idempotencyWaitMs: 20_000 } });

const ASYNC = { prefer: "respond-async" };
const calls = () => stage.listenhub.seen.length + stage.linkai.generations().length;
const ask = (more: object = {}, headers: Record<string, string> = {}) =>
  stage.post("/v1/generations", { model: PRO, prompt: "a cat", ...more }, { ...ASYNC, ...headers });
const queued = async (answer: Promise<Response>) => (await jsonOf<RecordWire>(answer)).id;
const get = (id: string, query = "") => stage.get(`/v1/generations/${id}${query}`);

describe("Prefer: respond-async", () => {
  it.each(Object.entries(DIALECTS))("is answered with 202 in the dialect of %s, and drawn", async (_, use) => {
    const answer = await stage.post(use.path, use.ask(undefined), { ...use.headers, ...ASYNC });
    const id = answer.headers.get("easel-generation") ?? "";
    expect(answer.status).toBe(202);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      location: `/v1/generations/${id}`,
      "preference-applied": "respond-async",
      "retry-after": expect.stringMatching(/^\d+$/) as string,
      "content-type": "application/json",
      ratelimit: expect.any(String) as string,
    });
    expect(answer.headers.get("easel-vendor")).toBeNull();
    expect(await answer.json()).toMatchObject({ id, status: "queued", images: [], error: null, finishedAt: null });
    const record = await stage.ended(id);
    expect(record).toMatchObject({ id, status: "succeeded", error: null });
    expect((await stage.easel.fetch(record.images[0]?.url ?? "")).status).toBe(200);
    expect(calls()).toBe(1);
  });

  it("has the job in the queue and its record in R2 before any vendor is asked, and nothing of it there afterwards", async () => {
    // The queue has it for long enough to be looked at.
    const slow = await startStage({ queue: { maxBatchTimeout: 15 } });
    try {
      const vendor = Promise.withResolvers<void>();
      slow.listenhub.next({ after: vendor.promise });
      const base64 = png({ bytes: 3_000 }).bytes.toString("base64");
      const body = { model: PRO, prompt: "a cat", references: [{ data: base64 }] };
      const id = await queued(slow.post("/v1/generations", body, ASYNC));
      expect([slow.listenhub.seen.length, await slow.keys("jobs/")]).toEqual([0, [`jobs/${id}.json`]]);
      const before = await slow.record(id);
      expect(before.status).toBe("queued");
      expect((await slow.easel.fetch(`/images/${id}/0`)).headers.get("retry-after")).toBe("1");
      await until(async () => (await slow.record(id)).status === "running");
      vendor.resolve();
      const after = await slow.ended(id);
      expect(after).toMatchObject({ status: "succeeded", createdAt: before.createdAt });
      expect(JSON.stringify(slow.listenhub.seen[0]?.body)).toContain("inlineData");
      await until(async () => (await slow.keys("jobs/")).length + (await slow.keys("references/")).length === 0);
    } finally {
      await slow.stop();
    }
  });

  it("tells at once what nobody can draw, and leaves nothing", async () => {
    const before = await stage.keys();
    const answer = await ask({ model: "flux-2-pro", references: [{ data: png().bytes.toString("base64") }] });
    expect([answer.status, (await jsonOf<{ error: object }>(answer)).error]).toEqual([
      404,
      expect.objectContaining({ code: "model_not_found", field: "model" }),
    ]);
    expect((await ask({ prompt: "" })).status).toBe(400);
    await until(async () => (await stage.keys()).length === before.length);
    expect(await stage.keys()).toEqual(before);
  });

  it("uses no Idempotency-Key up for what nobody can draw", async () => {
    const key = { "idempotency-key": "job-0" };
    expect((await ask({ model: "flux-2-pro" }, key)).status).toBe(404);
    const good = await ask({}, key);
    expect(good.status).toBe(202);
    await stage.ended(good.headers.get("easel-generation") ?? "");
  });

  it("with `wait` answers the picture itself where it is there in time", async () => {
    const prompt = await stage.post(LISTENHUB_PATH, CAT, { prefer: "respond-async; x=y, WAIT=10" });
    expect([prompt.status, prompt.headers.get("easel-vendor")]).toEqual([200, "listenhub"]);
    expect(await DIALECTS["listenhub"]?.pictures(prompt, stage)).toHaveLength(1);
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const from = Date.now();
    const late = await ask({}, { prefer: 'respond-async, wait="1"' });
    expect(late.status).toBe(202);
    expect(Date.now() - from).toBeGreaterThan(900);
    vendor.resolve();
    expect(await stage.ended(late.headers.get("easel-generation") ?? "")).toMatchObject({ status: "succeeded" });
  });

  it("with `wait` answers in the dialect's words what it failed with in time", async () => {
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const answer = await stage.post(LISTENHUB_PATH, CAT, { prefer: "respond-async, wait=10" });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(await jsonOf(answer)).toMatchObject({
      code: expect.any(Number) as number,
      message: expect.any(String) as string,
    });
  });

  it.each(["wait=10", "return=minimal", ""])("and nothing else makes a job: %j", async (prefer) => {
    const answer = await ask({}, { prefer });
    expect([answer.status, answer.headers.get("location")]).toEqual([200, null]);
  });

  it("draws twenty, each once", async () => {
    stage.listenhub.always({ delayMs: 200 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => queued(ask())));
    const records = await Promise.all(ids.map((id) => jsonOf<RecordWire>(get(id, "?wait=30"))));
    expect(records.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => "succeeded"));
    expect(calls()).toBe(20);
    expect(new Set(ids).size).toBe(20);
  });

  it("a slow one does not hold up those that came with it", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.linkai.always({ after: vendor.promise });
    const slow = await queued(ask({ model: "gpt-image-2" }));
    const quick = await Promise.all(Array.from({ length: 6 }, () => queued(ask())));
    for (const id of quick) expect(await jsonOf(get(id, "?wait=30"))).toMatchObject({ status: "succeeded" });
    expect((await stage.record(slow)).status).toBe("running");
    vendor.resolve();
    await stage.ended(slow);
  });
});

it("jobs of one batch ask vendors for four pictures at once, all of them together", async () => {
  stage.listenhub.always({ delayMs: 1_000 });
  const ids = await Promise.all(Array.from({ length: 3 }, () => queued(ask({ n: 4 }))));
  for (const id of ids) expect((await stage.ended(id)).images).toHaveLength(4);
  const { seen } = stage.listenhub;
  expect(seen).toHaveLength(12);
  const busy = seen.map(({ at }) => seen.filter((other) => other.at <= at && (other.endedAt ?? Infinity) > at).length);
  expect(Math.max(...busy)).toBe(4);
});

describe("with an Idempotency-Key", () => {
  it("is one job, however often it is asked for", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const key = { "idempotency-key": "job-1" };
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask({}, key)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const [location, ...others] = new Set(answers.map(({ headers }) => headers.get("location")));
    expect(others).toEqual([]);
    const id = location?.split("/").at(-1) ?? "";
    // Who would have the picture at once is told to come again, and not that it is drawn for them.
    const now = await ask({}, { ...key, prefer: "" });
    expect([now.status, now.headers.get("retry-after")]).toEqual([409, "2"]);
    expect((await ask({ prompt: "a dog" }, key)).status).toBe(422);
    vendor.resolve();
    await stage.ended(id);
    const again = await ask({}, key);
    expect([again.status, again.headers.get("location")]).toEqual([202, location]);
    expect(await again.json()).toMatchObject({ status: "succeeded" });
    expect((await read(ask({}, { ...key, prefer: "" }))).json).toMatchObject({ id, status: "succeeded" });
    expect(calls()).toBe(1);
  });

  it("waits in the queue for as long as it takes, and is not begun anew", async () => {
    const slow = await startStage({ limits: { leaseMs: 300 }, queue: { maxBatchTimeout: 3 } });
    try {
      const key = { ...ASYNC, "idempotency-key": "job-2" };
      const body = { model: PRO, prompt: "a cat" };
      const first = await slow.post("/v1/generations", body, key);
      await sleep(1_000);
      const second = await slow.post("/v1/generations", body, key);
      expect(second.headers.get("location")).toBe(first.headers.get("location"));
      await slow.ended(first.headers.get("easel-generation") ?? "");
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });
});

describe("a failure", () => {
  it("that passes is tried again when the vendor says, and not before", async () => {
    const retry = { status: 429, headers: { "retry-after": "5" }, error: {} };
    stage.listenhub.next(retry);
    stage.linkai.next(retry);
    const base64 = png({ bytes: 3_000 }).bytes.toString("base64");
    const id = await queued(ask({ references: [{ data: base64 }] }));
    await until(() => calls() === 2);
    await heard(stage.easel, `"job.again","generation":"${id}"`);
    expect(await stage.record(id)).toMatchObject({ status: "queued", error: null });
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded" });
    const [first, second, ...others] = stage.listenhub.seen;
    expect(others).toEqual([]);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(5_000);
    // What came with the request is there for the second try too.
    expect(second?.body).toEqual(first?.body);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("that stays is not tried again", async () => {
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const id = await queued(ask());
    expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "content_rejected" } });
    await until(async () => (await stage.keys("jobs/")).length === 0);
    await sleep(2_500);
    expect(calls()).toBe(1);
    expect(said(stage.easel)).not.toContain(`"job.again","generation":"${id}"`);
  });
});

describe("GET /v1/generations/{id}?wait=", () => {
  it("answers as soon as it has ended, and after the wait in any case", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const id = await queued(ask());
    let from = Date.now();
    const early = await get(id, "?wait=1");
    expect([early.status, early.headers.get("retry-after")]).toEqual([200, "2"]);
    expect(["queued", "running"]).toContain((await jsonOf<RecordWire>(early)).status);
    expect(Date.now() - from).toBeGreaterThan(900);
    vendor.resolve();
    from = Date.now();
    const ended = await get(id, "?wait=30");
    expect(ended.headers.get("retry-after")).toBeNull();
    expect(await jsonOf<RecordWire>(ended)).toMatchObject({ status: "succeeded" });
    expect(Date.now() - from).toBeLessThan(20_000);
    from = Date.now();
    expect(await jsonOf<RecordWire>(get(id, "?wait=30"))).toMatchObject({ status: "succeeded" });
    expect(Date.now() - from).toBeLessThan(20_000);
  });

  it.each(["31", "-1", "1.5", "x", "", "1e1"])("refuses wait=%s, naming the field", async (wait) => {
    const answer = await get(await queued(ask()), `?wait=${wait}`);
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string } }>(answer);
    expect(error).toMatchObject({ code: "invalid_request", field: "wait" });
    expect(error.message).toContain("0 to 30");
  });

  it("is for the key that asked: nobody else waits", async () => {
    const other = await stage.newKey();
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const id = await queued(ask());
    const from = Date.now();
    const answer = await stage.get(`/v1/generations/${id}?wait=30`, other.headers);
    expect([answer.status, Date.now() - from < 20_000]).toEqual([404, true]);
    expect((await stage.easel.fetch(`/v1/generations/${id}?wait=30`)).status).toBe(401);
    vendor.resolve();
    await stage.ended(id);
  });
});
