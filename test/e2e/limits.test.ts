import { afterAll, describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { PRO, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const stages: Stage[] = [];
afterAll(() => Promise.all(stages.map((stage) => stage.stop())));

async function startLimitedStage(limits: Record<string, number>): Promise<Stage> {
  const stage = await startStage({ limits });
  stages.push(stage);
  return stage;
}
const vendorCalls = ({ listenhub, linkai }: Stage) => listenhub.seen.length + linkai.seen.length;

const DIALECTS: [path: string, refusal: (message: unknown) => unknown][] = [
  ["/v1/images/generation", (message) => ({ code: 25429, message, request_id: expect.any(String) as string })],
  ["/linkai/v1/images/generations", (message) => ({ error: { message, type: "rate_limit_error" } })],
  [
    "/v1/images/generations",
    (message) => ({ error: { message, type: "requests", param: null, code: "rate_limit_exceeded" } }),
  ],
  ["/v1/generations", (message) => ({ error: { code: "rate_limited", message } })],
];

describe("rate limits", () => {
  it.each(DIALECTS)(
    "%s responds 429 in its dialect, with a retry-after no shorter than the reset time",
    async (path, refusal) => {
      const { post, linkai, listenhub } = await startLimitedStage({ keyPerMinute: 3 });
      const body = { model: PRO, prompt: "a cat" };
      const succeeded = await post(path, body);
      expect(succeeded.status).toBe(200);
      expect(succeeded.headers.get("ratelimit-policy")).toBe('"key";q=3;w=60, "global";q=1000000;w=60');
      expect(succeeded.headers.get("ratelimit")).toMatch(/^"key";r=2;t=\d+$/);
      await succeeded.arrayBuffer();
      // A request that is invalid after admission counts, and its response carries the header.
      const invalid = await post(path, {});
      expect(invalid.status).toBe(400);
      expect(invalid.headers.get("ratelimit")).toMatch(/^"key";r=1;t=\d+$/);
      await invalid.arrayBuffer();
      await (await post(path, "{")).arrayBuffer();
      const seen = listenhub.seen.length + linkai.seen.length;

      const refused = await post(path, body);
      expect(refused.status).toBe(429);
      expect(await refused.json()).toEqual(refusal('Too many requests: the limit "key" is reached.'));
      const t = Number(/^"key";r=0;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "")?.[1]);
      expect(t).toBeGreaterThan(0);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(t);
      expect(refused.headers.get("ratelimit-policy")).toBe('"key";q=3;w=60, "global";q=1000000;w=60');
      expect(refused.headers.get("x-should-retry")).toBe(null);
      expect(listenhub.seen.length + linkai.seen.length).toBe(seen);
    },
  );

  it("a request is admitted again after the time in retry-after", async () => {
    const { post } = await startLimitedStage({ keyPerMinute: 60 });
    const statuses = async () => {
      const answers = await Promise.all(Array.from({ length: 90 }, () => post("/v1/generations", {})));
      return answers.map(({ status, headers }) => [status, headers.get("retry-after")]);
    };
    const first = await statuses();
    expect(first.filter(([status]) => status === 400).length).toBeLessThan(90);
    const wait = Number(first.find(([status]) => status === 429)?.[1]);
    await new Promise((resolve) => setTimeout(resolve, wait * 1_000));
    expect((await post("/v1/generations", {})).status).toBe(400);
  });

  it("the global bucket rejects requests over its limit, and ratelimit names it only then", async () => {
    const { post } = await startLimitedStage({ globalPerMinute: 2 });
    await post("/v1/generations", {});
    await post("/v1/generations", {});
    const refused = await post("/v1/generations", {});
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit")).toMatch(/^"global";r=0;t=\d+$/);
  });

  it.each(DIALECTS)("%s counts requests with references in a separate, stricter bucket", async (path, refusal) => {
    const stage = await startLimitedStage({ keyPerMinute: 6, referencesPerMinute: 1 });
    const image = `data:image/png;base64,${png({ bytes: 5_000 }).bytes.toString("base64")}`;
    const body = {
      prompt: "a cat",
      ...(path !== "/v1/images/generation" && { model: PRO }),
      ...(path === "/v1/images/generation" && {
        referenceImages: [{ inlineData: { data: image.split(",")[1], mimeType: "image/png" } }],
      }),
      ...(path.endsWith("generations") && path !== "/v1/generations" && { images: [image] }),
      ...(path === "/v1/generations" && { references: [image] }),
    };
    const first = await stage.post(path, body);
    expect(first.status).toBe(200);
    expect(first.headers.get("ratelimit-policy")).toBe(
      '"key";q=6;w=60, "global";q=1000000;w=60, "references";q=1;w=60',
    );
    expect(first.headers.get("ratelimit")).toMatch(/^"references";r=0;t=\d+$/);
    await first.arrayBuffer();
    const seen = vendorCalls(stage);
    const second = await stage.post(path, body);
    expect(second.status).toBe(429);
    expect(await second.json()).toEqual(refusal('Too many requests: the limit "references" is reached.'));
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(vendorCalls(stage)).toBe(seen);
    await until(async () => (await stage.keys("references/")).length === 0);
    // The pictures of the rejected request were read, so it counts as a request.
    const third = await stage.post(path, {});
    expect(third.headers.get("ratelimit")).toMatch(/^"key";r=3;t=\d+$/);
  });
});

it("the ratelimit header reports the tightest of the buckets that a request passed", async () => {
  const { post } = await startLimitedStage({ keyPerMinute: 3, referencesPerMinute: 50 });
  const body = { prompt: "a cat", references: ["https://example.com/a.png"] };
  const answer = await post("/v1/generations", body);
  expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=2;t=\d+$/);
  expect(answer.headers.get("ratelimit-policy")).toContain('"references";q=50;w=60');
});

it("a vendor's 503 keeps its retry-after in LinkAI's dialect", async () => {
  const { post, linkai } = await startLimitedStage({});
  linkai.next({ status: 503, error: {}, headers: { "retry-after": "9" } });
  const answer = await post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "9"]);
});
