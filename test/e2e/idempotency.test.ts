import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { DIALECTS } from "./dialects.ts";
import { restartBetween } from "./lives.ts";
import { CAT, jsonOf, LISTENHUB_PATH, PRO, readResponse, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const stage = staged({ faulty: true, limits: { idempotencyWaitMs: 60_000 } });

let last = 0;
const newIdempotencyKey = () => ({ "idempotency-key": `key-${++last}` });
const vendorCalls = () => stage.listenhub.seen.length + stage.linkai.generations().length;
const body = { model: PRO, prompt: "a cat" };
const postGeneration = (headers: Record<string, string>, more: object = {}, path = "/v1/generations") =>
  stage.post(path, { ...body, ...more }, headers);

describe("requests with one Idempotency-Key", () => {
  it("thirty requests at once make one call and get the same answer [fault 40]", async () => {
    stage.listenhub.next({ delayMs: 300, pictures: [png({ bytes: 400_000 })] });
    const key = newIdempotencyKey();
    const answers = await Promise.all(Array.from({ length: 30 }, () => readResponse(postGeneration(key))));
    expect(vendorCalls()).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect((await stage.record(answers[0]?.id ?? "")).status).toBe("succeeded");
  });

  it.each(Object.entries(DIALECTS))("a repeated request as %s gets the stored answer", async (_, use) => {
    const headers = { ...newIdempotencyKey(), ...use.headers };
    const [first, second] = [
      await stage.post(use.path, use.requestBody(undefined), headers),
      await stage.post(use.path, use.requestBody(undefined), headers),
    ];
    expect([first.status, second.status, vendorCalls()]).toEqual([200, 200, 1]);
    for (const name of ["easel-generation", "easel-vendor", "easel-model", "content-type"])
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    const [one, two] = [await use.pictureHashes(first, stage), await use.pictureHashes(second, stage)];
    expect(two).toEqual(one);
  });

  it("a repeated request of the pass-through dialect gets the same bytes", async () => {
    const key = newIdempotencyKey();
    const one = await readResponse(stage.post(LISTENHUB_PATH, CAT, key));
    const two = await readResponse(stage.post(LISTENHUB_PATH, CAT, key));
    expect([one.status, two.sha256, vendorCalls()]).toEqual([200, one.sha256, 1]);
  });

  it("another body with the same key is rejected with 422 in the dialect's format [fault 41]", async () => {
    const key = newIdempotencyKey();
    await (await postGeneration(key)).text();
    const other = await postGeneration(key, { prompt: "a dog" });
    expect([other.status, other.headers.get("x-should-retry")]).toEqual([422, "false"]);
    expect(await jsonOf(other)).toMatchObject({ error: { code: "idempotency_conflict" } });
    // A body of another dialect counts as another body.
    expect((await stage.post("/linkai/v1/images/generations", body, key)).status).toBe(422);
    const reference = (seed: number) => ({
      references: [{ data: png({ seed, bytes: 5_000 }).bytes.toString("base64") }],
    });
    const pictured = newIdempotencyKey();
    await (await postGeneration(pictured, reference(1))).text();
    expect((await postGeneration(pictured, reference(1))).status).toBe(200);
    // The same size and shape, other bytes.
    expect((await postGeneration(pictured, reference(2))).status).toBe(422);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("the same Idempotency-Key of another API key is independent [fault 42]", async () => {
    const key = newIdempotencyKey();
    const other = await stage.newKey();
    const [one, two] = [
      await postGeneration(key),
      await postGeneration({ ...key, ...other.headers }, { prompt: "a dog" }),
    ];
    expect([one.status, two.status, vendorCalls()]).toEqual([200, 200, 2]);
    expect(two.headers.get("easel-generation")).not.toBe(one.headers.get("easel-generation"));
  });

  it("a repeated request gets 409 with Retry-After while the first one runs", async () => {
    const hasty = await startStage();
    const ask = (headers: Record<string, string>) => hasty.post("/v1/generations", body, headers);
    const calls = () => hasty.listenhub.seen.length;
    const vendor = Promise.withResolvers<void>();
    hasty.listenhub.next({ after: vendor.promise });
    const key = newIdempotencyKey();
    const first = ask(key);
    await until(() => calls() === 1);
    const second = await ask(key);
    expect([second.status, second.headers.get("retry-after")]).toEqual([409, "2"]);
    expect(second.headers.get("x-should-retry")).toBeNull();
    vendor.resolve();
    expect((await first).status).toBe(200);
    expect((await ask(key)).status).toBe(200);
    expect(calls()).toBe(1);
    await hasty.stop();
  });

  it.each(["a\tb", "caf\u00e9", "x".repeat(256)])("a key must be short and printable ASCII: %j", async (key) => {
    const answer = await postGeneration({ "idempotency-key": key });
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "invalid_request", field: "Idempotency-Key" } });
  });
});

describe("a failure with an Idempotency-Key", () => {
  it("a temporary failure releases the key", async () => {
    const key = newIdempotencyKey();
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 503, error: {} });
    expect((await postGeneration(key)).status).toBe(502);
    expect((await postGeneration(key)).status).toBe(200);
  });

  it("a permanent failure is returned again without another call", async () => {
    const key = newIdempotencyKey();
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const [one, two] = [await readResponse(postGeneration(key)), await readResponse(postGeneration(key))];
    expect([one.status, two.status, two.id]).toEqual([422, 422, one.id]);
    expect(two.json).toEqual(one.json);
    expect(vendorCalls()).toBe(1);
  });

  it("a request that fails before a vendor call does not use up its key", async () => {
    for (const wrong of [{ n: 0 }, { model: "flux-2-pro" }, { size: "512" }]) {
      const key = newIdempotencyKey();
      const answer = await postGeneration(key, wrong);
      expect([wrong, answer.ok]).toEqual([wrong, false]);
      expect((await postGeneration(key)).status).toBe(200);
    }
  });

  it("a failure of R2 before a vendor call does not use up the key", async () => {
    for (const prefix of ["generations/", "claims/"]) {
      const key = newIdempotencyKey();
      const before = vendorCalls();
      const answer = await withFailingPuts(prefix, () => postGeneration(key));
      expect([answer.status >= 500, vendorCalls()]).toEqual([true, before]);
      // Its claim is released after the answer.
      expect((await postGeneration(key)).status).toBe(200);
      expect(vendorCalls()).toBe(before + 1);
    }
    const answer = await withFailingPuts("generations/", () => postGeneration(newIdempotencyKey()));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "internal" } });
  });

  it("concurrent requests get the same failure with the same headers", async () => {
    for (const failure of [
      { status: 429, error: {}, headers: { "retry-after": "77" } },
      { status: 503, error: {} },
      { status: 400, error: { code: 400, message: "no such thing" } },
    ])
      for (const use of Object.values(DIALECTS)) {
        stage.reset();
        const key = { ...newIdempotencyKey(), ...use.headers };
        for (const vendor of [stage.listenhub, stage.linkai]) vendor.always({ ...failure, delayMs: 200 });
        const answers = await Promise.all(
          Array.from({ length: 4 }, () => stage.post(use.path, use.requestBody(undefined), key)),
        );
        const responses = await Promise.all(
          answers.map(async (answer) => {
            const { status, headers } = answer;
            const names = ["retry-after", "x-should-retry", "easel-vendor", "easel-model", "easel-warnings"];
            const text = (await answer.text()).replaceAll(headers.get("x-request-id") ?? "-", "");
            return JSON.stringify([status, ...names.map((name) => headers.get(name)), text]);
          }),
        );
        expect(new Set(responses).size).toBe(1);
      }
  });
});

it("a repeated request whose picture has been deleted gets an error that says so", async () => {
  for (const use of Object.values(DIALECTS)) {
    const key = { ...newIdempotencyKey(), ...use.headers };
    const drawn = await stage.post(use.path, use.requestBody(undefined), key);
    expect(drawn.status).toBe(200);
    await drawn.arrayBuffer();
    const pictures = await stage.keys(`pictures/${drawn.headers.get("easel-generation")}/`);
    expect(pictures).toHaveLength(1);
    await stage.easel.bucket.delete(pictures);
    const before = vendorCalls();
    const again = await stage.post(use.path, use.requestBody(undefined), key);
    expect([again.ok, vendorCalls()]).toEqual([false, before]);
    expect(await again.text()).toContain("has been deleted here");
  }
});

/** Return the answer that `act` gets while R2 refuses every put under `prefix`. */
async function withFailingPuts(prefix: string, act: () => Promise<Response>): Promise<Response> {
  await stage.easel.fault("BUCKET.put", { times: 1e9, prefix });
  try {
    return await act();
  } finally {
    await stage.easel.fault("BUCKET.put", { times: 0 });
  }
}

const claimed = (on: Stage) => until(async () => (await on.keys("claims/")).length === 1);

describe("a claim's owner that dies [fault 43]", () => {
  const limits = { leaseMs: 600, idempotencyWaitMs: 20_000 };
  it("a generation whose owner dies after its vendor call is never repeated [fault 43]", async () => {
    const key = newIdempotencyKey();
    await restartBetween(
      [{ limits }, { limits }],
      async (first) => {
        first.listenhub.next({ hang: true });
        void first.post("/v1/generations", body, key).catch(() => undefined);
        await until(() => first.listenhub.seen.length === 1);
      },
      async (again) => {
        await sleep(700);
        const answer = await again.post("/v1/generations", body, key);
        expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("x-should-retry")]).toEqual([
          409,
          null,
          "false",
        ]);
        expect((await jsonOf<{ error: { message: string } }>(answer)).error.message).toContain("may have been charged");
        expect(again.listenhub.seen).toEqual([]);
      },
    );
  });

  it("a generation whose owner dies before the vendor call is run by another [fault 43]", async () => {
    const slow = await startStage({ faulty: true, limits });
    try {
      const key = newIdempotencyKey();
      // It holds the claim, and hangs while it writes its start record.
      await slow.easel.fault("BUCKET.put", { hold: true, prefix: "generations/" });
      void slow.post("/v1/generations", body, key).catch(() => undefined);
      await claimed(slow);
      expect((await slow.post("/v1/generations", body, key)).status).toBe(200);
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });
});

describe("a claim's owner that is slow", () => {
  const slowWrites = { hold: true, prefix: "generations/" };
  it.each([
    ["starts later", { ...slowWrites, times: 0 }],
    ["fails to start later", { ...slowWrites, times: 1 }],
  ])("only the new owner calls a vendor if the slow one %s", async (_, fault) => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = newIdempotencyKey();
      const draw = () => slow.post("/v1/generations", body, key);
      await slow.easel.fault("BUCKET.put", fault);
      const first = draw();
      await claimed(slow);
      await sleep(1_000);
      const second = await readResponse(draw());
      await slow.easel.fault("BUCKET.put", { times: 0 });
      const late = await first;
      await late.arrayBuffer();
      const third = await readResponse(draw());
      expect([second.status, late.ok, third.status, third.id]).toEqual([200, false, 200, second.id]);
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });
});

describe("a claim's owner that hangs before it starts", () => {
  it.each([
    ["the takeover fails at first", { times: 3, prefix: "claims/" }, {}],
    ["R2 reports that the fence failed", { times: 1, after: true, prefix: "generations/" }, {}],
    ["the takeover of a job fails at first", { times: 3, prefix: "claims/" }, { prefer: "respond-async, wait=20" }],
  ])("a hanging owner keeps its key no longer than its lease: %s", async (_, fault, prefer) => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = { ...newIdempotencyKey(), ...prefer };
      const draw = async () => (await readResponse(slow.post("/v1/generations", body, key))).status;
      await slow.easel.fault("BUCKET.put", { delayMs: 30_000, prefix: "generations/" });
      void draw().catch(() => undefined);
      await claimed(slow);
      await sleep(1_000);
      await slow.easel.fault("BUCKET.put", fault);
      await draw();
      await slow.easel.fault("BUCKET.put", { times: 0 });
      await sleep(800);
      expect(await draw()).toBe(200);
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });

  it("a job that a replaced owner queues is not generated, and its record says why", async () => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = { ...newIdempotencyKey(), prefer: "respond-async" };
      const draw = () => slow.post("/v1/generations", body, key);
      await slow.easel.fault("BUCKET.put", { hold: true, times: 0, prefix: "jobs/" });
      const first = draw();
      await claimed(slow);
      await sleep(1_000);
      const second = await draw();
      await slow.easel.fault("BUCKET.put", { times: 0 });
      const late = (await first).headers.get("easel-generation") ?? "";
      await until(async () => (await slow.keys("jobs/")).length === 0);
      expect(await slow.record(late)).toMatchObject({ status: "failed" });
      expect((await slow.record(late)).error?.message).toContain("another was drawn in its place");
      expect(await slow.record(second.headers.get("easel-generation") ?? "")).toMatchObject({ status: "succeeded" });
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });
});

describe("an unreachable vendor", () => {
  it.each([
    ["/v1/generations", body],
    [LISTENHUB_PATH, CAT],
  ])("POST %s succeeds with the same key once the vendor is back", async (path, request) => {
    const key = { "idempotency-key": "while it is away" };
    const gone = { vars: { LISTENHUB_BASE_URL: "http://127.0.0.1:1/openapi" }, vendors: ["listenhub" as const] };
    await restartBetween(
      [gone, { vendors: ["listenhub"] }],
      async (away) => {
        expect((await away.post(path, request, key)).ok).toBe(false);
        await sleep(20);
      },
      async (back) => {
        expect((await back.post(path, request, key)).status).toBe(200);
        expect(back.listenhub.seen).toHaveLength(1);
      },
    );
  });
});

it("a start record that R2 wrote despite an error is rolled back", async () => {
  const key = newIdempotencyKey();
  await stage.easel.fault("BUCKET.put", { times: 1, after: true, prefix: "generations/" });
  expect((await postGeneration(key)).status).toBe(503);
  expect((await postGeneration(key)).status).toBe(200);
  expect(vendorCalls()).toBe(1);
});

it("a reference that could not be read back is read for the next request", async () => {
  const key = newIdempotencyKey();
  const reference = { references: [{ data: png({ bytes: 5_000 }).bytes.toString("base64") }] };
  await stage.easel.fault("BUCKET.get", { times: 3, prefix: "references/" });
  expect((await postGeneration(key, reference)).ok).toBe(false);
  await stage.easel.fault("BUCKET.get", { times: 0 });
  expect((await postGeneration(key, reference)).status).toBe(200);
});
