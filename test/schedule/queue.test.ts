import { afterEach, describe, expect, it, vi } from "vitest";
import { holdTimers } from "../harness/clock.ts";
import toml from "../../wrangler.toml?raw";
import { enqueue } from "../../src/generate/enqueue.ts";
import { getJob, putJob } from "../../src/store/jobs.ts";
import { TRIES, consume } from "../../src/schedule/queue.ts";
import { endKey, awaitRecord, lifecycleOf, putStart, type StoredRecord } from "../../src/store/records.ts";
import { png } from "../image/pictures.ts";
import { BUCKET } from "../store/bucket.ts";
import { batchOf, ctx, emptyBucket, jobOf, keysOf, messageOf, newEnv, runtimeFor, backgroundDone } from "./jobs.ts";

const { env } = newEnv();
const DAY = 24 * 60 * 60_000;

afterEach(async () => {
  vi.restoreAllMocks();
  await backgroundDone();
  await emptyBucket();
});

const putReference = async () => {
  const key = "references/x/0";
  const bytes = png(64, 64);
  await BUCKET.put(key, bytes);
  return [{ key, type: "image/png", width: 64, height: 64, bytes: bytes.length }];
};
const deliver = async (generation: string, attempts = 1, queue?: string) => {
  const message = messageOf({ generation }, attempts);
  await consume(batchOf([message], queue), env, ctx);
  await backgroundDone();
  return message;
};
const markStarted = async (id: string, agoMs = 0) => {
  const record = await awaitRecord(BUCKET, id);
  await putStart(BUCKET, { ...(record as StoredRecord), status: "running" });
  if (agoMs > 0) vi.spyOn(Date, "now").mockReturnValue(Date.now() + agoMs);
};

describe("a batch", () => {
  it("messages are settled one by one: no failure affects another message", async () => {
    const jobs = Array.from({ length: 6 }, () => jobOf());
    for (const job of jobs) await enqueue(job, runtimeFor(env));
    const good = jobs.map(({ id }) => messageOf({ generation: id }));
    const bad = [null, {}, { generation: 7 }, { generation: "../x" }].map((body) => messageOf(body));
    await consume(batchOf([...bad, ...good]), env, ctx);
    expect(good.map(({ outcome }) => outcome)).toEqual(good.map(() => "ack"));
    // Waiting does not help them.
    expect(bad.map(({ outcome, delay }) => [outcome, delay])).toEqual(bad.map(() => ["retry", 0]));
    for (const { id } of jobs) expect(await awaitRecord(BUCKET, id)).toMatchObject({ status: "succeeded" });
    expect(await keysOf("jobs/")).toEqual([]);
  });

  it("no generation starts that might not end before Cloudflare ends the batch", async () => {
    const job = jobOf();
    await enqueue(job, runtimeFor(env));
    const from = Date.now();
    let now = from;
    vi.spyOn(Date, "now").mockImplementation(() => now);
    const message = messageOf({ generation: job.id });
    const consumed = consume(batchOf([message]), env, ctx);
    now = from + 4 * 60_000 + 1;
    await consumed;
    expect([message.outcome, message.delay]).toEqual(["retry", 1]);
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({ status: "queued" });
  });

  it("wrangler.toml configures as many tries as the code expects, and a consumer for dead letters", () => {
    expect(toml).toMatch(new RegExp(`queue = "easel"\\nmax_batch.+\\nmax_batch.+\\nmax_retries = ${TRIES - 1}\\n`));
    const dead = /dead_letter_queue = "(.+-dead)"/.exec(toml)?.[1];
    expect(toml).toContain(`[[queues.consumers]]\nqueue = "${dead}"\n`);
  });
});

describe("a retryable failure", () => {
  it("a retryable failure is tried again after the vendor's delay, with the reference pictures", async () => {
    const job = jobOf({ prompt: "a cat [sandbox:fail:429]", uploads: await putReference() });
    await enqueue(job, runtimeFor(env));
    const from = Date.now();
    const message = await deliver(job.id);
    expect(message.outcome).toBe("retry");
    expect(message.delay).toBeGreaterThanOrEqual(2);
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({ status: "queued" });
    expect(await keysOf("references/")).toHaveLength(1);
    const due = Number((await BUCKET.head(`jobs/${job.id}.json`))?.customMetadata?.["due"]);
    expect(due).toBeGreaterThanOrEqual(from + message.delay * 1000);
  });

  it("the last try ends the record as failed, and the same may be requested again", async () => {
    const job = jobOf({ prompt: "a cat [sandbox:fail:429]", uploads: await putReference() });
    await enqueue(job, runtimeFor(env));
    expect((await deliver(job.id, TRIES - 1)).outcome).toBe("retry");
    expect((await deliver(job.id, TRIES)).outcome).toBe("ack");
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({
      status: "failed",
      error: { code: "rate_limited" },
      failure: { retryable: true, retryAfter: 2, uncharged: true },
    });
    expect([...(await keysOf("jobs/")), ...(await keysOf("references/"))]).toEqual([]);
  });
});

describe("a permanent failure", () => {
  it("a permanent failure ends the record at once, and applies to repeated requests", async () => {
    const job = jobOf({ prompt: "a cat [sandbox:refuse]", uploads: await putReference() });
    await enqueue(job, runtimeFor(env));
    expect((await deliver(job.id)).outcome).toBe("ack");
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({
      status: "failed",
      error: { code: "content_rejected" },
      failure: { uncharged: false },
    });
    expect([...(await keysOf("jobs/")), ...(await keysOf("references/"))]).toEqual([]);
  });
});

describe("a generation that may have started", () => {
  it("a generation with a heartbeat within the lease is left alone", async () => {
    const job = jobOf();
    await enqueue(job, runtimeFor(env));
    await markStarted(job.id);
    const message = await deliver(job.id);
    expect([message.outcome, message.delay]).toEqual(["retry", 30]);
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({ status: "running" });
    expect((await deliver(job.id, 1, "easel-dead")).outcome).toBe("ack");
    expect(await awaitRecord(BUCKET, job.id)).toMatchObject({ status: "running" });
  });

  it.each(["easel", "easel-dead"])(
    "a generation without a heartbeat is lost: no vendor is called, and the record says so (%s)",
    async (queue) => {
      const job = jobOf({ uploads: await putReference() });
      await enqueue(job, runtimeFor(env));
      await markStarted(job.id, 31_000);
      expect((await deliver(job.id, 1, queue)).outcome).toBe("ack");
      const record = await awaitRecord(BUCKET, job.id);
      expect(record).toMatchObject({ status: "failed", attempts: [], error: { code: "internal" } });
      expect(record?.error?.message).toContain("may have charged");
      // A repeated request must not be charged twice.
      expect(record?.failure).toEqual({ uncharged: false });
      expect([...(await keysOf("jobs/")), ...(await keysOf("references/"))]).toEqual([]);
    },
  );

  it("a record that has ended is not changed by a later delivery", async () => {
    const job = jobOf();
    await enqueue(job, runtimeFor(env));
    await deliver(job.id);
    const before = await awaitRecord(BUCKET, job.id);
    await putJob(BUCKET, job, 0);
    expect((await deliver(job.id)).outcome).toBe("ack");
    expect((await deliver(job.id, 1, "easel-dead")).outcome).toBe("ack");
    expect(await awaitRecord(BUCKET, job.id)).toEqual(before);
    expect(await getJob(BUCKET, job.id)).toBeNull();
  });
});

describe("a job that never runs", () => {
  it("a job is cancelled after a day, with the reason in its record", async () => {
    const job = jobOf({ receivedAt: Date.now() - DAY, uploads: await putReference() });
    await enqueue(job, runtimeFor(env));
    expect((await deliver(job.id)).outcome).toBe("ack");
    const record = await awaitRecord(BUCKET, job.id);
    expect(record).toMatchObject({ status: "failed", attempts: [] });
    expect(record?.error?.message).toContain("within a day");
    expect(await keysOf("pictures/")).toEqual([]);
    expect(await keysOf("references/")).toEqual([]);
  });

  it("a dead letter fails the record, and the same may be requested again", async () => {
    const job = jobOf({ uploads: await putReference() });
    await enqueue(job, runtimeFor(env));
    expect((await deliver(job.id, 1, "easel-dead")).outcome).toBe("ack");
    const record = await awaitRecord(BUCKET, job.id);
    expect(record).toMatchObject({ status: "failed", error: { code: "internal" } });
    expect(record?.error?.message).toContain("nothing was drawn");
    expect(record?.failure).toEqual({ uncharged: true });
    expect([...(await keysOf("jobs/")), ...(await keysOf("references/"))]).toEqual([]);
    for (const body of [null, { generation: "0".repeat(40) }]) {
      const message = messageOf(body);
      await consume(batchOf([message], "easel-dead"), env, ctx);
      expect(message.outcome).toBe("ack");
    }
    expect(await keysOf("generations/0")).toEqual([]);
  });

  it("a job that cannot be read puts no prompt into the log", async () => {
    const job = jobOf();
    await enqueue(job, runtimeFor(env));
    await BUCKET.put(`jobs/${job.id}.json`, "a very secret cat");
    const lines = vi.spyOn(console, "log");
    expect(await deliver(job.id)).toMatchObject({ outcome: "retry", delay: 0 });
    expect(JSON.stringify(lines.mock.calls)).toContain("job.failed");
    expect(JSON.stringify(lines.mock.calls)).not.toContain("secret");
  });
});

it.each([1, TRIES])("a job that starts twice at the same moment, at try %i, is generated once", async (tries) => {
  const vendor = holdTimers(59_999);
  const job = jobOf({ prompt: "a cat [sandbox:slow:59999]" });
  await enqueue(job, runtimeFor(env));
  const messages = Array.from({ length: 5 }, () => messageOf({ generation: job.id }, tries));
  const last = messages.pop() as (typeof messages)[0];
  const consumed = messages.map((message) => consume(batchOf([message]), env, ctx));
  const outcomes = () => messages.map(({ outcome }) => outcome);
  await vi.waitFor(() => expect(outcomes().filter((outcome) => outcome === "retry")).toHaveLength(3), 30_000);
  // The second consumer has neither rolled back the first one's start nor ended its record.
  expect(await awaitRecord(BUCKET, job.id)).toMatchObject({ status: "running" });
  await consume(batchOf([last]), env, ctx);
  vendor.release();
  await Promise.all(consumed);
  await backgroundDone();
  expect(messages.map(({ outcome }) => outcome).toSorted()).toEqual(["ack", "retry", "retry", "retry"]);
  expect(last.outcome).toBe("retry");
  expect(await keysOf("pictures/")).toHaveLength(1);
  expect(await lifecycleOf(BUCKET, job.id, Date.now(), 30_000)).toMatchObject({
    state: "ended",
    record: { status: "succeeded" },
  });
  expect(await BUCKET.head(endKey(job.id))).not.toBeNull();
});
