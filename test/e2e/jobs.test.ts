import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { DIALECTS } from "./dialects.ts";
import { CAT, waitForLog, jsonOf, LISTENHUB_PATH, PRO, readResponse, logText, staged, startStage } from "./stage.ts";
import type { RecordWire } from "./stage.ts";

/** Longer than eight at once wait for each other, and no longer than the test that is told to come again can wait. */
const stage = staged({ limits: { idempotencyWaitMs: 20_000 } });

const ASYNC = { prefer: "respond-async" };
const vendorCalls = () => stage.listenhub.seen.length + stage.linkai.generations().length;
const postAsync = (more: object = {}, headers: Record<string, string> = {}) =>
  stage.post("/v1/generations", { model: PRO, prompt: "a cat", ...more }, { ...ASYNC, ...headers });
const idOf = async (answer: Promise<Response>) => (await jsonOf<RecordWire>(answer)).id;
const getGeneration = (id: string, query = "") => stage.get(`/v1/generations/${id}${query}`);

describe("Prefer: respond-async", () => {
  it.each(Object.entries(DIALECTS))("a request as %s is answered with 202 and generated", async (_, use) => {
    const answer = await stage.post(use.path, use.requestBody(undefined), { ...use.headers, ...ASYNC });
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
    expect(vendorCalls()).toBe(1);
  });

  it("a job is stored with its record before a vendor is called, and is deleted afterwards", async () => {
    // The job stays in the queue long enough for the test to read it.
    const slow = await startStage({ queue: { maxBatchTimeout: 15 } });
    try {
      const vendor = Promise.withResolvers<void>();
      slow.listenhub.next({ after: vendor.promise });
      const base64 = png({ bytes: 3_000 }).bytes.toString("base64");
      const body = { model: PRO, prompt: "a cat", references: [{ data: base64 }] };
      const id = await idOf(slow.post("/v1/generations", body, ASYNC));
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

  it("a request that no vendor can serve is rejected at once and leaves nothing", async () => {
    const before = await stage.keys();
    const answer = await postAsync({ model: "flux-2-pro", references: [{ data: png().bytes.toString("base64") }] });
    expect([answer.status, (await jsonOf<{ error: object }>(answer)).error]).toEqual([
      404,
      expect.objectContaining({ code: "model_not_found", field: "model" }),
    ]);
    expect((await postAsync({ prompt: "" })).status).toBe(400);
    await until(async () => (await stage.keys()).length === before.length);
    expect(await stage.keys()).toEqual(before);
  });

  it("a request that no vendor can serve does not use up its Idempotency-Key", async () => {
    const key = { "idempotency-key": "job-0" };
    expect((await postAsync({ model: "flux-2-pro" }, key)).status).toBe(404);
    const good = await postAsync({}, key);
    expect(good.status).toBe(202);
    await stage.ended(good.headers.get("easel-generation") ?? "");
  });

  it("a request with `wait` gets the picture itself if it is ready in time", async () => {
    const prompt = await stage.post(LISTENHUB_PATH, CAT, { prefer: "respond-async; x=y, WAIT=10" });
    expect([prompt.status, prompt.headers.get("easel-vendor")]).toEqual([200, "listenhub"]);
    expect(await DIALECTS["listenhub"]?.pictureHashes(prompt, stage)).toHaveLength(1);
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const from = Date.now();
    const late = await postAsync({}, { prefer: 'respond-async, wait="1"' });
    expect(late.status).toBe(202);
    expect(Date.now() - from).toBeGreaterThan(900);
    vendor.resolve();
    expect(await stage.ended(late.headers.get("easel-generation") ?? "")).toMatchObject({ status: "succeeded" });
  });

  it("a request with `wait` gets the error in the dialect's format if it fails in time", async () => {
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const answer = await stage.post(LISTENHUB_PATH, CAT, { prefer: "respond-async, wait=10" });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(await jsonOf(answer)).toMatchObject({
      code: expect.any(Number) as number,
      message: expect.any(String) as string,
    });
  });

  it.each(["wait=10", "return=minimal", ""])("no other preference makes a job: %j", async (prefer) => {
    const answer = await postAsync({}, { prefer });
    expect([answer.status, answer.headers.get("location")]).toEqual([200, null]);
  });

  it("twenty jobs are generated once each", async () => {
    stage.listenhub.always({ delayMs: 200 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => idOf(postAsync())));
    const records = await Promise.all(ids.map((id) => jsonOf<RecordWire>(getGeneration(id, "?wait=30"))));
    expect(records.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => "succeeded"));
    expect(vendorCalls()).toBe(20);
    expect(new Set(ids).size).toBe(20);
  });

  it("a slow job does not delay the others of its batch", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.linkai.always({ after: vendor.promise });
    const slow = await idOf(postAsync({ model: "gpt-image-2" }));
    const quick = await Promise.all(Array.from({ length: 6 }, () => idOf(postAsync())));
    for (const id of quick) expect(await jsonOf(getGeneration(id, "?wait=30"))).toMatchObject({ status: "succeeded" });
    expect((await stage.record(slow)).status).toBe("running");
    vendor.resolve();
    await stage.ended(slow);
  });
});

it("the jobs of one batch share four vendor calls at once", async () => {
  stage.listenhub.always({ delayMs: 1_000 });
  const ids = await Promise.all(Array.from({ length: 3 }, () => idOf(postAsync({ n: 4 }))));
  for (const id of ids) expect((await stage.ended(id)).images).toHaveLength(4);
  const { seen } = stage.listenhub;
  expect(seen).toHaveLength(12);
  const busy = seen.map(({ at }) => seen.filter((other) => other.at <= at && (other.endedAt ?? Infinity) > at).length);
  expect(Math.max(...busy)).toBe(4);
});

describe("with an Idempotency-Key", () => {
  it("repeated requests with one Idempotency-Key are one job", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const key = { "idempotency-key": "job-1" };
    const answers = await Promise.all(Array.from({ length: 8 }, () => postAsync({}, key)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const [location, ...others] = new Set(answers.map(({ headers }) => headers.get("location")));
    expect(others).toEqual([]);
    const id = location?.split("/").at(-1) ?? "";
    // A request that does not accept a 202 gets a 409 with Retry-After instead.
    const now = await postAsync({}, { ...key, prefer: "" });
    expect([now.status, now.headers.get("retry-after")]).toEqual([409, "2"]);
    expect((await postAsync({ prompt: "a dog" }, key)).status).toBe(422);
    vendor.resolve();
    await stage.ended(id);
    const again = await postAsync({}, key);
    expect([again.status, again.headers.get("location")]).toEqual([202, location]);
    expect(await again.json()).toMatchObject({ status: "succeeded" });
    expect((await readResponse(postAsync({}, { ...key, prefer: "" }))).json).toMatchObject({ id, status: "succeeded" });
    expect(vendorCalls()).toBe(1);
  });

  it("a job that waits in the queue longer than a lease is not started again", async () => {
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

describe("a failed job", () => {
  it("a temporary failure is retried after the vendor's Retry-After and not before", async () => {
    const retry = { status: 429, headers: { "retry-after": "5" }, error: {} };
    stage.listenhub.next(retry);
    stage.linkai.next(retry);
    const base64 = png({ bytes: 3_000 }).bytes.toString("base64");
    const id = await idOf(postAsync({ references: [{ data: base64 }] }));
    await until(() => vendorCalls() === 2);
    await waitForLog(stage.easel, `"job.again","generation":"${id}"`);
    expect(await stage.record(id)).toMatchObject({ status: "queued", error: null });
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded" });
    const [first, second, ...others] = stage.listenhub.seen;
    expect(others).toEqual([]);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(5_000);
    // The reference of the request is still stored for the second try.
    expect(second?.body).toEqual(first?.body);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("a permanent failure is not retried", async () => {
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const id = await idOf(postAsync());
    expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "content_rejected" } });
    await until(async () => (await stage.keys("jobs/")).length === 0);
    await sleep(2_500);
    expect(vendorCalls()).toBe(1);
    expect(logText(stage.easel)).not.toContain(`"job.again","generation":"${id}"`);
  });
});

describe("GET /v1/generations/{id}?wait=", () => {
  it("the answer comes when the generation ends, at the latest after the wait", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const id = await idOf(postAsync());
    let from = Date.now();
    const early = await getGeneration(id, "?wait=1");
    expect([early.status, early.headers.get("retry-after")]).toEqual([200, "2"]);
    expect(["queued", "running"]).toContain((await jsonOf<RecordWire>(early)).status);
    expect(Date.now() - from).toBeGreaterThan(900);
    vendor.resolve();
    from = Date.now();
    const ended = await getGeneration(id, "?wait=30");
    expect(ended.headers.get("retry-after")).toBeNull();
    expect(await jsonOf<RecordWire>(ended)).toMatchObject({ status: "succeeded" });
    expect(Date.now() - from).toBeLessThan(20_000);
    from = Date.now();
    expect(await jsonOf<RecordWire>(getGeneration(id, "?wait=30"))).toMatchObject({ status: "succeeded" });
    expect(Date.now() - from).toBeLessThan(20_000);
  });

  it.each(["31", "-1", "1.5", "x", "", "1e1"])("wait=%s is rejected with the field's name", async (wait) => {
    const answer = await getGeneration(await idOf(postAsync()), `?wait=${wait}`);
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string } }>(answer);
    expect(error).toMatchObject({ code: "invalid_request", field: "wait" });
    expect(error.message).toContain("0 to 30");
  });

  it("another API key gets a 404 at once instead of waiting", async () => {
    const other = await stage.newKey();
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const id = await idOf(postAsync());
    const from = Date.now();
    const answer = await stage.get(`/v1/generations/${id}?wait=30`, other.headers);
    expect([answer.status, Date.now() - from < 20_000]).toEqual([404, true]);
    expect((await stage.easel.fetch(`/v1/generations/${id}?wait=30`)).status).toBe(401);
    vendor.resolve();
    await stage.ended(id);
  });
});
