import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sign } from "../../docs/sign.mjs";
import { jpeg, png, until } from "../sim/index.ts";
import { twoLives } from "./lives.ts";
import { ADMIN, hashOf, heard, jsonOf, lastBody, PRO, read, said, staged, startStage } from "./stage.ts";

const KEYS = { main: "a-secret-of-the-tests-with-40-characters", next: "another-secret-of-the-tests-of-40-chars." };
const PRESETS = {
  hero: { prompt: "{prompt}, in watercolour", model: PRO, aspectRatio: "16:9", vary: ["prompt", "seed"] },
  fixed: { prompt: "a lighthouse", model: PRO, vary: [] },
};
const vars = { SIGNING_KEYS: JSON.stringify(KEYS), PRESETS: JSON.stringify(PRESETS) };
// Hundreds of viewers at once may keep a small machine busy for a minute.
const limits = { signedPerMinute: 1e6, signedWaitMs: 150_000, leaseMs: 150_000 };
const SAFE = {
  "access-control-allow-origin": "*",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "cross-origin",
};

const stage = staged({ vars, limits, faulty: true });

type Fields = Record<string, string | number>;
let last = 0;
/** A prompt that was never drawn before. */
const fresh = () => `a cat, number ${++last}`;
const url = (fields: Fields = { prompt: fresh() }, preset = "hero", kid: keyof typeof KEYS = "main") =>
  sign(preset, fields, kid, KEYS[kid]);
const view = (path: string, init: RequestInit = {}, at = stage) => at.easel.fetch(path, init);
const calls = (at = stage) => at.listenhub.seen.length;
const errorOf = async (answer: Response) => {
  const { error } = await jsonOf<{ error: { code: string; message: string; field?: string } }>(answer);
  return error;
};

describe("a view", () => {
  it("draws the picture, and the next ones get the same", async () => {
    const picture = jpeg(5);
    stage.listenhub.next({ pictures: [picture] });
    const path = url({ prompt: "a lighthouse at dusk" });
    const answer = await view(path);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...SAFE,
      "content-type": "image/jpeg",
      "content-length": String(picture.bytes.length),
      "cache-control": "public, max-age=86400",
      "accept-ranges": "bytes",
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
    });
    expect(await hashOf(answer)).toBe(picture.sha256);
    expect(lastBody(stage.listenhub.seen)).toMatchObject({
      prompt: "a lighthouse at dusk, in watercolour",
      imageConfig: { aspectRatio: "16:9" },
    });
    for (let i = 0; i < 3; i++) {
      const again = await view(path);
      expect([again.status, again.headers.get("etag")]).toEqual([200, answer.headers.get("etag")]);
      expect(await hashOf(again)).toBe(picture.sha256);
    }
    expect(calls()).toBe(1);
  });

  it("is of one picture however the URL is written, whoever signed it, and whenever it ends", async () => {
    const fields = { prompt: `${fresh()}: it's 100% (a+b)`, seed: 7 };
    const end = Math.floor(Date.now() / 1000) + 3_600;
    const path = url(fields);
    const [, query = ""] = path.split("?");
    const same = [
      path,
      `/i/hero?${query.split("&").toReversed().join("&")}`,
      `/i/hero?${String(new URLSearchParams(query))}`,
      url(fields, "hero", "next"),
      url({ ...fields, exp: end }),
      url({ ...fields, exp: end + 1 }, "hero", "next"),
    ];
    const hashes = [];
    for (const each of same) hashes.push(await hashOf(view(each)));
    expect(new Set(hashes).size).toBe(1);
    expect(calls()).toBe(1);
    // And of others in all else.
    for (const other of [{ ...fields, seed: 8 }, { prompt: fields.prompt }, { ...fields, prompt: fresh() }])
      expect((await view(url(other))).status).toBe(200);
    expect((await view(url({}, "fixed"))).status).toBe(200);
    expect(calls()).toBe(5);
  });

  it("may ask for a part, or whether it is the same", async () => {
    const picture = png({ bytes: 5_000 });
    stage.listenhub.next({ pictures: [picture] });
    const path = url();
    const part = await view(path, { headers: { range: "bytes=100-199" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 100-199/5000"]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(picture.bytes.subarray(100, 200));
    const etag = part.headers.get("etag") ?? "";
    const same = await view(path, { headers: { "if-none-match": etag } });
    expect([same.status, await same.text()]).toEqual([304, ""]);
    expect((await view(path, { headers: { range: "bytes=9000-" } })).status).toBe(416);
    expect(calls()).toBe(1);
  });

  it("by HEAD draws nothing", async () => {
    const path = url();
    const before = await view(path, { method: "HEAD" });
    expect([before.status, before.headers.get("cache-control"), calls()]).toEqual([404, "no-store", 0]);
    const bytes = (await (await view(path)).arrayBuffer()).byteLength;
    const after = await view(path, { method: "HEAD" });
    expect([after.status, after.headers.get("content-length"), calls()]).toEqual([200, String(bytes), 1]);
    expect((await view(path.replace("cat", "dog"), { method: "HEAD" })).status).toBe(403);
  });

  it("is for every page, also of a client that asks first", async () => {
    const asked = await view(url(), { method: "OPTIONS", headers: { origin: "https://example.com" } });
    expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
    expect(calls()).toBe(0);
    for (const method of ["POST", "PUT", "DELETE"]) expect((await view(url(), { method })).status).toBe(405);
  });

  it("says nothing of where the picture is for good", async () => {
    const answer = await view(url());
    const [key = ""] = (await stage.keys("pictures/")).slice(-1);
    const generations = (await stage.keys("generations/")).map((each) => each.split("/")[1] ?? "");
    expect(key).not.toBe("");
    for (const id of generations) expect(JSON.stringify([...answer.headers])).not.toContain(id);
  });

  it("is remembered no longer than its URL lasts", async () => {
    const path = url({ prompt: fresh(), exp: Math.floor(Date.now() / 1000) + 1_000 });
    const answer = await view(path);
    const [, seconds = "0"] = /^public, max-age=(\d+)$/.exec(answer.headers.get("cache-control") ?? "") ?? [];
    expect(Number(seconds)).toBeGreaterThan(900);
    expect(Number(seconds)).toBeLessThanOrEqual(1_000);
  });
});

describe("55. and 58. an altered URL", () => {
  it("is refused before anything is read or drawn, and its refusal kept by nobody", async () => {
    const path = url({ prompt: "the altered cat", seed: 1 });
    expect((await view(path)).status).toBe(200);
    stage.reset();
    const altered = [
      path.replace("altered", "other"),
      path.replace("seed=1", "seed=2"),
      `${path}&size=4K`,
      `${path}&seed=1`,
      `${path}&seed=2`,
      `${path}&%73eed=2`,
      `${path}&`,
      path.replace("&seed=1", ""),
      path.replace("seed=", "SEED="),
      path.replace("/i/hero", "/i/he%72o"),
      path.replace("/i/hero", "/i/hero/"),
      path.replace("/i/hero", "/i/fixed"),
      path.slice(0, -1),
      `${path}=`,
      path.replace("kid=main", "kid=next"),
      path.replace("kid=main", "kid=retired"),
      path.replace("kid=main&", ""),
      path.replace(/&sig=.*/, ""),
      "/i/hero",
      url({ prompt: "the altered cat", seed: 1, exp: 1_700_000_000 }),
    ];
    for (const each of altered) {
      const answer = await view(each);
      expect([each, answer.status]).toEqual([each, 403]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(await errorOf(answer)).toMatchObject({ code: "forbidden" });
    }
    expect((await view(`${stage.easel.url}/${path}`)).status).toBe(404);
    // With the picture's own ETag as well.
    const etag = (await view(path)).headers.get("etag") ?? "";
    const unsigned = await view(path.replace(/&sig=.*/, ""), { headers: { "if-none-match": etag } });
    expect(unsigned.status).toBe(403);
    expect(calls()).toBe(0);
  });

  it("is refused the same way whether its key was retired or never was, and its picture stays for the others", async () => {
    const fields = { prompt: "the cat of two keys" };
    const before = await hashOf(view(url(fields)));
    const retired = await startStage({ vars: { ...vars, SIGNING_KEYS: JSON.stringify({ next: KEYS.next }) }, limits });
    try {
      const [old, never] = [
        await view(url(fields), {}, retired),
        await view(url(fields).replace("kid=main", "kid=never"), {}, retired),
      ];
      expect([old.status, await errorOf(old)]).toEqual([never.status, await errorOf(never)]);
      expect((await view(url(fields, "hero", "next"), {}, retired)).status).toBe(200);
    } finally {
      await retired.stop();
    }
    expect(await hashOf(view(url(fields, "hero", "next")))).toBe(before);
  });

  it("62. a flood of seeds draws nothing", async () => {
    const path = url({ prompt: fresh(), seed: 1 });
    const flood = Array.from({ length: 100 }, (_, i) => view(path.replace("seed=1", `seed=${i + 2}`)));
    expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([403]));
    expect(calls()).toBe(0);
  });

  it("59. leaves no word of it in a log or an error, nor does a good one", async () => {
    const path = url({ prompt: "planted-prompt" });
    const answers = [await view(path), await view(path.replace("sig=", "sig=x")), await view(`${path}&planted-name=1`)];
    const unknown = await view(url({ prompt: "planted-prompt", other: "planted-value" }));
    const fault = { times: 1, prefix: "pictures/", message: `failed for ${KEYS.next}` };
    await stage.easel.fault("BUCKET.put", fault);
    answers.push(await view(url()));
    await heard(stage.easel, "failed for [redacted]");
    const told = await Promise.all([...answers.slice(1), unknown].map((answer) => answer.text()));
    const stored = await Promise.all(
      (await stage.keys()).map(async (key) => {
        const object = await stage.easel.bucket.get(key);
        const text = key.endsWith(".json") || key.startsWith("claims/") ? await object?.text() : "";
        return JSON.stringify([key, object?.customMetadata, text]);
      }),
    );
    for (const planted of ["planted-", KEYS.main, KEYS.next, ADMIN]) {
      expect(told.join()).not.toContain(planted);
      expect(said(stage.easel)).not.toContain(planted);
      expect(stored.join()).not.toContain(planted);
    }
  });
});

describe("what is signed but cannot be drawn", () => {
  const cases: [fields: Fields, status: number, field: string, message: string][] = [
    [
      { prompt: "a cat", size: "4K" },
      400,
      "size",
      "cannot be set with the preset hero; what may be set is prompt, seed.",
    ],
    [{ prompt: "a cat", utm_source: "mail" }, 400, "utm_source", "is not a field here"],
    [{ prompt: "a cat", references: "https://example.com/a.png" }, 400, "references", "is not a field here"],
    [{ prompt: "a cat", seed: "x" }, 400, "seed", "must be a number"],
    [{ prompt: "" }, 400, "prompt", "must not be empty"],
    [{ seed: 1 }, 400, "prompt", "is required with the preset hero"],
    [{ prompt: "a cat", exp: "soon" }, 400, "exp", "must be a time in seconds"],
    [{ prompt: "a cat", exp: 1_700_000_000 }, 403, "exp", "has expired"],
  ];
  it.each(cases)("%#: %j is refused, and nothing is remembered of it", async (fields, status, field, message) => {
    const claims = await stage.keys("claims/");
    const answer = await view(url(fields));
    expect(answer.status).toBe(status);
    const error = await errorOf(answer);
    expect([error.field, error.message]).toEqual([field, expect.stringContaining(message)]);
    expect(calls()).toBe(0);
    expect(await stage.keys("claims/")).toEqual(claims);
  });

  it.each(["nobody", "Hero"])("there is no preset %s", async (name) => {
    expect((await view(url({ prompt: "a cat" }, name))).status).toBe(404);
  });

  it("a refusal of the content is told to every view, and asked for once", async () => {
    const path = url();
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    for (let i = 0; i < 3; i++) {
      const answer = await view(path);
      expect([answer.status, answer.headers.get("cache-control")]).toEqual([422, "no-store"]);
      expect(await errorOf(answer)).toMatchObject({ code: "content_rejected" });
    }
    expect(calls()).toBe(1);
    expect((await view(path, { method: "HEAD" })).status).toBe(404);
  });

  it("a failure that passes is gone with the next view", async () => {
    const path = url();
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 503, error: {} });
    expect((await view(path)).status).toBe(502);
    expect((await view(path)).status).toBe(200);
  });
});

describe("a preset", () => {
  const put = (name: string, body: object) => stage.call("PUT", `/v1/presets/${name}`, body);

  it("that changes leaves what is drawn, until its version changes", async () => {
    const fields = { prompt: fresh() };
    await put("style", { prompt: "{prompt} in oil" });
    const first = await hashOf(view(url(fields, "style")));
    await put("style", { prompt: "{prompt} in ink" });
    expect(await hashOf(view(url(fields, "style")))).toBe(first);
    expect(calls()).toBe(1);
    // What is new is drawn as it is now.
    await view(url({ prompt: fresh() }, "style"));
    expect(lastBody(stage.listenhub.seen)).toMatchObject({ prompt: expect.stringContaining("in ink") as string });
    stage.listenhub.next({ pictures: [png({ seed: 77 })] });
    await put("style", { prompt: "{prompt} in ink", version: 2 });
    expect(await hashOf(view(url(fields, "style")))).not.toBe(first);
    await put("style", { prompt: "{prompt} in oil" });
    expect(await hashOf(view(url(fields, "style")))).toBe(first);
    expect(calls()).toBe(3);
  });

  it("that was changed elsewhere draws as it is now, though half a minute's memory serves what is drawn", async () => {
    await put("elsewhere", { prompt: "{prompt} in oil" });
    await view(url({ prompt: fresh() }, "elsewhere"));
    const changed = JSON.stringify({ prompt: "{prompt} in ink", references: [], vary: ["prompt"], version: 5 });
    await stage.easel.bucket.put("presets/elsewhere.json", changed);
    const path = url({ prompt: fresh() }, "elsewhere");
    expect((await view(path)).status).toBe(200);
    expect(lastBody(stage.listenhub.seen)).toMatchObject({ prompt: expect.stringContaining("in ink") as string });
    expect((await view(path)).status).toBe(200);
    expect(calls()).toBe(2);
  });

  it("that is deleted takes its pictures out of sight; one of the same name brings them back", async () => {
    const path = url({ prompt: fresh() }, "passing");
    await put("passing", { prompt: "{prompt}" });
    const first = await hashOf(view(path));
    await stage.call("DELETE", "/v1/presets/passing");
    expect((await view(path)).status).toBe(404);
    await put("passing", { prompt: "{prompt}" });
    expect(await hashOf(view(path))).toBe(first);
    expect(calls()).toBe(1);
  });

  it("that asks for what nobody draws is mended, and the URL works", async () => {
    const path = url({ prompt: fresh() }, "mended");
    await put("mended", { prompt: "{prompt}", model: PRO, aspectRatio: "50:1" });
    expect([(await view(path)).status, calls()]).toEqual([400, 0]);
    await put("mended", { prompt: "{prompt}", model: PRO, aspectRatio: "1:1" });
    expect((await view(path)).status).toBe(200);
  });
});

it("a failure of R2 before any vendor is asked is gone with the next view", async () => {
  const path = url();
  await stage.easel.fault("BUCKET.put", { times: 1, prefix: "generations/" });
  const first = await view(path);
  expect([first.status, first.headers.get("retry-after"), calls()]).toEqual([503, "5", 0]);
  expect((await view(path)).status).toBe(200);
});

it("a picture that was deleted is drawn anew, once for all who look", async () => {
  const path = url();
  await view(path);
  const before = await stage.keys("pictures/");
  await stage.easel.bucket.delete(before);
  stage.listenhub.next({ delayMs: 200, pictures: [png({ seed: 9 })] });
  const hashes = await Promise.all(Array.from({ length: 10 }, () => hashOf(view(path))));
  expect(new Set(hashes)).toEqual(new Set([png({ seed: 9 }).sha256]));
  expect(calls()).toBe(2);
});

describe("many at once", () => {
  it("200 viewers of a new URL make one vendor call and see one picture", async () => {
    const picture = png({ bytes: 100_000, seed: 200 });
    stage.listenhub.next({ delayMs: 1_000, pictures: [picture] });
    const path = url();
    const answers = await Promise.all(Array.from({ length: 200 }, () => read(view(path))));
    expect(calls()).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ sha256 }) => sha256))).toEqual(new Set([picture.sha256]));
  });

  it.each([
    [0, 0],
    [0, 300],
    // All look before it has begun, and again when it is over.
    [60, 0],
  ])(
    "nor do they call one after the other when the vendor, asked after %s ms, is busy after %s",
    async (writeMs, delayMs) => {
      stage.listenhub.always({ status: 503, error: {}, delayMs });
      stage.linkai.always({ status: 503, error: {} });
      await stage.easel.fault("BUCKET.put", { times: 0, delayMs: writeMs, prefix: "generations/" });
      const path = url();
      const answers = await Promise.all(Array.from({ length: 50 }, () => read(view(path))));
      await stage.easel.fault("BUCKET.put", { times: 0 });
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([502]));
      expect(calls()).toBe(1);
    },
  );

  it("each is refused a claim by R2 first, which takes one write a second: all see the picture", async () => {
    await stage.easel.fault("BUCKET.put", { times: 20, prefix: "claims/", message: "put: too many requests (10058)" });
    const path = url();
    const answers = await Promise.all(Array.from({ length: 20 }, () => read(view(path))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(calls()).toBe(1);
  });

  it("each is refused the claim of a picture that was deleted, too", async () => {
    const path = url();
    await view(path);
    await stage.easel.bucket.delete(await stage.keys("pictures/"));
    await stage.easel.fault("BUCKET.put", { times: 5, prefix: "claims/", message: "put: too many requests (10058)" });
    const answers = await Promise.all(Array.from({ length: 40 }, () => read(view(path))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(calls()).toBe(2);
  });

  it("a claim that R2 wrote although it said it failed is the writer's own", async () => {
    await stage.easel.fault("BUCKET.put", { times: 1, after: true, prefix: "claims/" });
    const from = Date.now();
    expect((await view(url())).status).toBe(200);
    expect(calls()).toBe(1);
    // Somebody else's would be waited for until its lease ended.
    expect(Date.now() - from).toBeLessThan(25_000);
  });
});

it("a view whose isolate died is not the last one: the next ones have it drawn, once", async () => {
  const path = url();
  const options = { vars, limits: { ...limits, leaseMs: 3_000 } };
  await twoLives(
    [options, options],
    async (first) => {
      first.listenhub.next({ hang: true });
      void view(path, {}, first).catch(() => undefined);
      await until(() => calls(first) === 1);
    },
    async (second) => {
      await sleep(3_200);
      const answers = await Promise.all(Array.from({ length: 10 }, () => view(path, {}, second)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(calls(second)).toBe(1);
      // By the queue, which does not end with a visit.
      expect((await second.keys("generations/")).filter((key) => key.endsWith("/queued.json"))).toHaveLength(1);
      expect((await view(path, {}, second)).status).toBe(200);
      expect(calls(second)).toBe(1);
    },
  );
});

describe("limits", () => {
  it("new pictures have a bucket; who comes second to one, and what is drawn, cost nothing", async () => {
    const few = await startStage({ vars, limits: { signedPerMinute: 3 } });
    try {
      const paths = Array.from({ length: 20 }, () => url());
      const answers = await Promise.all(paths.map((path) => view(path, {}, few)));
      const drawn = paths.filter((_, i) => answers[i]?.status === 200);
      const limited = answers.filter(({ status }) => status === 429);
      expect([drawn.length, limited.length, calls(few)]).toEqual([3, 17, 3]);
      for (const answer of limited) {
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
        expect(answer.headers.get("cache-control")).toBe("no-store");
        expect(await errorOf(answer)).toMatchObject({ code: "rate_limited" });
      }
      for (let i = 0; i < 10; i++) for (const path of drawn) expect((await view(path, {}, few)).status).toBe(200);
      expect(calls(few)).toBe(3);
    } finally {
      await few.stop();
    }
  });

  it("a bucket that is empty is told at once, also where R2 does not let go of the claim yet", async () => {
    const few = await startStage({ vars, limits: { signedPerMinute: 1 }, faulty: true });
    try {
      expect((await view(url(), {}, few)).status).toBe(200);
      const path = url();
      await few.easel.fault("BUCKET.delete", { times: 1, prefix: "claims/" });
      const from = Date.now();
      const answers = [await view(path, {}, few), await view(path, {}, few)];
      expect(answers.map(({ status }) => status)).toEqual([429, 429]);
      expect(Date.now() - from).toBeLessThan(25_000);
      await until(async () => (await few.keys("claims/")).length === 1);
    } finally {
      await few.stop();
    }
  });

  it("fifty views of one new picture take one token", async () => {
    const few = await startStage({ vars, limits: { signedPerMinute: 2 } });
    try {
      for (const path of [url(), url()]) {
        few.listenhub.next({ delayMs: 200 });
        const answers = await Promise.all(Array.from({ length: 50 }, () => view(path, {}, few)));
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      }
      expect((await view(url(), {}, few)).status).toBe(429);
    } finally {
      await few.stop();
    }
  });

  it("who waits too long is told when to come again, and then it is there", async () => {
    const short = await startStage({ vars, limits: { ...limits, signedWaitMs: 300 } });
    try {
      const path = url();
      const vendor = Promise.withResolvers<void>();
      short.listenhub.next({ after: vendor.promise });
      const first = view(path, {}, short);
      await until(() => calls(short) === 1);
      const second = await view(path, {}, short);
      expect([second.status, second.headers.get("cache-control")]).toEqual([503, "no-store"]);
      expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await errorOf(second)).toMatchObject({ message: "This picture is still being drawn." });
      vendor.resolve();
      expect((await first).status).toBe(200);
      expect((await view(path, {}, short)).status).toBe(200);
      expect(calls(short)).toBe(1);
    } finally {
      await short.stop();
    }
  });

  it("a failure is forgotten after a while", async () => {
    const soon = await startStage({ vars, limits: { ...limits, signedFailureMs: 2_000 } });
    try {
      const path = url();
      soon.listenhub.next({ finishReason: "IMAGE_SAFETY" });
      expect((await view(path, {}, soon)).status).toBe(422);
      await sleep(2_100);
      const answers = await Promise.all(Array.from({ length: 10 }, () => view(path, {}, soon)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(calls(soon)).toBe(2);
    } finally {
      await soon.stop();
    }
  });
});

it("without keys nothing is signed, and the answer says what to do", async () => {
  const bare = await startStage({ vars: { PRESETS: vars.PRESETS } });
  try {
    const answer = await view(url(), {}, bare);
    expect([answer.status, await errorOf(answer)]).toEqual([
      403,
      { code: "forbidden", message: expect.stringContaining("SIGNING_KEYS is not set") as string },
    ]);
  } finally {
    await bare.stop();
  }
});
