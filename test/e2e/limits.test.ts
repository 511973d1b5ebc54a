import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { depthBomb, png, until } from "../sim/index.ts";
import { ADMIN, jsonOf, startStage } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.stop();
  stage = undefined;
});

async function limited(limits: Record<string, number>, more: StageOptions = {}): Promise<Stage> {
  stage = await startStage({ limits, ...more });
  return stage;
}
const vendorsSaw = ({ listenhub, linkai }: Stage) => listenhub.seen.length + linkai.seen.length;
const dataUri = (bytes: number, seed = 1) => `data:image/png;base64,${png({ bytes, seed }).bytes.toString("base64")}`;

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
    const body = { model: "gemini-3-pro-image-preview", prompt: "a cat" };
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
      const answers = await Promise.all(Array.from({ length: 70 }, () => post("/v1/generations", {})));
      return answers.map(({ status, headers }) => [status, headers.get("retry-after")]);
    };
    const first = await statuses();
    expect(first.filter(([status]) => status === 400).length).toBeLessThanOrEqual(61);
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
      const stage = await limited({ keyPerMinute: 100, referencesPerMinute: 1 });
      const image = dataUri(5_000);
      const body = {
        prompt: "a cat",
        ...(path !== "/v1/images/generation" && { model: "gemini-3-pro-image-preview" }),
        ...(path === "/v1/images/generation" && {
          referenceImages: [{ inlineData: { data: image.split(",")[1], mimeType: "image/png" } }],
        }),
        ...(path.endsWith("generations") && path !== "/v1/generations" && { images: [image] }),
        ...(path === "/v1/generations" && { references: [image] }),
      };
      const first = await stage.post(path, body);
      expect(first.status).toBe(200);
      expect(first.headers.get("ratelimit-policy")).toBe(
        '"key";q=100;w=60, "global";q=1000000;w=60, "references";q=1;w=60',
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
      expect(third.headers.get("ratelimit")).toMatch(/^"key";r=97;t=\d+$/);
    },
  );
});

describe("a body", () => {
  /** Sends `headers` and then pieces of a body for as long as nobody answers; resolves with the answer's status and text. */
  function stream(to: Stage, path: string, headers: Record<string, string>, piece: string, pauseMs = 1): Promise<Sent> {
    return new Promise((resolve, reject) => {
      let sent = 0;
      let over = false;
      const outgoing = request(to.easel.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json", ...headers },
      });
      outgoing.on("response", (response) => {
        over = true;
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text, sent }));
        response.on("error", reject);
      });
      outgoing.on("error", (error) => {
        if (!over) reject(error);
      });
      const more = (): void => {
        if (over || outgoing.destroyed || sent > 50_000_000) return;
        sent += piece.length;
        outgoing.write(sent === piece.length ? `{"prompt":"${piece}` : piece, () => setTimeout(more, pauseMs));
      };
      more();
    });
  }
  interface Sent {
    status: number;
    text: string;
    sent: number;
  }
  const OVER = {
    linkai: [400, "invalid_request_error"],
    openai: [413, "invalid_request_error"],
    own: [413, "payload_too_large"],
  };
  const paths: [path: string, status: number | string, type: number | string][] = [
    ["/linkai/v1/images/generations", ...(OVER.linkai as [number, string])],
    ["/v1/images/generations", ...(OVER.openai as [number, string])],
    ["/v1/generations", ...(OVER.own as [number, string])],
    ["/v1/images/generation", 400, 29003],
  ];

  it.each(paths)("%s: too large as declared is refused before it comes", async (path, status, word) => {
    const to = await limited({ requestBytes: 300_000 });
    const answer = await stream(to, path, { "content-length": "300001" }, "x", 1_000);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
    expect(answer.text).toContain(String(word));
    expect(answer.sent).toBeLessThan(10);
  });

  it.each(paths)("%s: too large without a length is refused while it comes", async (path, status, word) => {
    const to = await limited({ requestBytes: 300_000 });
    const answer = await stream(to, path, { "transfer-encoding": "chunked" }, "x".repeat(10_000), 5);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
    expect(answer.text).toContain(String(word));
    expect(answer.sent).toBeLessThan(5_000_000);
    expect(vendorsSaw(to)).toBe(0);
  });

  it("that never ends is given up", async () => {
    const to = await limited({ requestMs: 500 });
    const answer = await stream(to, "/v1/generations", { "transfer-encoding": "chunked" }, "x", 100);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("The body did not arrive within 0.5 s.");
  });

  it("that breaks off sends nothing to a vendor, stores nothing and is no fault of the gateway's", async () => {
    const to = await limited({});
    const outgoing = request(`${to.easel.url}/v1/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-length": "9999999" },
    });
    outgoing.on("error", () => undefined);
    outgoing.write(`{"prompt":"a cat","references":["${dataUri(200_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    outgoing.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await to.easel.fetch("/healthz")).status).toBe(200);
    expect(vendorsSaw(to)).toBe(0);
    expect(await to.keys("")).toEqual([]);
    const said = to.easel.logs.filter(({ level }) => level !== "runtime").map(({ message }) => message);
    expect(said.join("\n")).not.toContain("internal");
    expect(to.easel.logs.filter(({ level }) => level === "uncaught")).toEqual([]);
  });

  const bounds: [
    name: string,
    limits: Record<string, number>,
    body: () => object | string,
    message: RegExp,
    status?: number,
  ][] = [
    ["JSON", { requestJsonBytes: 5_000 }, () => ({ prompt: "x".repeat(6_000) }), /over 5000 bytes/, 413],
    ["depth", {}, () => depthBomb(), /nested deeper than 64 levels/],
    ["depth inside", { jsonDepth: 4 }, () => ({ prompt: "x", size: [[[[1]]]] }), /nested deeper than 4 levels/],
    ["prompt", { promptChars: 10 }, () => ({ prompt: "x".repeat(11) }), /^prompt must have at most 10 characters/],
    ["pictures", { pictures: 2 }, () => ({ prompt: "x", n: 3 }), /^n must be at most 2/],
    [
      "inline references",
      { references: 1 },
      () => ({ prompt: "x", references: [dataUri(2_000), dataUri(2_000, 2)] }),
      /more than 1 pictures/,
    ],
    [
      "references",
      { references: 1 },
      () => ({ prompt: "x", references: Array(2).fill("https://a.com/b.png") }),
      /^references must be at most 1/,
    ],
    [
      "a reference",
      { referenceBytes: 5_000 },
      () => ({ prompt: "x", references: [dataUri(6_000)] }),
      /over 5000 bytes/,
      413,
    ],
    ["no body", {}, () => "", /The body is empty/],
    ["no JSON", {}, () => "prompt=cat", /not valid JSON/],
    ["half of it", {}, () => '{"prompt":"a cat', /broke off inside a string/],
    ["events", {}, () => 'data: {"prompt":"a cat"}\n\n', /The body must be an object/],
  ];
  it.each(bounds)("bounds %s", async (_, limits, body, message, status = 400) => {
    const to = await limited(limits);
    const answer = await to.post("/v1/generations", body());
    expect(answer.status).toBe(status);
    expect((await jsonOf<{ error: { message: string } }>(answer)).error.message).toMatch(message);
    expect(vendorsSaw(to)).toBe(0);
    await until(async () => (await to.keys("")).length === 0);
  });
});

it("a vendor's 503 says when to come again, at LinkAI's dialect", async () => {
  const { post, linkai } = await limited({});
  linkai.next({ status: 503, error: {}, headers: { "retry-after": "9" } });
  const answer = await post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "9"]);
});
