import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LinkAIBehaviour, ListenHubBehaviour } from "../sim/index.ts";
import { CAT, waitForLog, jsonOf, PRO, readResponse, logText, startStage, warningsOf } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

/** ListenHub is called first; LinkAI offers the same model. */
let stage: Stage;
const stageWith =
  (options: StageOptions = {}) =>
  async () =>
    void (stage = await startStage(options));
const postGeneration = (body: object = {}) =>
  stage.post("/v1/generations", { model: PRO, prompt: "a cat of secrets", ...body });
/** Return the number of calls to ListenHub and to LinkAI. */
const callCounts = () => [
  stage.listenhub.seen.filter(({ method }) => method === "POST").length,
  stage.linkai.generations().length,
];
const statusAndVendor = async (answer: Response) => [answer.status, answer.headers.get("easel-vendor")];

describe("failover after a failure without a charge", () => {
  beforeAll(stageWith());
  afterEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each<[string, ListenHubBehaviour, string]>([
    ["a 429", { status: 429, error: {} }, "rate_limited"],
    ["a 500 in ListenHub's format", { status: 500, error: {} }, "vendor_error"],
    ["a 503", { status: 503, error: {} }, "vendor_error"],
    ["a lack of credit", { status: 402, error: {} }, "insufficient_credit"],
    ["a lack of credit in a 200", { status: 200, error: { code: 26004 } }, "insufficient_credit"],
    ["a refused key", { status: 401, error: {} }, "vendor_error"],
    ["an unknown model", { status: 400, error: { code: 1, message: "model xyz not found" } }, "model_not_found"],
  ])("the next vendor is called after %s", async (_, how, code) => {
    stage.listenhub.next(how);
    const answer = await postGeneration();
    expect(await statusAndVendor(answer)).toEqual([200, "linkai"]);
    expect(warningsOf(answer)).toContainEqual(`listenhub did not draw it (${code}); linkai was asked`);
    const record = await stage.record(answer.headers.get("easel-generation") ?? "");
    expect(record).toMatchObject({ status: "succeeded", vendor: "linkai", error: null });
    expect(record.attempts).toMatchObject([
      { vendor: "listenhub", error: code },
      { vendor: "linkai", pictures: 1 },
    ]);
    expect(callCounts()).toEqual([1, 1]);
  });

  it("the answer of the next vendor is encoded in the client's dialect", async () => {
    stage.listenhub.next({ status: 503, error: {} });
    const answer = await readResponse(stage.postListenHub(CAT));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-vendor")).toBe("linkai");
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.json).toMatchObject({
      candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png" } }] } }],
    });
    expect(callCounts()).toEqual([1, 1]);
  });

  it("each of several pictures fails over by itself", async () => {
    stage.listenhub.next({}, { status: 429, error: {} }, {});
    const answer = await postGeneration({ n: 3 });
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

  it("the most informative error is returned if all vendors fail", async () => {
    stage.listenhub.next({ status: 402, error: {} });
    stage.linkai.next({ status: 429, error: {} });
    expect(await jsonOf(postGeneration())).toMatchObject({ error: { code: "rate_limited" } });
    stage.listenhub.next({ status: 503, error: {} });
    stage.linkai.next({ status: 409, error: { message: "审核" } });
    const answer = await postGeneration();
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "content_rejected" } });
    const record = await stage.record(answer.headers.get("easel-generation") ?? "");
    expect(record.attempts.map(({ error }) => error)).toEqual(["vendor_error", "content_rejected"]);
  });

  it("the log has the vendor, time and error of every attempt, and nothing of the prompt", async () => {
    stage.listenhub.next({ status: 429, error: {} });
    const id = (await postGeneration()).headers.get("easel-generation") ?? "";
    await waitForLog(stage.easel, id);
    const line =
      logText(stage.easel)
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
    expect(logText(stage.easel)).not.toContain("secrets");
  });

  it("the record has the price of all pictures", async () => {
    const record = await jsonOf(postGeneration({ size: "4K", n: 2 }));
    expect(record).toMatchObject({ usage: { pictures: 2, cost: [{ amount: 60, currency: "credits" }] } });
  });
});

describe("no failover after a possible charge or a final refusal", () => {
  beforeAll(stageWith({ limits: { headersMs: 3_000 } }));
  afterEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each<[string, ListenHubBehaviour, string]>([
    ["a connection that broke once the request was sent", { reset: "before-headers" }, "vendor_error"],
    ["a timeout", { hang: true }, "vendor_timeout"],
    ["a proxy's page", { status: 502, body: "<html>" }, "vendor_error"],
    ["a proxy's timeout", { status: 504, body: "<html>" }, "vendor_error"],
    ["an unusable answer", { body: "{" }, "vendor_error"],
    ["an answer that breaks off", { reset: 100 }, "vendor_error"],
    ["an answer without a picture", { pictures: [] }, "no_image"],
    ["refused content", { finishReason: "IMAGE_SAFETY" }, "content_rejected"],
    ["a refused request", { status: 400, error: {} }, "invalid_request"],
  ])("no other vendor is called after %s", async (_, how, code) => {
    stage.listenhub.next(how);
    expect(await jsonOf(postGeneration())).toMatchObject({ error: { code } });
    expect(callCounts()).toEqual([1, 0]);
  });

  it("no other vendor is called once the client has got a byte", async () => {
    stage.listenhub.next({
      cutAt: 400_000,
      noLastChunk: true,
      pictures: [(await import("../sim/index.ts")).png({ bytes: 600_000 })],
    });
    await expect(stage.draw()).rejects.toThrow();
    expect(callCounts()).toEqual([1, 0]);
  });
});

describe("FAILOVER", () => {
  afterEach(() => stage.stop());

  it("FAILOVER=always fails over despite a possible charge, but not for refused content", async () => {
    await stageWith({ vars: { FAILOVER: "always" }, limits: { headersMs: 3_000 } })();
    for (const how of [{ reset: "before-headers" }, { hang: true }, { status: 502, body: "<html>" }] as const) {
      stage.listenhub.next(how);
      expect(await statusAndVendor(await postGeneration())).toEqual([200, "linkai"]);
    }
    stage.listenhub.next({ finishReason: "SAFETY" });
    expect(await jsonOf(postGeneration())).toMatchObject({ error: { code: "content_rejected" } });
    expect(callCounts()).toEqual([4, 3]);
  });

  it("FAILOVER=off never calls another vendor", async () => {
    await stageWith({ vars: { FAILOVER: "off" } })();
    stage.listenhub.next({ status: 503, error: {} });
    expect(await jsonOf(postGeneration())).toMatchObject({ error: { code: "vendor_error" } });
    expect(callCounts()).toEqual([1, 0]);
  });

  it("an unknown FAILOVER is an error that the log explains", async () => {
    await stageWith({ vars: { FAILOVER: "maybe" } })();
    expect((await postGeneration()).status).toBe(500);
    await waitForLog(stage.easel, "FAILOVER must be one of safe, always, off");
  });
});

describe("a reference that Easel cannot fetch", () => {
  it("a reference that Easel cannot fetch is left to a vendor that fetches it itself", async () => {
    await stageWith({ vendors: ["nebula", "linkai"], vars: { ROUTING: '{"*":["nebula","linkai"]}' } })();
    try {
      const references = ["https://10.0.0.1/a.png"];
      expect(await statusAndVendor(await postGeneration({ references }))).toEqual([200, "linkai"]);
      stage.linkai.next({ status: 429, error: {} });
      expect(await jsonOf(postGeneration({ references }))).toMatchObject({ error: { code: "rate_limited" } });
    } finally {
      await stage.stop();
    }
  });
});

describe("an unreachable vendor", () => {
  afterEach(() => stage.stop());

  it("an unreachable vendor is skipped, because nothing was sent", async () => {
    await stageWith({ vars: { LISTENHUB_BASE_URL: "http://127.0.0.1:9/openapi" } })();
    expect(await statusAndVendor(await postGeneration())).toEqual([200, "linkai"]);
    expect(await statusAndVendor(await stage.postListenHub(CAT))).toEqual([200, "linkai"]);
  });

  it("a vendor is not called while its circuit breaker is open, and is called again later", async () => {
    await stageWith({ faulty: true })();
    stage.listenhub.always({ status: 503, error: {}, headers: { "retry-after": "100" } });
    for (let n = 0; n < 22; n++) expect(await statusAndVendor(await postGeneration())).toEqual([200, "linkai"]);
    expect(callCounts()[0]).toBe(20);
    stage.listenhub.always(undefined);
    await stage.easel.clock({ turnMs: 100_050 });
    expect(await statusAndVendor(await postGeneration())).toEqual([200, "listenhub"]);
  });
});

describe("the deadline", () => {
  afterEach(() => stage.stop());

  it("one deadline applies to all vendors of a call", async () => {
    await stageWith({ limits: { answerMs: 5_000 } })();
    stage.listenhub.next({ delayMs: 2_000, status: 503, error: {} });
    // In time if the second vendor had its own deadline.
    stage.linkai.next({ delayMs: 4_000 } satisfies LinkAIBehaviour);
    expect(await jsonOf(postGeneration())).toMatchObject({ error: { code: "vendor_timeout" } });
    expect(callCounts()).toEqual([1, 1]);
  });
});

describe("ROUTING", () => {
  afterEach(() => stage.stop());
  const vendors = async (count: number, model = PRO) => {
    const each = Array.from({ length: count }, async () =>
      (await postGeneration({ model })).headers.get("easel-vendor"),
    );
    return Promise.all(each);
  };

  it("ROUTING sets the order of vendors by model, by alias or for all models", async () => {
    await stageWith({ vars: { ROUTING: JSON.stringify({ "gemini-3-pro-image": ["linkai"], "*": ["listenhub"] }) } })();
    expect(await vendors(1)).toEqual(["linkai"]);
    expect(await vendors(1, "gemini-3.1-flash-image-preview")).toEqual(["listenhub"]);
    // A pinned vendor, or the vendor of the dialect, comes before ROUTING.
    expect(await vendors(1, `listenhub/${PRO}`)).toEqual(["listenhub"]);
    expect(await statusAndVendor(await stage.postListenHub(CAT))).toEqual([200, "listenhub"]);
    // A vendor that cannot serve the request is skipped.
    expect(
      (await postGeneration({ references: Array(4).fill("https://example.com/a.png") })).headers.get("easel-vendor"),
    ).toBe("listenhub");
  });

  it("ROUTING distributes requests by weight", async () => {
    await stageWith({ vars: { ROUTING: JSON.stringify({ "*": [{ linkai: 1, listenhub: 1 }] }) } })();
    expect(new Set(await vendors(40))).toEqual(new Set(["linkai", "listenhub"]));
  });

  it("a weight of 0 removes a vendor", async () => {
    await stageWith({ vars: { ROUTING: JSON.stringify({ [PRO]: [{ listenhub: 0 }] }) } })();
    stage.linkai.next({ status: 503, error: {} });
    expect((await postGeneration()).status).toBe(502);
    expect(callCounts()).toEqual([0, 1]);
  });

  it("a weight of 0 removes a vendor from its own dialect too", async () => {
    await stageWith({ vars: { ROUTING: '{"*":[{"listenhub":0}]}' } })();
    expect(await statusAndVendor(await stage.postListenHub(CAT))).toEqual([200, "linkai"]);
    expect(callCounts()).toEqual([0, 1]);
  });

  it.each([
    [{ ROUTING: '{"gemini-3-pro":["linkai"]}' }, "ROUTING.gemini-3-pro is no model"],
    [{ ROUTING: "{bad" }, "ROUTING must be JSON"],
    [{ LIMITS: "{bad" }, "LIMITS must be JSON"],
    [{ LINKAI_AUTH: "raw" }, "LINKAI_AUTH must be bearer or bare"],
    [{ LINKAI_BASE_URL: "api.link-ai.tech" }, "LINKAI_BASE_URL must be a URL"],
    [{ MODELS: '{"linkai":{"gpt-image-2":{"seed":true}}}' }, "seed cannot be sent to linkai"],
  ])("an invalid var is named in the log: %j", async (vars, message) => {
    await stageWith({ vars })();
    expect((await postGeneration()).status).toBe(500);
    await waitForLog(stage.easel, message);
  });

  it("an unknown vendor in ROUTING is an error that the log explains", async () => {
    await stageWith({ vars: { ROUTING: '{"*":["nobody"]}' } })();
    expect((await postGeneration()).status).toBe(500);
    await waitForLog(stage.easel, "ROUTING.*[0] names nobody, which is no vendor");
  });
});
