import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { restartBetween } from "./lives.ts";
import { waitForLog, jsonOf, LISTENHUB_PATH, PRO, staged } from "./stage.ts";
import type { RecordWire, Stage } from "./stage.ts";

const limits = { leaseMs: 4_000 };
const ASYNC = { prefer: "respond-async" };
const body = { model: PRO, prompt: "a cat" };
const postAsync = (on: Stage, more: object = {}, headers: Record<string, string> = {}) =>
  on.post("/v1/generations", { ...body, ...more }, { ...ASYNC, ...headers });
const enqueue = async (on: Stage, more: object = {}) => (await jsonOf<RecordWire>(postAsync(on, more))).id;
const sendMessage = async (on: Stage, message: unknown) => {
  const queue = await on.easel.mf.getQueueProducer("QUEUE");
  await queue.send(message);
};

let last = 0;
const stage = staged({ faulty: true, limits });

describe("a message that is delivered more than once [fault 46]", () => {
  it("a message delivered several times at once causes one vendor call and one end [fault 46]", async () => {
    stage.listenhub.next({ delayMs: 1_500 });
    const id = await enqueue(stage);
    for (let times = 0; times < 6; times++) await sendMessage(stage, { generation: id });
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded" });
    await sleep(2_500);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(await stage.record(id)).toMatchObject({ status: "succeeded" });
    expect(await stage.keys(`pictures/${id}`)).toHaveLength(1);
  });

  it("a message delivered after the end of its generation changes nothing [fault 46]", async () => {
    const id = await enqueue(stage);
    const before = await stage.ended(id);
    await sendMessage(stage, { generation: id });
    await sleep(2_000);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(await stage.record(id)).toEqual(before);
  });
});

describe("invalid messages [fault 46]", () => {
  it("an invalid message becomes a dead letter with a failed record and delays no other job [fault 46]", async () => {
    stage.listenhub.always({ delayMs: 100 });
    const broken = await enqueue(stage);
    await stage.easel.bucket.put(`jobs/${broken}.json`, '{"id":"');
    const gone = await enqueue(stage);
    await stage.easel.bucket.delete(`jobs/${gone}.json`);
    const unknownId = "0".repeat(40);
    for (const message of [null, "x", 7, {}, { generation: "../x" }, { generation: unknownId }])
      await sendMessage(stage, message);
    const good = await enqueue(stage);
    expect(await stage.ended(good)).toMatchObject({ status: "succeeded" });
    for (const id of [broken, gone]) {
      await until(async () => (await stage.record(id)).status === "failed");
      expect(await stage.record(id)).toMatchObject({
        error: { code: "internal" },
        finishedAt: expect.any(String) as string,
      });
      expect((await stage.record(id)).error?.message).toContain("nothing was drawn");
    }
    await waitForLog(stage.easel, `"job.dead","generation":"${unknownId}"`);
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(await stage.keys(`generations/${unknownId}`)).toEqual([]);
    expect(await stage.keys("jobs/")).toEqual([]);
  });
});

describe("a job that the queue or R2 refuses", () => {
  afterEach(async () => {
    for (const method of ["QUEUE.send", "BUCKET.put"]) await stage.easel.fault(method, { times: 0 });
  });

  it.each([
    ["the queue fails", "QUEUE.send", {}],
    ["R2 refuses the job", "BUCKET.put", { prefix: "jobs/" }],
    ["R2 refuses the record", "BUCKET.put", { prefix: "generations/" }],
    ["R2 writes the record but reports an error", "BUCKET.put", { prefix: "generations/", after: true }],
  ])("the answer is a clear 503 and nothing is left if %s", async (_, method, fault) => {
    const before = await stage.keys();
    await stage.easel.fault(method, fault);
    const base64 = png({ bytes: 3_000 }).bytes.toString("base64");
    const key = { "idempotency-key": `key-${++last}` };
    const answer = await postAsync(stage, { references: [{ data: base64 }] }, key);
    expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("location")]).toEqual([
      503,
      "5",
      null,
    ]);
    expect(answer.headers.get("x-should-retry")).toBeNull();
    expect((await jsonOf<{ error: { message: string } }>(answer)).error.message).toContain("nothing was drawn");
    await until(async () => (await stage.keys()).length === before.length);
    expect(await stage.keys()).toEqual(before);
    await stage.easel.fault(method, { times: 0 });
    const again = await postAsync(stage, { references: [{ data: base64 }] }, key);
    expect(again.status).toBe(202);
    await stage.ended(again.headers.get("easel-generation") ?? "");
    expect(stage.listenhub.seen).toHaveLength(1);
  });

  it("a failure of the queue is an error in the dialect's format", async () => {
    await stage.easel.fault("QUEUE.send", { times: 1 });
    const answer = await stage.post(LISTENHUB_PATH, { provider: "google", prompt: "a cat" }, ASYNC);
    expect(answer.status).toBe(503);
    expect(await jsonOf(answer)).toMatchObject({ code: expect.any(Number) as number });
  });

  it("an end record that R2 refuses causes no second vendor call", async () => {
    stage.listenhub.next({ delayMs: 500 });
    const id = await enqueue(stage);
    await stage.easel.fault("BUCKET.put", { prefix: `generations/${id}/end`, times: 4 });
    await until(async () => (await stage.record(id)).status === "failed");
    expect((await stage.record(id)).error?.message).toContain("may have charged");
    expect(stage.listenhub.seen).toHaveLength(1);
    await until(async () => (await stage.keys("jobs/")).length === 0);
  });

  it("a job that R2 fails to read is retried", async () => {
    await stage.easel.fault("BUCKET.get", { prefix: "jobs/", times: 1 });
    const id = await enqueue(stage);
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded" });
    expect(stage.listenhub.seen).toHaveLength(1);
  });
});

describe("a runtime that is killed", () => {
  it("a job that is killed in the middle is not repeated, and its record says that it may be charged", async () => {
    await restartBetween(
      [{ limits }, { limits }],
      async (first) => {
        first.listenhub.always({ delayMs: 20_000 });
        const ids = [await enqueue(first), await enqueue(first)];
        await until(() => first.listenhub.seen.length === 2);
        return ids;
      },
      async (again, ids) => {
        await sleep(limits.leaseMs + 200);
        await again.easel.scheduled();
        for (const id of ids) {
          expect(await again.ended(id)).toMatchObject({ status: "failed", error: { code: "internal" } });
          expect((await again.record(id)).error?.message).toContain("may have charged");
        }
        expect([again.listenhub.seen, await again.keys("jobs/")]).toEqual([[], []]);
      },
    );
  });

  it("a job that is killed before its delivery is queued again and generated once", async () => {
    await restartBetween(
      [{ limits, queue: { maxBatchTimeout: 30 } }, { limits }],
      async (first) => {
        const ids = await Promise.all([enqueue(first), enqueue(first), enqueue(first)]);
        expect(first.listenhub.seen).toEqual([]);
        return ids;
      },
      async (again, ids) => {
        expect((await again.record(ids[0] ?? "")).status).toBe("queued");
        await sleep(limits.leaseMs + 200);
        await Promise.all([again.easel.scheduled(), again.easel.scheduled()]);
        await again.easel.scheduled();
        for (const id of ids) expect(await again.ended(id)).toMatchObject({ status: "succeeded" });
        await sleep(1_500);
        expect(again.listenhub.seen).toHaveLength(3);
        await until(async () => (await again.keys("jobs/")).length === 0);
      },
    );
  });
});
