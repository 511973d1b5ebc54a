import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
let publishableKey: string;
let secretKey: string;
beforeAll(async () => {
  stage = await startStage();
  publishableKey = await makeKey({ ...PAGE, perMinute: 1_000 });
  secretKey = await makeKey({});
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

const SITE = "https://example.com";
const PAGE = { kind: "publishable", origins: [SITE, "https://*.example.org"], models: ["gpt-image-2"], size: "1K" };
const CAT = { model: "gpt-image-2", prompt: "a cat", size: "1K" };

async function makeKey(terms: object): Promise<string> {
  return (await jsonOf<{ key: string }>(stage.post("/v1/keys", terms))).key;
}

/** The CORS headers that a browser obeys, without `access-control-`. */
const CORS = ["allow-origin", "allow-methods", "allow-headers", "allow-credentials", "max-age", "expose-headers"];
function corsOf({ headers }: Response): Record<string, string> {
  const values = CORS.map((name) => [name, headers.get(`access-control-${name}`)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== null)) as Record<string, string>;
}
function postAs(path: string, key: string, origin: string | undefined, body: unknown = CAT): Promise<Response> {
  return stage.post(path, body, { authorization: `Bearer ${key}`, ...(origin !== undefined && { origin }) });
}

const GENERATION_PATHS = [
  "/v1/images/generation",
  "/openapi/v1/images/generation",
  "/listenhub/v1/images/generation",
  "/v1/chat/completions",
  "/images/generate",
  "/linkai/v1/images/generations",
  "/nebula/v1/images/generations",
  "/v1/images/generations",
  "/v1/images/edits",
  "/v1/generations",
  "/easel/v1/generations",
];
const READ_PATHS = [
  "/v1/generations/abc",
  "/v1/models",
  "/v1/models/gpt-image-2",
  "/openai/v1/models",
  "/xty/v1/models/a/b",
];

describe("a CORS preflight request", () => {
  const preflight = (path: string, origin: string | undefined, method: string) =>
    stage.easel.fetch(path, {
      method: "OPTIONS",
      headers: {
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
        ...(origin !== undefined && { origin }),
      },
    });

  it.each([
    ...GENERATION_PATHS.map((path) => [path, "POST", "POST"] as const),
    ...READ_PATHS.map((path) => [path, "GET", "GET, HEAD"] as const),
  ])("a preflight request for %s allows the page's origin for a day", async (path, method, methods) => {
    for (const origin of [SITE, "http://localhost:3000"]) {
      const answer = await preflight(path, origin, method);
      expect([answer.status, await answer.text()]).toEqual([204, ""]);
      expect(corsOf(answer)).toEqual({
        "allow-origin": origin,
        "allow-methods": methods,
        "allow-headers": "authorization, accept, content-type, idempotency-key, prefer, *",
        "max-age": "86400",
      });
      expect(answer.headers.get("vary")).toBe("origin");
    }
  });

  it.each(["null", "https://EXAMPLE.com", "https://example.com/", "https://a, https://b", "file://", "*"])(
    "a preflight request from the origin %s is rejected",
    async (origin) => {
      const answer = await preflight("/v1/generations", origin, "POST");
      expect([answer.status, corsOf(answer)]).toEqual([403, {}]);
      expect(await answer.json()).toMatchObject({ error: { code: "forbidden", field: "origin" } });
    },
  );

  it("a preflight request for key management or health is not answered with CORS headers", async () => {
    for (const path of ["/v1/keys", "/v1/keys/abc", "/healthz"])
      expect(corsOf(await preflight(path, SITE, "POST"))).toEqual({});
  });

  it("an OPTIONS request that is no preflight is answered without CORS headers", async () => {
    const answer = await stage.easel.fetch("/v1/images/generations", { method: "OPTIONS", headers: { origin: SITE } });
    expect([answer.status, answer.headers.get("allow"), corsOf(answer)]).toEqual([204, "POST, OPTIONS", {}]);
  });
});

describe("an answer to a page with a publishable key", () => {
  it.each([SITE, "https://www.example.org"])("a page on %s can read the answer and its headers", async (origin) => {
    const answer = await postAs("/v1/generations", publishableKey, origin);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-credentials")).toBe(null);
    expect(answer.headers.get("vary")).toBe("origin");
    const exposed = (answer.headers.get("access-control-expose-headers") ?? "").split(", ");
    const names = [...answer.headers.keys()].filter(
      (name) => name.startsWith("easel-") || name.startsWith("ratelimit"),
    );
    expect(names.length).toBeGreaterThan(5);
    expect(exposed).toEqual(expect.arrayContaining([...names, "x-request-id"]));
    const { id } = await jsonOf<{ id: string }>(answer);

    const headers = { authorization: `Bearer ${publishableKey}`, origin };
    for (const path of [`/v1/generations/${id}`, "/v1/models", "/v1/models/gpt-image-2", "/openai/v1/models"]) {
      const read = await stage.get(path, headers);
      expect([read.status, read.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
      await read.arrayBuffer();
      const head = await stage.easel.fetch(path, { method: "HEAD", headers });
      expect([head.status, head.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    }
  });

  it("a page can read errors, and the headers that say when to retry", async () => {
    const oncePerMinute = await makeKey({ ...PAGE, perMinute: 1 });
    const wrong = await postAs("/v1/images/generations", oncePerMinute, SITE, {});
    expect([wrong.status, wrong.headers.get("access-control-allow-origin")]).toEqual([400, SITE]);
    const limited = await postAs("/v1/images/generations", oncePerMinute, SITE);
    expect([limited.status, limited.headers.get("access-control-allow-origin")]).toEqual([429, SITE]);
    const exposed = limited.headers.get("access-control-expose-headers")?.split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"]));
    const forbidden = await postAs("/v1/generations", publishableKey, SITE, { ...CAT, size: "4K" });
    expect([forbidden.status, forbidden.headers.get("access-control-allow-origin")]).toEqual([403, SITE]);
  });

  it.each(["text/event-stream", "image/*"])("a page can read an answer of type %s", async (accept) => {
    const body = { ...CAT, ...(accept.startsWith("text") && { stream: true }) };
    const path = accept.startsWith("text") ? "/v1/images/generations" : "/v1/generations";
    const headers = { authorization: `Bearer ${publishableKey}`, origin: SITE, accept };
    const answer = await stage.post(path, body, headers);
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, SITE]);
    expect(answer.headers.get("content-type")).toMatch(accept.replace("*", ""));
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
  });
});

describe("a publishable key from another origin [fault 54]", () => {
  const otherOrigins = [
    undefined,
    "null",
    "",
    "https://example.com.evil.net",
    "https://evilexample.com",
    "https://evilexample.org",
    "https://example.org",
    "https://www.example.com",
    "http://example.com",
    "https://example.com:8443",
    "https://example.com:443",
    "https://EXAMPLE.COM",
    "https://example.com.",
    "https://example.com@evil.net",
    "https://*.example.org",
    `${SITE}, https://evil.net`,
  ];
  it.each(GENERATION_PATHS)("POST %s rejects every other origin with one answer [fault 54]", async (path) => {
    const allowed = path.includes("linkai") ? 402 : path.includes("nebula") || path.endsWith("generation") ? 401 : 403;
    const answers = await Promise.all(
      otherOrigins.map(async (origin) => {
        const answer = await postAs(path, publishableKey, origin);
        const requestId = answer.headers.get("x-request-id") ?? "";
        return [answer.status, corsOf(answer), (await answer.text()).replace(requestId, "")];
      }),
    );
    expect(answers[0]).toEqual([allowed, {}, expect.stringContaining("its own origins only") as string]);
    answers.forEach((answer, index) => expect(answer, String(otherOrigins[index])).toEqual(answers[0]));
    expect(stage.listenhub.seen.length + stage.linkai.seen.length).toBe(0);
  });

  it.each(["/v1/generations", "/v1/generations/abc", "/v1/models"])(
    "GET %s rejects every other origin [fault 54]",
    async (path) => {
      for (const origin of otherOrigins) {
        const headers = { authorization: `Bearer ${publishableKey}`, ...(origin !== undefined && { origin }) };
        const answer = await stage.get(path, headers);
        expect([answer.status, corsOf(answer)], String(origin)).toEqual([403, {}]);
      }
    },
  );
});

it("no page can read the answer to a secret key, the admin token or an invalid key", async () => {
  for (const key of [secretKey, ADMIN, "pk_0", publishableKey.replace(/.$/, "x")]) {
    for (const origin of [SITE, "null"]) {
      const answer = await postAs("/v1/generations", key, origin);
      expect(answer.status).toBe([secretKey, ADMIN].includes(key) ? 200 : 401);
      expect(corsOf(answer)).toEqual({});
      await answer.arrayBuffer();
      expect(corsOf(await stage.get("/v1/models", { authorization: `Bearer ${key}`, origin }))).toEqual({});
    }
  }
});
