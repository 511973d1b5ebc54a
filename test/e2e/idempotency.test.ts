import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { DIALECTS } from "./dialects.ts";
import { twoLives } from "./lives.ts";
import { CAT, jsonOf, LISTENHUB_PATH, PRO, read, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const stage = staged({ faulty: true, limits: { idempotencyWaitMs: 60_000 } });

let last = 0;
const fresh = () => ({ "idempotency-key": `key-${++last}` });
const calls = () => stage.listenhub.seen.length + stage.linkai.generations().length;
const body = { model: PRO, prompt: "a cat" };
const ask = (headers: Record<string, string>, more: object = {}, path = "/v1/generations") =>
  stage.post(path, { ...body, ...more }, headers);

describe("one key", () => {
  it("40. thirty at once make one call and get the same answer", async () => {
    stage.listenhub.next({ delayMs: 300, pictures: [png({ bytes: 400_000 })] });
    const key = fresh();
    const answers = await Promise.all(Array.from({ length: 30 }, () => read(ask(key))));
    expect(calls()).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect((await stage.record(answers[0]?.id ?? "")).status).toBe("succeeded");
  });

  it.each(Object.entries(DIALECTS))("is answered again in the words of %s, from what is stored", async (_, use) => {
    const headers = { ...fresh(), ...use.headers };
    const [first, second] = [
      await stage.post(use.path, use.ask(undefined), headers),
      await stage.post(use.path, use.ask(undefined), headers),
    ];
    expect([first.status, second.status, calls()]).toEqual([200, 200, 1]);
    for (const name of ["easel-generation", "easel-vendor", "easel-model", "content-type"])
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    const [one, two] = [await use.pictures(first, stage), await use.pictures(second, stage)];
    expect(two).toEqual(one);
  });

  it("also where the vendor's bytes would pass through: all get the same", async () => {
    const key = fresh();
    const one = await read(stage.post(LISTENHUB_PATH, CAT, key));
    const two = await read(stage.post(LISTENHUB_PATH, CAT, key));
    expect([one.status, two.sha256, calls()]).toEqual([200, one.sha256, 1]);
  });

  it("41. is refused for another body with 422, in the dialect's words", async () => {
    const key = fresh();
    await (await ask(key)).text();
    const other = await ask(key, { prompt: "a dog" });
    expect([other.status, other.headers.get("x-should-retry")]).toEqual([422, "false"]);
    expect(await jsonOf(other)).toMatchObject({ error: { code: "idempotency_conflict" } });
    // Another dialect's body is another body.
    expect((await stage.post("/linkai/v1/images/generations", body, key)).status).toBe(422);
    const reference = (seed: number) => ({
      references: [{ data: png({ seed, bytes: 5_000 }).bytes.toString("base64") }],
    });
    const pictured = fresh();
    await (await ask(pictured, reference(1))).text();
    expect((await ask(pictured, reference(1))).status).toBe(200);
    // The same size and shape, other bytes.
    expect((await ask(pictured, reference(2))).status).toBe(422);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("42. is another caller's own", async () => {
    const key = fresh();
    const other = await stage.newKey();
    const [one, two] = [await ask(key), await ask({ ...key, ...other.headers }, { prompt: "a dog" })];
    expect([one.status, two.status, calls()]).toEqual([200, 200, 2]);
    expect(two.headers.get("easel-generation")).not.toBe(one.headers.get("easel-generation"));
  });

  it("is told to come again while the first is drawn: 409 with Retry-After", async () => {
    const hasty = await startStage();
    const ask = (headers: Record<string, string>) => hasty.post("/v1/generations", body, headers);
    const calls = () => hasty.listenhub.seen.length;
    const vendor = Promise.withResolvers<void>();
    hasty.listenhub.next({ after: vendor.promise });
    const key = fresh();
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

  it.each(["a\tb", "caf\u00e9", "x".repeat(256)])("must be short and printable ASCII: %j", async (key) => {
    const answer = await ask({ "idempotency-key": key });
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "invalid_request", field: "Idempotency-Key" } });
  });
});

describe("a failure", () => {
  it("that passes lets go of the key", async () => {
    const key = fresh();
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 503, error: {} });
    expect((await ask(key)).status).toBe(502);
    expect((await ask(key)).status).toBe(200);
  });

  it("that stays is told again without another call", async () => {
    const key = fresh();
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    const [one, two] = [await read(ask(key)), await read(ask(key))];
    expect([one.status, two.status, two.id]).toEqual([422, 422, one.id]);
    expect(two.json).toEqual(one.json);
    expect(calls()).toBe(1);
  });

  it("of the request itself uses no key up, nor one that no vendor was asked for", async () => {
    for (const wrong of [{ n: 0 }, { model: "flux-2-pro" }, { size: "512" }]) {
      const key = fresh();
      const answer = await ask(key, wrong);
      expect([wrong, answer.ok]).toEqual([wrong, false]);
      expect((await ask(key)).status).toBe(200);
    }
  });

  it("of R2 before any vendor is asked uses none up either", async () => {
    for (const prefix of ["generations/", "claims/"]) {
      const key = fresh();
      const before = calls();
      const answer = await faulted(prefix, () => ask(key));
      expect([answer.status >= 500, calls()]).toEqual([true, before]);
      // Its claim is let go of behind the answer.
      expect((await ask(key)).status).toBe(200);
      expect(calls()).toBe(before + 1);
    }
    const answer = await faulted("generations/", () => ask(fresh()));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "internal" } });
  });

  it("is told to all who asked at once in the same words, headers too", async () => {
    for (const failure of [
      { status: 429, error: {}, headers: { "retry-after": "77" } },
      { status: 503, error: {} },
      { status: 400, error: { code: 400, message: "no such thing" } },
    ])
      for (const use of Object.values(DIALECTS)) {
        stage.reset();
        const key = { ...fresh(), ...use.headers };
        for (const vendor of [stage.listenhub, stage.linkai]) vendor.always({ ...failure, delayMs: 200 });
        const answers = await Promise.all(
          Array.from({ length: 4 }, () => stage.post(use.path, use.ask(undefined), key)),
        );
        const told = await Promise.all(
          answers.map(async (answer) => {
            const { status, headers } = answer;
            const names = ["retry-after", "x-should-retry", "easel-vendor", "easel-model", "easel-warnings"];
            const text = (await answer.text()).replaceAll(headers.get("x-request-id") ?? "-", "");
            return JSON.stringify([status, ...names.map((name) => headers.get(name)), text]);
          }),
        );
        expect(new Set(told).size).toBe(1);
      }
  });
});

it("is told that its picture has been deleted, and never answered without one", async () => {
  for (const use of Object.values(DIALECTS)) {
    const key = { ...fresh(), ...use.headers };
    const drawn = await stage.post(use.path, use.ask(undefined), key);
    expect(drawn.status).toBe(200);
    await drawn.arrayBuffer();
    const pictures = await stage.keys(`pictures/${drawn.headers.get("easel-generation")}/`);
    expect(pictures).toHaveLength(1);
    await stage.easel.bucket.delete(pictures);
    const before = calls();
    const again = await stage.post(use.path, use.ask(undefined), key);
    expect([again.ok, calls()]).toEqual([false, before]);
    expect(await again.text()).toContain("has been deleted here");
  }
});

/** What is answered while R2 refuses every put below `prefix`. */
async function faulted(prefix: string, act: () => Promise<Response>): Promise<Response> {
  await stage.easel.fault("BUCKET.put", { times: 1e9, prefix });
  try {
    return await act();
  } finally {
    await stage.easel.fault("BUCKET.put", { times: 0 });
  }
}

const claimed = (on: Stage) => until(async () => (await on.keys("claims/")).length === 1);

describe("43. an owner that died", () => {
  const limits = { leaseMs: 600, idempotencyWaitMs: 20_000 };
  it("after the vendor was asked: nobody pays twice, and the caller is told so", async () => {
    const key = fresh();
    await twoLives(
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

  it("before any vendor was asked: another draws it", async () => {
    const slow = await startStage({ faulty: true, limits });
    try {
      const key = fresh();
      // It holds the claim, and hangs where it would note that it begins.
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

describe("an owner that is slow", () => {
  const slowly = { hold: true, prefix: "generations/" };
  it.each([
    ["begins after all", { ...slowly, times: 0 }],
    ["and then cannot begin", { ...slowly, times: 1 }],
  ])("%s: whoever took its place is the only one who draws", async (_, fault) => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = fresh();
      const draw = () => slow.post("/v1/generations", body, key);
      await slow.easel.fault("BUCKET.put", fault);
      const first = draw();
      await claimed(slow);
      await sleep(1_000);
      const second = await read(draw());
      await slow.easel.fault("BUCKET.put", { times: 0 });
      const late = await first;
      await late.arrayBuffer();
      const third = await read(draw());
      expect([second.status, late.ok, third.status, third.id]).toEqual([200, false, 200, second.id]);
      expect(slow.listenhub.seen).toHaveLength(1);
    } finally {
      await slow.stop();
    }
  });
});

describe("an owner that hangs before it begins", () => {
  it.each([
    ["whoever takes over cannot at first", { times: 3, prefix: "claims/" }, {}],
    ["R2 says that it was not kept from beginning", { times: 1, after: true, prefix: "generations/" }, {}],
    ["the same, to be drawn later", { times: 3, prefix: "claims/" }, { prefer: "respond-async, wait=20" }],
  ])("holds its key no longer than its lease: %s", async (_, fault, prefer) => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = { ...fresh(), ...prefer };
      const draw = async () => (await read(slow.post("/v1/generations", body, key))).status;
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

  it("and queues it after all: it is not drawn, and its record says why", async () => {
    const slow = await startStage({ faulty: true, limits: { leaseMs: 600, idempotencyWaitMs: 20_000 } });
    try {
      const key = { ...fresh(), prefer: "respond-async" };
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

describe("a vendor that was not there", () => {
  it.each([
    ["/v1/generations", body],
    [LISTENHUB_PATH, CAT],
  ])("charges nothing: %s is drawn once it is", async (path, request) => {
    const key = { "idempotency-key": "while it is away" };
    const gone = { vars: { LISTENHUB_BASE_URL: "http://127.0.0.1:1/openapi" }, vendors: ["listenhub" as const] };
    await twoLives(
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

it("a start that R2 wrote although it said it did not is taken back", async () => {
  const key = fresh();
  await stage.easel.fault("BUCKET.put", { times: 1, after: true, prefix: "generations/" });
  expect((await ask(key)).status).toBe(503);
  expect((await ask(key)).status).toBe(200);
  expect(calls()).toBe(1);
});

it("a reference that cannot be read back once is read the next time", async () => {
  const key = fresh();
  const reference = { references: [{ data: png({ bytes: 5_000 }).bytes.toString("base64") }] };
  await stage.easel.fault("BUCKET.get", { times: 3, prefix: "references/" });
  expect((await ask(key, reference)).ok).toBe(false);
  await stage.easel.fault("BUCKET.get", { times: 0 });
  expect((await ask(key, reference)).status).toBe(200);
});
