import { afterAll, describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { PRO, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const stages: Stage[] = [];
afterAll(() => Promise.all(stages.map((stage) => stage.stop())));

async function limited(limits: Record<string, number>): Promise<Stage> {
  const stage = await startStage({ limits });
  stages.push(stage);
  return stage;
}
const vendorsSaw = ({ listenhub, linkai }: Stage) => listenhub.seen.length + linkai.seen.length;

const DIALECTS: [path: string, refusal: (message: unknown) => unknown][] = [
  ["/v1/images/generation", (message) => ({ code: 25429, message, request_id: expect.any(String) as string })],
  ["/linkai/v1/images/generations", (message) => ({ error: { message, type: "rate_limit_error" } })],
  [
    "/v1/images/generations",
    (message) => ({ error: { message, type: "requests", param: null, code: "rate_limit_exceeded" } }),
  ],
  ["/v1/generations", (message) => ({ error: { code: "rate_limited", message } })],
];

describe("too many requests", () => {
  it.each(DIALECTS)("%s: 429 in its words, with a time to wait that suffices", async (path, refusal) => {
    const { post, linkai, listenhub } = await limited({ keyPerMinute: 3 });
    const body = { model: PRO, prompt: "a cat" };
    const drawn = await post(path, body);
    expect(drawn.status).toBe(200);
    expect(drawn.headers.get("ratelimit-policy")).toBe('"key";q=3;w=60, "global";q=1000000;w=60');
    expect(drawn.headers.get("ratelimit")).toMatch(/^"key";r=2;t=\d+$/);
    await drawn.arrayBuffer();
    // What is wrong after admission counts, and says so.
    const wrong = await post(path, {});
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get("ratelimit")).toMatch(/^"key";r=1;t=\d+$/);
    await wrong.arrayBuffer();
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
  });

  it("waiting as told is enough", async () => {
    const { post } = await limited({ keyPerMinute: 60 });
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

  it("everybody together: the global bucket, named only once it is in the way", async () => {
    const { post } = await limited({ globalPerMinute: 2 });
    await post("/v1/generations", {});
    await post("/v1/generations", {});
    const refused = await post("/v1/generations", {});
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit")).toMatch(/^"global";r=0;t=\d+$/);
  });

  it.each(DIALECTS)(
    "%s: requests with references pass a bucket of their own, and a stricter one",
    async (path, refusal) => {
      const stage = await limited({ keyPerMinute: 6, referencesPerMinute: 1 });
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
      const seen = vendorsSaw(stage);
      const second = await stage.post(path, body);
      expect(second.status).toBe(429);
      expect(await second.json()).toEqual(refusal('Too many requests: the limit "references" is reached.'));
      expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(vendorsSaw(stage)).toBe(seen);
      await until(async () => (await stage.keys("references/")).length === 0);
      // Its pictures were read all the same: it counts as a request.
      const third = await stage.post(path, {});
      expect(third.headers.get("ratelimit")).toMatch(/^"key";r=3;t=\d+$/);
    },
  );
});

it("of all the buckets that a request passed, the tightest is told of", async () => {
  const { post } = await limited({ keyPerMinute: 3, referencesPerMinute: 50 });
  const body = { prompt: "a cat", references: ["https://example.com/a.png"] };
  const answer = await post("/v1/generations", body);
  expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=2;t=\d+$/);
  expect(answer.headers.get("ratelimit-policy")).toContain('"references";q=50;w=60');
});

it("a vendor's 503 says when to come again, at LinkAI's dialect", async () => {
  const { post, linkai } = await limited({});
  linkai.next({ status: 503, error: {}, headers: { "retry-after": "9" } });
  const answer = await post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "9"]);
});
