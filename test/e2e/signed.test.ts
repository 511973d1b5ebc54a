import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sign } from "../../docs/sign.mjs";
import { jpeg, png, until } from "../sim/index.ts";
import { restartBetween } from "./lives.ts";
import {
  ADMIN,
  hashOf,
  waitForLog,
  jsonOf,
  lastBody,
  PRO,
  readResponse,
  logText,
  staged,
  startStage,
} from "./stage.ts";

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
let promptCount = 0;
/** Return a prompt that no earlier test has used. */
const newPrompt = () => `a cat, number ${++promptCount}`;
const signedUrl = (fields: Fields = { prompt: newPrompt() }, preset = "hero", kid: keyof typeof KEYS = "main") =>
  sign(preset, fields, kid, KEYS[kid]);
const viewUrl = (path: string, init: RequestInit = {}, target = stage) => target.easel.fetch(path, init);
const callCount = (target = stage) => target.listenhub.seen.length;
const errorOf = async (response: Response) => {
  const { error } = await jsonOf<{ error: { code: string; message: string; field?: string } }>(response);
  return error;
};

describe("GET /i/{preset}", () => {
  it("the first view of a signed URL generates the picture and later views get the same", async () => {
    const picture = jpeg(5);
    stage.listenhub.next({ pictures: [picture] });
    const path = signedUrl({ prompt: "a lighthouse at dusk" });
    const response = await viewUrl(path);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      ...SAFE,
      "content-type": "image/jpeg",
      "content-length": String(picture.bytes.length),
      "cache-control": "public, max-age=86400",
      "accept-ranges": "bytes",
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
    });
    expect(await hashOf(response)).toBe(picture.sha256);
    expect(lastBody(stage.listenhub.seen)).toMatchObject({
      prompt: "a lighthouse at dusk, in watercolour",
      imageConfig: { aspectRatio: "16:9" },
    });
    for (let i = 0; i < 3; i++) {
      const again = await viewUrl(path);
      expect([again.status, again.headers.get("etag")]).toEqual([200, response.headers.get("etag")]);
      expect(await hashOf(again)).toBe(picture.sha256);
    }
    expect(callCount()).toBe(1);
  });

  it("a signed URL returns the same picture for every equivalent query, signing key and expiry", async () => {
    const fields = { prompt: `${newPrompt()}: it's 100% (a+b)`, seed: 7 };
    const end = Math.floor(Date.now() / 1000) + 3_600;
    const path = signedUrl(fields);
    const [, query = ""] = path.split("?");
    const same = [
      path,
      `/i/hero?${query.split("&").toReversed().join("&")}`,
      `/i/hero?${String(new URLSearchParams(query))}`,
      signedUrl(fields, "hero", "next"),
      signedUrl({ ...fields, exp: end }),
      signedUrl({ ...fields, exp: end + 1 }, "hero", "next"),
    ];
    const hashes = [];
    for (const equivalent of same) hashes.push(await hashOf(viewUrl(equivalent)));
    expect(new Set(hashes).size).toBe(1);
    expect(callCount()).toBe(1);
    // Every other difference yields another picture.
    for (const other of [{ ...fields, seed: 8 }, { prompt: fields.prompt }, { ...fields, prompt: newPrompt() }])
      expect((await viewUrl(signedUrl(other))).status).toBe(200);
    expect((await viewUrl(signedUrl({}, "fixed"))).status).toBe(200);
    expect(callCount()).toBe(5);
  });

  it("a view supports range and conditional requests", async () => {
    const picture = png({ bytes: 5_000 });
    stage.listenhub.next({ pictures: [picture] });
    const path = signedUrl();
    const part = await viewUrl(path, { headers: { range: "bytes=100-199" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 100-199/5000"]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(picture.bytes.subarray(100, 200));
    const etag = part.headers.get("etag") ?? "";
    const same = await viewUrl(path, { headers: { "if-none-match": etag } });
    expect([same.status, await same.text()]).toEqual([304, ""]);
    expect((await viewUrl(path, { headers: { range: "bytes=9000-" } })).status).toBe(416);
    expect(callCount()).toBe(1);
  });

  it("HEAD generates nothing", async () => {
    const path = signedUrl();
    const before = await viewUrl(path, { method: "HEAD" });
    expect([before.status, before.headers.get("cache-control"), callCount()]).toEqual([404, "no-store", 0]);
    const bytes = (await (await viewUrl(path)).arrayBuffer()).byteLength;
    const after = await viewUrl(path, { method: "HEAD" });
    expect([after.status, after.headers.get("content-length"), callCount()]).toEqual([200, String(bytes), 1]);
    expect((await viewUrl(path.replace("cat", "dog"), { method: "HEAD" })).status).toBe(403);
  });

  it("a view allows every origin, answers a preflight request and rejects other methods", async () => {
    const preflight = await viewUrl(signedUrl(), { method: "OPTIONS", headers: { origin: "https://example.com" } });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
    expect(callCount()).toBe(0);
    for (const method of ["POST", "PUT", "DELETE"]) expect((await viewUrl(signedUrl(), { method })).status).toBe(405);
  });

  it("a view's headers never contain the generation's id", async () => {
    const response = await viewUrl(signedUrl());
    const [key = ""] = (await stage.keys("pictures/")).slice(-1);
    const generations = (await stage.keys("generations/")).map((key) => key.split("/")[1] ?? "");
    expect(key).not.toBe("");
    for (const id of generations) expect(JSON.stringify([...response.headers])).not.toContain(id);
  });

  it("a view is cached no longer than until its URL expires", async () => {
    const path = signedUrl({ prompt: newPrompt(), exp: Math.floor(Date.now() / 1000) + 1_000 });
    const response = await viewUrl(path);
    const [, seconds = "0"] = /^public, max-age=(\d+)$/.exec(response.headers.get("cache-control") ?? "") ?? [];
    expect(Number(seconds)).toBeGreaterThan(900);
    expect(Number(seconds)).toBeLessThanOrEqual(1_000);
  });
});

describe("altered URLs [fault 55] [fault 58]", () => {
  it("an altered URL is rejected before any generation and its error is not cached", async () => {
    const path = signedUrl({ prompt: "the altered cat", seed: 1 });
    expect((await viewUrl(path)).status).toBe(200);
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
      signedUrl({ prompt: "the altered cat", seed: 1, exp: 1_700_000_000 }),
    ];
    for (const alteredPath of altered) {
      const response = await viewUrl(alteredPath);
      expect([alteredPath, response.status]).toEqual([alteredPath, 403]);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(await errorOf(response)).toMatchObject({ code: "forbidden" });
    }
    expect((await viewUrl(`${stage.easel.url}/${path}`)).status).toBe(404);
    // An ETag of the picture does not help without a signature.
    const etag = (await viewUrl(path)).headers.get("etag") ?? "";
    const unsigned = await viewUrl(path.replace(/&sig=.*/, ""), { headers: { "if-none-match": etag } });
    expect(unsigned.status).toBe(403);
    expect(callCount()).toBe(0);
  });

  it("a retired and an unknown signing key get the same error, and the picture stays for other keys", async () => {
    const fields = { prompt: "the cat of two keys" };
    const before = await hashOf(viewUrl(signedUrl(fields)));
    const retired = await startStage({ vars: { ...vars, SIGNING_KEYS: JSON.stringify({ next: KEYS.next }) }, limits });
    try {
      const [retiredKey, unknownKey] = [
        await viewUrl(signedUrl(fields), {}, retired),
        await viewUrl(signedUrl(fields).replace("kid=main", "kid=never"), {}, retired),
      ];
      expect([retiredKey.status, await errorOf(retiredKey)]).toEqual([unknownKey.status, await errorOf(unknownKey)]);
      expect((await viewUrl(signedUrl(fields, "hero", "next"), {}, retired)).status).toBe(200);
    } finally {
      await retired.stop();
    }
    expect(await hashOf(viewUrl(signedUrl(fields, "hero", "next")))).toBe(before);
  });

  it("a flood of altered seeds generates nothing [fault 62]", async () => {
    const path = signedUrl({ prompt: newPrompt(), seed: 1 });
    const flood = Array.from({ length: 100 }, (_, i) => viewUrl(path.replace("seed=1", `seed=${i + 2}`)));
    expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([403]));
    expect(callCount()).toBe(0);
  });

  it("neither a valid nor an altered URL leaves its text in logs, errors or R2 [fault 59]", async () => {
    const path = signedUrl({ prompt: "planted-prompt" });
    const responses = [
      await viewUrl(path),
      await viewUrl(path.replace("sig=", "sig=x")),
      await viewUrl(`${path}&planted-name=1`),
    ];
    const unknown = await viewUrl(signedUrl({ prompt: "planted-prompt", other: "planted-value" }));
    const fault = { times: 1, prefix: "pictures/", message: `failed for ${KEYS.next}` };
    await stage.easel.fault("BUCKET.put", fault);
    responses.push(await viewUrl(signedUrl()));
    await waitForLog(stage.easel, "failed for [redacted]");
    const errorTexts = await Promise.all([...responses.slice(1), unknown].map((response) => response.text()));
    const stored = await Promise.all(
      (await stage.keys()).map(async (key) => {
        const object = await stage.easel.bucket.get(key);
        const text = key.endsWith(".json") || key.startsWith("claims/") ? await object?.text() : "";
        return JSON.stringify([key, object?.customMetadata, text]);
      }),
    );
    for (const planted of ["planted-", KEYS.main, KEYS.next, ADMIN]) {
      expect(errorTexts.join()).not.toContain(planted);
      expect(logText(stage.easel)).not.toContain(planted);
      expect(stored.join()).not.toContain(planted);
    }
  });
});

describe("signed URLs that cannot be served", () => {
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
  it.each(cases)(
    "%#: the signed fields %j are rejected and no claim is stored",
    async (fields, status, field, message) => {
      const claims = await stage.keys("claims/");
      const response = await viewUrl(signedUrl(fields));
      expect(response.status).toBe(status);
      const error = await errorOf(response);
      expect([error.field, error.message]).toEqual([field, expect.stringContaining(message)]);
      expect(callCount()).toBe(0);
      expect(await stage.keys("claims/")).toEqual(claims);
    },
  );

  it.each(["nobody", "Hero"])("a signed URL of the unknown preset %s returns 404", async (name) => {
    expect((await viewUrl(signedUrl({ prompt: "a cat" }, name))).status).toBe(404);
  });

  it("a content refusal is returned to every view after one vendor call", async () => {
    const path = signedUrl();
    stage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
    for (let i = 0; i < 3; i++) {
      const response = await viewUrl(path);
      expect([response.status, response.headers.get("cache-control")]).toEqual([422, "no-store"]);
      expect(await errorOf(response)).toMatchObject({ code: "content_rejected" });
    }
    expect(callCount()).toBe(1);
    expect((await viewUrl(path, { method: "HEAD" })).status).toBe(404);
  });

  it("a view after a temporary failure generates the picture", async () => {
    const path = signedUrl();
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 503, error: {} });
    expect((await viewUrl(path)).status).toBe(502);
    expect((await viewUrl(path)).status).toBe(200);
  });
});

describe("presets of signed URLs", () => {
  const putPreset = (name: string, body: object) => stage.call("PUT", `/v1/presets/${name}`, body);

  it("a changed preset keeps its existing pictures until its version changes", async () => {
    const fields = { prompt: newPrompt() };
    await putPreset("style", { prompt: "{prompt} in oil" });
    const first = await hashOf(viewUrl(signedUrl(fields, "style")));
    await putPreset("style", { prompt: "{prompt} in ink" });
    expect(await hashOf(viewUrl(signedUrl(fields, "style")))).toBe(first);
    expect(callCount()).toBe(1);
    // A new picture uses the current preset.
    await viewUrl(signedUrl({ prompt: newPrompt() }, "style"));
    expect(lastBody(stage.listenhub.seen)).toMatchObject({ prompt: expect.stringContaining("in ink") as string });
    stage.listenhub.next({ pictures: [png({ seed: 77 })] });
    await putPreset("style", { prompt: "{prompt} in ink", version: 2 });
    expect(await hashOf(viewUrl(signedUrl(fields, "style")))).not.toBe(first);
    await putPreset("style", { prompt: "{prompt} in oil" });
    expect(await hashOf(viewUrl(signedUrl(fields, "style")))).toBe(first);
    expect(callCount()).toBe(3);
  });

  it("a new picture uses a preset that another isolate changed, in spite of the cached preset", async () => {
    await putPreset("elsewhere", { prompt: "{prompt} in oil" });
    await viewUrl(signedUrl({ prompt: newPrompt() }, "elsewhere"));
    const changed = JSON.stringify({ prompt: "{prompt} in ink", references: [], vary: ["prompt"], version: 5 });
    await stage.easel.bucket.put("presets/elsewhere.json", changed);
    const path = signedUrl({ prompt: newPrompt() }, "elsewhere");
    expect((await viewUrl(path)).status).toBe(200);
    expect(lastBody(stage.listenhub.seen)).toMatchObject({ prompt: expect.stringContaining("in ink") as string });
    expect((await viewUrl(path)).status).toBe(200);
    expect(callCount()).toBe(2);
  });

  it("a deleted preset's pictures return 404 until a preset of the same name is created", async () => {
    const path = signedUrl({ prompt: newPrompt() }, "passing");
    await putPreset("passing", { prompt: "{prompt}" });
    const first = await hashOf(viewUrl(path));
    await stage.call("DELETE", "/v1/presets/passing");
    expect((await viewUrl(path)).status).toBe(404);
    await putPreset("passing", { prompt: "{prompt}" });
    expect(await hashOf(viewUrl(path))).toBe(first);
    expect(callCount()).toBe(1);
  });

  it("a signed URL works after its unsupported preset is fixed", async () => {
    const path = signedUrl({ prompt: newPrompt() }, "mended");
    await putPreset("mended", { prompt: "{prompt}", model: PRO, aspectRatio: "50:1" });
    expect([(await viewUrl(path)).status, callCount()]).toEqual([400, 0]);
    await putPreset("mended", { prompt: "{prompt}", model: PRO, aspectRatio: "1:1" });
    expect((await viewUrl(path)).status).toBe(200);
  });
});

it("a view after a failure of R2 before the vendor call generates the picture", async () => {
  const path = signedUrl();
  await stage.easel.fault("BUCKET.put", { times: 1, prefix: "generations/" });
  const first = await viewUrl(path);
  expect([first.status, first.headers.get("retry-after"), callCount()]).toEqual([503, "5", 0]);
  expect((await viewUrl(path)).status).toBe(200);
});

it("concurrent views of a deleted picture generate it again once", async () => {
  const path = signedUrl();
  await viewUrl(path);
  const before = await stage.keys("pictures/");
  await stage.easel.bucket.delete(before);
  stage.listenhub.next({ delayMs: 200, pictures: [png({ seed: 9 })] });
  const hashes = await Promise.all(Array.from({ length: 10 }, () => hashOf(viewUrl(path))));
  expect(new Set(hashes)).toEqual(new Set([png({ seed: 9 }).sha256]));
  expect(callCount()).toBe(2);
});

describe("concurrent views", () => {
  it("200 viewers of a new URL make one vendor call and see one picture", async () => {
    const picture = png({ bytes: 100_000, seed: 200 });
    stage.listenhub.next({ delayMs: 1_000, pictures: [picture] });
    const path = signedUrl();
    const responses = await Promise.all(Array.from({ length: 200 }, () => readResponse(viewUrl(path))));
    expect(callCount()).toBe(1);
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(responses.map(({ sha256 }) => sha256))).toEqual(new Set([picture.sha256]));
  });

  it.each([
    [0, 0],
    [0, 300],
    // All views check before the generation has begun and again when it has ended.
    [60, 0],
  ])(
    "50 views make one call of a busy vendor that is called after %s ms and responds after %s ms",
    async (writeMs, delayMs) => {
      stage.listenhub.always({ status: 503, error: {}, delayMs });
      stage.linkai.always({ status: 503, error: {} });
      await stage.easel.fault("BUCKET.put", { times: 0, delayMs: writeMs, prefix: "generations/" });
      const path = signedUrl();
      const responses = await Promise.all(Array.from({ length: 50 }, () => readResponse(viewUrl(path))));
      await stage.easel.fault("BUCKET.put", { times: 0 });
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([502]));
      expect(callCount()).toBe(1);
    },
  );

  it("all views get the picture although R2 first rejects each claim (one write per second per key)", async () => {
    await stage.easel.fault("BUCKET.put", { times: 20, prefix: "claims/", message: "put: too many requests (10058)" });
    const path = signedUrl();
    const responses = await Promise.all(Array.from({ length: 20 }, () => readResponse(viewUrl(path))));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(callCount()).toBe(1);
  });

  it("all views get a deleted picture again although R2 first rejects the claims", async () => {
    const path = signedUrl();
    await viewUrl(path);
    await stage.easel.bucket.delete(await stage.keys("pictures/"));
    await stage.easel.fault("BUCKET.put", { times: 5, prefix: "claims/", message: "put: too many requests (10058)" });
    const responses = await Promise.all(Array.from({ length: 40 }, () => readResponse(viewUrl(path))));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(callCount()).toBe(2);
  });

  it("a claim that R2 stored in spite of an error belongs to its writer", async () => {
    await stage.easel.fault("BUCKET.put", { times: 1, after: true, prefix: "claims/" });
    const from = Date.now();
    expect((await viewUrl(signedUrl())).status).toBe(200);
    expect(callCount()).toBe(1);
    // A foreign claim would be waited for until its lease ends.
    expect(Date.now() - from).toBeLessThan(25_000);
  });
});

it("views after a crash of the isolate generate the picture once", async () => {
  const path = signedUrl();
  const options = { vars, limits: { ...limits, leaseMs: 3_000 } };
  await restartBetween(
    [options, options],
    async (first) => {
      first.listenhub.next({ hang: true });
      void viewUrl(path, {}, first).catch(() => undefined);
      await until(() => callCount(first) === 1);
    },
    async (second) => {
      await sleep(3_200);
      const responses = await Promise.all(Array.from({ length: 10 }, () => viewUrl(path, {}, second)));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
      expect(callCount(second)).toBe(1);
      // The queue generates it, since it does not end with a client's request.
      expect((await second.keys("generations/")).filter((key) => key.endsWith("/queued.json"))).toHaveLength(1);
      expect((await viewUrl(path, {}, second)).status).toBe(200);
      expect(callCount(second)).toBe(1);
    },
  );
});

describe("limits of signed URLs", () => {
  it("only new pictures take a token from the bucket of signed URLs", async () => {
    const limitedStage = await startStage({ vars, limits: { signedPerMinute: 3 } });
    try {
      const paths = Array.from({ length: 20 }, () => signedUrl());
      const responses = await Promise.all(paths.map((path) => viewUrl(path, {}, limitedStage)));
      const drawn = paths.filter((_, i) => responses[i]?.status === 200);
      const limited = responses.filter(({ status }) => status === 429);
      expect([drawn.length, limited.length, callCount(limitedStage)]).toEqual([3, 17, 3]);
      for (const response of limited) {
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
        expect(response.headers.get("cache-control")).toBe("no-store");
        expect(await errorOf(response)).toMatchObject({ code: "rate_limited" });
      }
      for (let i = 0; i < 10; i++)
        for (const path of drawn) expect((await viewUrl(path, {}, limitedStage)).status).toBe(200);
      expect(callCount(limitedStage)).toBe(3);
    } finally {
      await limitedStage.stop();
    }
  });

  it("an empty bucket returns 429 immediately although R2 fails to delete the claim", async () => {
    const limitedStage = await startStage({ vars, limits: { signedPerMinute: 1 }, faulty: true });
    try {
      expect((await viewUrl(signedUrl(), {}, limitedStage)).status).toBe(200);
      const path = signedUrl();
      await limitedStage.easel.fault("BUCKET.delete", { times: 1, prefix: "claims/" });
      const from = Date.now();
      const responses = [await viewUrl(path, {}, limitedStage), await viewUrl(path, {}, limitedStage)];
      expect(responses.map(({ status }) => status)).toEqual([429, 429]);
      expect(Date.now() - from).toBeLessThan(25_000);
      await until(async () => (await limitedStage.keys("claims/")).length === 1);
    } finally {
      await limitedStage.stop();
    }
  });

  it("fifty views of one new picture take one token", async () => {
    const limitedStage = await startStage({ vars, limits: { signedPerMinute: 2 } });
    try {
      for (const path of [signedUrl(), signedUrl()]) {
        limitedStage.listenhub.next({ delayMs: 200 });
        const responses = await Promise.all(Array.from({ length: 50 }, () => viewUrl(path, {}, limitedStage)));
        expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
      }
      expect((await viewUrl(signedUrl(), {}, limitedStage)).status).toBe(429);
    } finally {
      await limitedStage.stop();
    }
  });

  it("a view that waits too long returns 503 with retry-after and a later view gets the picture", async () => {
    const shortStage = await startStage({ vars, limits: { ...limits, signedWaitMs: 300 } });
    try {
      const path = signedUrl();
      const vendor = Promise.withResolvers<void>();
      shortStage.listenhub.next({ after: vendor.promise });
      const first = viewUrl(path, {}, shortStage);
      await until(() => callCount(shortStage) === 1);
      const second = await viewUrl(path, {}, shortStage);
      expect([second.status, second.headers.get("cache-control")]).toEqual([503, "no-store"]);
      expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await errorOf(second)).toMatchObject({ message: "This picture is still being drawn." });
      vendor.resolve();
      expect((await first).status).toBe(200);
      expect((await viewUrl(path, {}, shortStage)).status).toBe(200);
      expect(callCount(shortStage)).toBe(1);
    } finally {
      await shortStage.stop();
    }
  });

  it("a stored failure expires and later views generate the picture once", async () => {
    const shortStage = await startStage({ vars, limits: { ...limits, signedFailureMs: 2_000 } });
    try {
      const path = signedUrl();
      shortStage.listenhub.next({ finishReason: "IMAGE_SAFETY" });
      expect((await viewUrl(path, {}, shortStage)).status).toBe(422);
      await sleep(2_100);
      const responses = await Promise.all(Array.from({ length: 10 }, () => viewUrl(path, {}, shortStage)));
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
      expect(callCount(shortStage)).toBe(2);
    } finally {
      await shortStage.stop();
    }
  });
});

it("a signed URL without SIGNING_KEYS returns 403 and names the missing var", async () => {
  const stageWithoutKeys = await startStage({ vars: { PRESETS: vars.PRESETS } });
  try {
    const response = await viewUrl(signedUrl(), {}, stageWithoutKeys);
    expect([response.status, await errorOf(response)]).toEqual([
      403,
      { code: "forbidden", message: expect.stringContaining("SIGNING_KEYS is not set") as string },
    ]);
  } finally {
    await stageWithoutKeys.stop();
  }
});
