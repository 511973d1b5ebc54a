import { afterEach, expect, it } from "vitest";
import { enqueue } from "../../src/generate/enqueue.ts";
import { getJob, putJob } from "../../src/store/jobs.ts";
import { consume } from "../../src/schedule/queue.ts";
import { resendStale } from "../../src/schedule/resend.ts";
import { awaitRecord, putStart, type StoredRecord } from "../../src/store/records.ts";
import { png } from "../image/pictures.ts";
import { BUCKET } from "../store/bucket.ts";
import { batchOf, ctx, emptyBucket, jobOf, keysOf, messageOf, newEnv, runtimeFor, backgroundDone } from "./jobs.ts";

const MINUTE = 60_000;

afterEach(async () => {
  await backgroundDone();
  await emptyBucket();
});

it("a message that did not arrive within a lease is sent again, at doubling intervals", async () => {
  const { env, sent } = newEnv();
  const from = Date.now();
  const job = jobOf({ receivedAt: from });
  await enqueue(job, runtimeFor(env));
  const resentAt: number[] = [];
  for (let second = 12; second <= 3_600; second += 15) {
    const before = sent.length;
    await resendStale(env, from + second * 1000);
    if (sent.length > before) resentAt.push(second);
  }
  expect(resentAt).toEqual([42, 117, 267, 567, 1_167, 2_367]);
  expect(new Set(sent)).toEqual(new Set([job.id]));
  expect(await getJob(BUCKET, job.id)).toMatchObject({ id: job.id, receivedAt: from });
});

it("a job that waits for its retry is not sent before that is due", async () => {
  const { env, sent } = newEnv();
  const from = Date.now();
  const job = jobOf({ prompt: "a cat [sandbox:fail:429]" });
  await enqueue(job, runtimeFor(env));
  await putJob(BUCKET, job, from + 5 * MINUTE);
  sent.length = 0;
  await resendStale(env, from + 5 * MINUTE + 29_000);
  expect(sent).toEqual([]);
  await resendStale(env, from + 5 * MINUTE + 31_000);
  expect(sent).toEqual([job.id]);
});

it("a running job is left alone, and ended or never accepted jobs are deleted", async () => {
  const { env, sent } = newEnv();
  const later = Date.now() + 10 * MINUTE;
  const [running, ended, dropped] = [jobOf(), jobOf(), jobOf()];
  for (const job of [running, ended]) await enqueue(job, runtimeFor(env));
  await putStart(BUCKET, { ...((await awaitRecord(BUCKET, running.id)) as StoredRecord), status: "running" });
  await consume(batchOf([messageOf({ generation: ended.id })]), env, ctx);
  await putJob(BUCKET, ended, 0);
  const key = "references/x/0";
  await BUCKET.put(key, png(8, 8));
  await putJob(BUCKET, { ...dropped, uploads: [{ key, type: "image/png", width: 8, height: 8, bytes: 1 }] }, 0);
  sent.length = 0;
  await resendStale(env, later);
  expect(sent).toEqual([]);
  expect(await keysOf("jobs/")).toEqual([`jobs/${running.id}.json`]);
  expect(await keysOf("references/")).toEqual([]);
});

it("lost and unreadable jobs are sent again, so that their records end", async () => {
  const { env, sent } = newEnv({ leaseMs: 100 });
  const [lost, broken] = [jobOf(), jobOf()];
  for (const job of [lost, broken]) await enqueue(job, runtimeFor(env));
  await putStart(BUCKET, { ...((await awaitRecord(BUCKET, lost.id)) as StoredRecord), status: "running" });
  await BUCKET.put(`jobs/${broken.id}.json`, "{");
  await scheduler.wait(150);
  sent.length = 0;
  await resendStale(env);
  expect(new Set(sent)).toEqual(new Set([lost.id, broken.id]));
});

it("resendStale sends a hundred jobs in one run, and the others in the next", async () => {
  const { env, sent } = newEnv();
  const later = Date.now() + 10 * MINUTE;
  for (let n = 0; n < 105; n++) await enqueue(jobOf(), runtimeFor(env));
  sent.length = 0;
  await resendStale(env, later);
  expect(new Set(sent).size).toBe(100);
  await resendStale(env, later);
  expect([new Set(sent).size, sent.length]).toEqual([105, 105]);
});
