import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LinkAIBehaviour, ListenHubBehaviour } from "../sim/index.ts";
import { CAT, heard, jsonOf, PRO, read, said, startStage, warningsOf } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

/** ListenHub is asked first, LinkAI has the same model. */
let stage: Stage;
const start =
  (options: StageOptions = {}) =>
  async () =>
    void (stage = await startStage(options));
const ask = (body: object = {}) => stage.post("/v1/generations", { model: PRO, prompt: "a cat of secrets", ...body });
/** How many calls each of them got. */
const calls = () => [
  stage.listenhub.seen.filter(({ method }) => method === "POST").length,
  stage.linkai.generations().length,
];
const drawnBy = async (answer: Response) => [answer.status, answer.headers.get("easel-vendor")];

describe("what was not drawn and will not be charged goes on to the next vendor", () => {
  beforeAll(start());
  afterEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each<[string, ListenHubBehaviour, string]>([
    ["429", { status: 429, error: {} }, "rate_limited"],
    ["500 in its own words", { status: 500, error: {} }, "vendor_error"],
    ["503", { status: 503, error: {} }, "vendor_error"],
    ["no credit", { status: 402, error: {} }, "insufficient_credit"],
    ["no credit, in a 200", { status: 200, error: { code: 26004 } }, "insufficient_credit"],
    ["a key that is refused", { status: 401, error: {} }, "vendor_error"],
    [
      "a model it does not know",
      { status: 400, error: { code: 1, message: "model xyz not found" } },
      "model_not_found",
    ],
  ])("%s", async (_, how, code) => {
    stage.listenhub.next(how);
    const answer = await ask();
    expect(await drawnBy(answer)).toEqual([200, "linkai"]);
    expect(warningsOf(answer)).toContainEqual(`listenhub did not draw it (${code}); linkai was asked`);
    const record = await stage.record(answer.headers.get("easel-generation") ?? "");
    expect(record).toMatchObject({ status: "succeeded", vendor: "linkai", error: null });
    expect(record.attempts).toMatchObject([
      { vendor: "listenhub", error: code },
      { vendor: "linkai", pictures: 1 },
    ]);
    expect(calls()).toEqual([1, 1]);
  });

  it("also where the client speaks the first vendor's dialect, in that dialect", async () => {
    stage.listenhub.next({ status: 503, error: {} });
    const answer = await read(stage.ask(CAT));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-vendor")).toBe("linkai");
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.json).toMatchObject({
      candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png" } }] } }],
    });
    expect(calls()).toEqual([1, 1]);
  });

  it("for each of several pictures by itself", async () => {
    stage.listenhub.next({}, { status: 429, error: {} }, {});
    const answer = await ask({ n: 3 });
    expect(answer.status).toBe(200);
    const record = await jsonOf<{ images: unknown[]; attempts: { vendor: string }[]; warnings: string[] }>(answer);
    expect(record.images).toHaveLength(3);
    expect(record.attempts.map(({ vendor }) => vendor).toSorted()).toEqual([
      "linkai",
      "listenhub",
      "listenhub",
      "listenhub",
    ]);
    expect(record.warnings).toEqual(["listenhub did not draw it (rate_limited); linkai was asked"]);
  });

  it("until none is left: what passes is told, else what is so everywhere", async () => {
    stage.listenhub.next({ status: 402, error: {} });
    stage.linkai.next({ status: 429, error: {} });
    expect(await jsonOf(ask())).toMatchObject({ error: { code: "rate_limited" } });
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 409, error: { message: "审核" } });
    const answer = await ask();
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "content_rejected" } });
    const record = await stage.record(answer.headers.get("easel-generation") ?? "");
    expect(record.attempts.map(({ error }) => error)).toEqual(["vendor_error", "content_rejected"]);
  });

  it("tells the log who was tried, how long and what it cost, and nothing of the prompt", async () => {
    stage.listenhub.next({ status: 429, error: {} });
    const id = (await ask()).headers.get("easel-generation") ?? "";
    await heard(stage.easel, id);
    const line =
      said(stage.easel)
        .split("\n")
        .find((each) => each.includes(id) && each.includes('"succeeded"')) ?? "{}";
    const logged = JSON.parse(line) as Record<string, unknown>;
    expect(logged).toMatchObject({
      status: "succeeded",
      vendor: "linkai",
      pictures: 1,
      attempts: [
        {
          vendor: "listenhub",
          error: "rate_limited",
          ms: expect.any(Number) as number,
          waitMs: expect.any(Number) as number,
        },
        { vendor: "linkai", pictures: 1 },
      ],
      ms: { drawing: expect.any(Number) as number, total: expect.any(Number) as number },
    });
    expect(said(stage.easel)).not.toContain("secrets");
  });

  it("counts the price of what was drawn", async () => {
    const record = await jsonOf(ask({ size: "4K", n: 2 }));
    expect(record).toMatchObject({ usage: { pictures: 2, cost: [{ amount: 60, currency: "credits" }] } });
  });
});

describe("what may have been charged, or would be refused anywhere, does not", () => {
  beforeAll(start({ limits: { headersMs: 3_000 } }));
  afterEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each<[string, ListenHubBehaviour, string]>([
    ["a connection that broke once the request was sent", { reset: "before-headers" }, "vendor_error"],
    ["no answer in time", { hang: true }, "vendor_timeout"],
    ["a proxy's page", { status: 502, body: "<html>" }, "vendor_error"],
    ["a proxy's timeout", { status: 504, body: "<html>" }, "vendor_error"],
    ["an answer that cannot be used", { body: "{" }, "vendor_error"],
    ["an answer that breaks off", { reset: 100 }, "vendor_error"],
    ["an answer without a picture", { pictures: [] }, "no_image"],
    ["a refused content", { finishReason: "IMAGE_SAFETY" }, "content_rejected"],
    ["a refused request", { status: 400, error: {} }, "invalid_request"],
  ])("%s", async (_, how, code) => {
    stage.listenhub.next(how);
    expect(await jsonOf(ask())).toMatchObject({ error: { code } });
    expect(calls()).toEqual([1, 0]);
  });

  it("once a byte has gone out", async () => {
    stage.listenhub.next({
      cutAt: 400_000,
      noLastChunk: true,
      pictures: [(await import("../sim/index.ts")).png({ bytes: 600_000 })],
    });
    await expect(stage.draw()).rejects.toThrow();
    expect(calls()).toEqual([1, 0]);
  });
});

describe("FAILOVER", () => {
  afterEach(() => stage.stop());

  it("always: also where nobody knows, but never for its content", async () => {
    await start({ vars: { FAILOVER: "always" }, limits: { headersMs: 3_000 } })();
    for (const how of [{ reset: "before-headers" }, { hang: true }, { status: 502, body: "<html>" }] as const) {
      stage.listenhub.next(how);
      expect(await drawnBy(await ask())).toEqual([200, "linkai"]);
    }
    stage.listenhub.next({ finishReason: "SAFETY" });
    expect(await jsonOf(ask())).toMatchObject({ error: { code: "content_rejected" } });
    expect(calls()).toEqual([4, 3]);
  });

  it("off: never", async () => {
    await start({ vars: { FAILOVER: "off" } })();
    stage.listenhub.next({ status: 503, error: {} });
    expect(await jsonOf(ask())).toMatchObject({ error: { code: "vendor_error" } });
    expect(calls()).toEqual([1, 0]);
  });

  it("must be one of these", async () => {
    await start({ vars: { FAILOVER: "maybe" } })();
    expect((await ask()).status).toBe(500);
    await heard(stage.easel, "FAILOVER must be one of safe, always, off");
  });
});

describe("a reference that cannot be fetched for one vendor", () => {
  it("may be another's, which fetches by itself; and is not the last word", async () => {
    await start({ vendors: ["nebula", "linkai"], vars: { ROUTING: '{"*":["nebula","linkai"]}' } })();
    try {
      const references = ["https://10.0.0.1/a.png"];
      expect(await drawnBy(await ask({ references }))).toEqual([200, "linkai"]);
      stage.linkai.next({ status: 429, error: {} });
      expect(await jsonOf(ask({ references }))).toMatchObject({ error: { code: "rate_limited" } });
    } finally {
      await stage.stop();
    }
  });
});

describe("a vendor that is not there", () => {
  afterEach(() => stage.stop());

  it("is passed over: nothing was sent", async () => {
    await start({ vars: { LISTENHUB_BASE_URL: "http://127.0.0.1:9/openapi" } })();
    expect(await drawnBy(await ask())).toEqual([200, "linkai"]);
    expect(await drawnBy(await stage.ask(CAT))).toEqual([200, "linkai"]);
  });

  it("is no longer asked once its circuit is open, and asked again later", async () => {
    await start({ faulty: true })();
    stage.listenhub.always({ status: 503, error: {}, headers: { "retry-after": "100" } });
    for (let n = 0; n < 22; n++) expect(await drawnBy(await ask())).toEqual([200, "linkai"]);
    expect(calls()[0]).toBe(20);
    stage.listenhub.always(undefined);
    await stage.easel.clock({ turnMs: 100_050 });
    expect(await drawnBy(await ask())).toEqual([200, "listenhub"]);
  });
});

describe("the deadline", () => {
  afterEach(() => stage.stop());

  it("is one for all vendors of a call", async () => {
    await start({ limits: { answerMs: 5_000 } })();
    stage.listenhub.next({ delayMs: 2_000, status: 503, error: {} });
    // In time for a deadline of its own.
    stage.linkai.next({ delayMs: 4_000 } satisfies LinkAIBehaviour);
    expect(await jsonOf(ask())).toMatchObject({ error: { code: "vendor_timeout" } });
    expect(calls()).toEqual([1, 1]);
  });
});

describe("ROUTING", () => {
  afterEach(() => stage.stop());
  const vendors = async (count: number, model = PRO) => {
    const each = Array.from({ length: count }, async () => (await ask({ model })).headers.get("easel-vendor"));
    return Promise.all(each);
  };

  it("has the order, by model, by alias or for any", async () => {
    await start({ vars: { ROUTING: JSON.stringify({ "gemini-3-pro-image": ["linkai"], "*": ["listenhub"] }) } })();
    expect(await vendors(1)).toEqual(["linkai"]);
    expect(await vendors(1, "gemini-3.1-flash-image-preview")).toEqual(["listenhub"]);
    // Who pins a vendor, or speaks its dialect, means it.
    expect(await vendors(1, `listenhub/${PRO}`)).toEqual(["listenhub"]);
    expect(await drawnBy(await stage.ask(CAT))).toEqual([200, "listenhub"]);
    // Who cannot do what is asked is passed over.
    expect((await ask({ references: Array(4).fill("https://example.com/a.png") })).headers.get("easel-vendor")).toBe(
      "listenhub",
    );
  });

  it("has weights", async () => {
    await start({ vars: { ROUTING: JSON.stringify({ "*": [{ linkai: 1, listenhub: 1 }] }) } })();
    expect(new Set(await vendors(40))).toEqual(new Set(["linkai", "listenhub"]));
  });

  it("takes a vendor away by a weight of 0", async () => {
    await start({ vars: { ROUTING: JSON.stringify({ [PRO]: [{ listenhub: 0 }] }) } })();
    stage.linkai.next({ status: 503, error: {} });
    expect((await ask()).status).toBe(502);
    expect(calls()).toEqual([0, 1]);
  });

  it("takes a vendor away in its own dialect, too", async () => {
    await start({ vars: { ROUTING: '{"*":[{"listenhub":0}]}' } })();
    expect(await drawnBy(await stage.ask(CAT))).toEqual([200, "linkai"]);
    expect(calls()).toEqual([0, 1]);
  });

  it.each([
    [{ ROUTING: '{"gemini-3-pro":["linkai"]}' }, "ROUTING.gemini-3-pro is no model"],
    [{ ROUTING: "{bad" }, "ROUTING must be JSON"],
    [{ LIMITS: "{bad" }, "LIMITS must be JSON"],
    [{ LINKAI_AUTH: "raw" }, "LINKAI_AUTH must be bearer or bare"],
    [{ LINKAI_BASE_URL: "api.link-ai.tech" }, "LINKAI_BASE_URL must be a URL"],
    [{ MODELS: '{"linkai":{"gpt-image-2":{"seed":true}}}' }, "seed cannot be sent to linkai"],
  ])("a var with a mistake in it is told by its name: %j", async (vars, words) => {
    await start({ vars })();
    expect((await ask()).status).toBe(500);
    await heard(stage.easel, words);
  });

  it("is refused where it names nobody", async () => {
    await start({ vars: { ROUTING: '{"*":["nobody"]}' } })();
    expect((await ask()).status).toBe(500);
    await heard(stage.easel, "ROUTING.*[0] names nobody, which is no vendor");
  });
});
