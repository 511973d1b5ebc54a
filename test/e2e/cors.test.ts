import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
let page: string;
let secret: string;
beforeAll(async () => {
  stage = await startStage();
  page = await make({ ...PAGE, perMinute: 1_000 });
  secret = await make({});
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

const SITE = "https://example.com";
const PAGE = { kind: "publishable", origins: [SITE, "https://*.example.org"], models: ["gpt-image-2"], size: "1K" };
const CAT = { model: "gpt-image-2", prompt: "a cat", size: "1K" };

async function make(terms: object): Promise<string> {
  return (await jsonOf<{ key: string }>(stage.post("/v1/keys", terms))).key;
}

/** What a browser goes by. */
const CORS = ["allow-origin", "allow-methods", "allow-headers", "allow-credentials", "max-age", "expose-headers"];
function corsOf({ headers }: Response): Record<string, string> {
  const said = CORS.map((name) => [name, headers.get(`access-control-${name}`)] as const);
  return Object.fromEntries(said.filter(([, value]) => value !== null)) as Record<string, string>;
}
function post(path: string, key: string, origin: string | undefined, body: unknown = CAT): Promise<Response> {
  return stage.post(path, body, { authorization: `Bearer ${key}`, ...(origin !== undefined && { origin }) });
}

const DRAWING = [
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
const READING = [
  "/v1/generations/abc",
  "/v1/models",
  "/v1/models/gpt-image-2",
  "/openai/v1/models",
  "/xty/v1/models/a/b",
];

describe("a browser's first question", () => {
  const ask = (path: string, origin: string | undefined, method: string) =>
    stage.easel.fetch(path, {
      method: "OPTIONS",
      headers: {
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
        ...(origin !== undefined && { origin }),
      },
    });

  it.each([
    ...DRAWING.map((path) => [path, "POST", "POST"] as const),
    ...READING.map((path) => [path, "GET", "GET, HEAD"] as const),
  ])("%s: answered for a day, to the page that asks", async (path, method, methods) => {
    for (const origin of [SITE, "http://localhost:3000"]) {
      const answer = await ask(path, origin, method);
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
    "not to %s",
    async (origin) => {
      const answer = await ask("/v1/generations", origin, "POST");
      expect([answer.status, corsOf(answer)]).toEqual([403, {}]);
      expect(await answer.json()).toMatchObject({ error: { code: "forbidden", field: "origin" } });
    },
  );

  it("to no page where keys are made", async () => {
    for (const path of ["/v1/keys", "/v1/keys/abc", "/healthz"])
      expect(corsOf(await ask(path, SITE, "POST"))).toEqual({});
  });

  it("what is no such question is answered as ever", async () => {
    const answer = await stage.easel.fetch("/v1/images/generations", { method: "OPTIONS", headers: { origin: SITE } });
    expect([answer.status, answer.headers.get("allow"), corsOf(answer)]).toEqual([204, "POST, OPTIONS", {}]);
  });
});

describe("the answer to a page of a publishable key", () => {
  it.each([SITE, "https://www.example.org"])("%s may read it, and its headers", async (origin) => {
    const answer = await post("/v1/generations", page, origin);
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

    const headers = { authorization: `Bearer ${page}`, origin };
    for (const path of [`/v1/generations/${id}`, "/v1/models", "/v1/models/gpt-image-2", "/openai/v1/models"]) {
      const read = await stage.get(path, headers);
      expect([read.status, read.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
      await read.arrayBuffer();
      const head = await stage.easel.fetch(path, { method: "HEAD", headers });
      expect([head.status, head.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    }
  });

  it("errors too, with when to come again", async () => {
    const seldom = await make({ ...PAGE, perMinute: 1 });
    const wrong = await post("/v1/images/generations", seldom, SITE, {});
    expect([wrong.status, wrong.headers.get("access-control-allow-origin")]).toEqual([400, SITE]);
    const limited = await post("/v1/images/generations", seldom, SITE);
    expect([limited.status, limited.headers.get("access-control-allow-origin")]).toEqual([429, SITE]);
    const exposed = limited.headers.get("access-control-expose-headers")?.split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"]));
    const forbidden = await post("/v1/generations", page, SITE, { ...CAT, size: "4K" });
    expect([forbidden.status, forbidden.headers.get("access-control-allow-origin")]).toEqual([403, SITE]);
  });

  it.each(["text/event-stream", "image/*"])("as %s", async (accept) => {
    const body = { ...CAT, ...(accept.startsWith("text") && { stream: true }) };
    const path = accept.startsWith("text") ? "/v1/images/generations" : "/v1/generations";
    const headers = { authorization: `Bearer ${page}`, origin: SITE, accept };
    const answer = await stage.post(path, body, headers);
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, SITE]);
    expect(answer.headers.get("content-type")).toMatch(accept.replace("*", ""));
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
  });
});

describe("54. a publishable key elsewhere", () => {
  const elsewhere = [
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
  it.each(DRAWING)("POST %s: one refusal in its words, which no page may read", async (path) => {
    const allowed = path.includes("linkai") ? 402 : path.includes("nebula") || path.endsWith("generation") ? 401 : 403;
    const answers = await Promise.all(
      elsewhere.map(async (origin) => {
        const answer = await post(path, page, origin);
        const requestId = answer.headers.get("x-request-id") ?? "";
        return [answer.status, corsOf(answer), (await answer.text()).replace(requestId, "")];
      }),
    );
    expect(answers[0]).toEqual([allowed, {}, expect.stringContaining("its own origins only") as string]);
    answers.forEach((answer, index) => expect(answer, String(elsewhere[index])).toEqual(answers[0]));
    expect(stage.listenhub.seen.length + stage.linkai.seen.length).toBe(0);
  });

  it.each(["/v1/generations", "/v1/generations/abc", "/v1/models"])("GET %s", async (path) => {
    for (const origin of elsewhere) {
      const headers = { authorization: `Bearer ${page}`, ...(origin !== undefined && { origin }) };
      const answer = await stage.get(path, headers);
      expect([answer.status, corsOf(answer)], String(origin)).toEqual([403, {}]);
    }
  });
});

it("no page reads what a secret key, the operator's or no key at all is answered", async () => {
  for (const key of [secret, ADMIN, "pk_0", page.replace(/.$/, "x")]) {
    for (const origin of [SITE, "null"]) {
      const answer = await post("/v1/generations", key, origin);
      expect(answer.status).toBe([secret, ADMIN].includes(key) ? 200 : 401);
      expect(corsOf(answer)).toEqual({});
      await answer.arrayBuffer();
      expect(corsOf(await stage.get("/v1/models", { authorization: `Bearer ${key}`, origin }))).toEqual({});
    }
  }
});
