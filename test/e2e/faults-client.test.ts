import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { ADMIN, CAT, LISTENHUB_PATH, said, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** docs/faults.md 26, 27, 30, 31: clients that leave, send too much, or send too slowly. */
let stage: Stage;
beforeAll(async () => {
  const limits = {
    requestBytes: 9_000_000,
    requestJsonBytes: 100_000,
    referenceBytes: 7_000_000,
    promptChars: 1_000,
  };
  stage = await startStage({ vendors: ["listenhub"], limits });
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** A request whose body the test writes as it likes. */
function open(
  headers: Record<string, string | number> = {},
  on = stage,
): {
  client: ClientRequest;
  answer: Promise<IncomingMessage>;
} {
  const client = request(on.easel.url + LISTENHUB_PATH, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN}`, ...headers },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) =>
    client.once("response", resolve).once("error", reject),
  );
  answer.catch(() => undefined);
  return { client, answer };
}

/**
 * Sends a body piece by piece until it is answered. workerd closes a connection whose body it has not read to the end,
 * and a client that is writing just then may lose the answer to the reset: it asks again.
 */
async function pour(
  body: string,
  headers: Record<string, string | number>,
  again = 5,
): Promise<{ status: number; body: Buffer }> {
  const { client, answer } = open(headers);
  client.on("error", () => undefined);
  try {
    let answered = false;
    const response = answer.finally(() => (answered = true));
    response.catch(() => undefined);
    for (let at = 0; at < body.length; at += 262_144) {
      client.write(body.slice(at, at + 262_144));
      await sleep(5);
      if (answered) break;
    }
    if (!answered) client.end();
    const { statusCode = 0 } = await response;
    const parts: Buffer[] = [];
    for await (const part of await response) parts.push(part as Buffer);
    return { status: statusCode, body: Buffer.concat(parts) };
  } catch (error) {
    if (again === 0) throw error;
    return await pour(body, headers, again - 1);
  } finally {
    client.destroy();
  }
}

const reference = (bytes: number) => ({
  inlineData: { data: png({ bytes }).bytes.toString("base64"), mimeType: "image/png" },
});
const withReference = (bytes: number) => JSON.stringify({ ...CAT, referenceImages: [reference(bytes)] });

/** What a request that came to nothing has left in R2, sent to the vendor, or broken inside. */
async function traces(on = stage): Promise<unknown[]> {
  await until(async () => (await on.keys("references/")).length === 0).catch(() => undefined);
  const uncaught = on.easel.logs.filter(({ level }) => level === "uncaught");
  return [...(await on.keys("references/")), ...on.listenhub.seen, ...uncaught];
}

describe("26. a client that leaves before its body is complete", () => {
  const bodies: [string, string][] = [
    ["in a text", JSON.stringify(CAT)],
    ["in a reference", withReference(500_000)],
    ["in a reference of several parts", withReference(6_500_000)],
  ];
  it.each(bodies)("%s: nothing is sent, nothing is left", async (_, body) => {
    for (const headers of [{ "content-length": Buffer.byteLength(body) }, { "transfer-encoding": "chunked" }]) {
      const { client } = open(headers);
      client.write(body.slice(0, -10));
      await sleep(250);
      client.destroy();
      await sleep(250);
      expect(await traces()).toEqual([]);
    }
  });

  it("whose JSON is whole but whose body is not", async () => {
    const { client } = open({ "transfer-encoding": "chunked" });
    client.write(JSON.stringify(CAT));
    await sleep(200);
    client.destroy();
    await sleep(300);
    expect(await traces()).toEqual([]);
  });
});

describe("27. a client that leaves in the middle of its answer", () => {
  const picture = png({ bytes: 7_000_000 });

  it("while the picture streams: it is stored, and the record has succeeded", async () => {
    stage.listenhub.next({ pictures: [picture], chunk: 1_000_000, pauseMs: 60 });
    const { client, answer } = open({ "content-type": "application/json" });
    client.end(JSON.stringify(CAT));
    const response = await answer;
    const id = String(response.headers["easel-generation"]);
    await new Promise((resolve) => response.once("data", resolve));
    client.destroy();
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded", images: [{ bytes: 7_000_000 }] });
    expect(await stage.stored((await stage.keys(`pictures/${id}`))[0] ?? "")).toBe(picture.sha256);
    expect(stage.listenhub.seen[0]).toMatchObject({ aborted: false, status: 200 });
    expect(await stage.keys("spills/")).toEqual([]);
  });

  it("before the vendor has answered: the picture was ordered, so it is kept", async () => {
    stage.listenhub.next({ pictures: [picture], delayMs: 500, chunk: 1_000_000, pauseMs: 20 });
    const { client } = open({ "content-type": "application/json" });
    client.end(JSON.stringify(CAT));
    await until(() => stage.listenhub.seen.length === 1);
    client.destroy();
    await stage.listenhub.settled();
    expect(stage.listenhub.seen[0]).toMatchObject({ aborted: false, status: 200 });
    const line = () =>
      stage.easel.logs.findLast(({ message }) => message.includes('"event":"generation"'))?.message ?? "{}";
    await until(() => line().includes('"status":"succeeded"') && stage.listenhub.seen[0]?.endedAt !== undefined);
    const { generation } = JSON.parse(line()) as { generation: string };
    expect(await stage.ended(generation)).toMatchObject({ status: "succeeded", images: [{ bytes: 7_000_000 }] });
  });

  it("where the vendor then fails: the record says so", async () => {
    stage.listenhub.next({ pictures: [picture], chunk: 1_000_000, pauseMs: 60, cutAt: 5_000_000 });
    const { client, answer } = open({ "content-type": "application/json" });
    client.end(JSON.stringify(CAT));
    const response = await answer;
    await new Promise((resolve) => response.once("data", resolve));
    client.destroy();
    const id = String(response.headers["easel-generation"]);
    expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

describe("30. a body over the limit", () => {
  const OVER: [name: string, body: string, message: RegExp][] = [
    ["in all", withReference(6_900_000), /over the limit of 9000000 bytes/],
    ["in one reference", withReference(7_000_001), /over/],
    ["without its pictures", JSON.stringify({ ...CAT, prompt: "x".repeat(100_001) }), /over 100000 bytes/],
    [
      "in its prompt",
      JSON.stringify({ ...CAT, prompt: "x".repeat(1_001) }),
      /^prompt must have at most 1000 characters/,
    ],
    [
      "in unknown fields",
      JSON.stringify({ ...CAT, x: Array.from({ length: 30_000 }, (_, n) => n) }),
      /over 100000 bytes/,
    ],
  ];
  it.each(OVER)("%s, with a length and without", async (_, body, message) => {
    for (const headers of [{ "content-length": Buffer.byteLength(body) }, { "transfer-encoding": "chunked" }]) {
      const answer = await pour(body, headers);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        code: 29003,
        message: expect.stringMatching(message),
      });
      expect(await traces()).toEqual([]);
    }
  });

  it("is refused by its length alone, before it is read", async () => {
    const { client, answer } = open({ "content-length": 9_000_001 });
    client.flushHeaders();
    const response = await answer;
    expect(response.statusCode).toBe(400);
    client.destroy();
    expect(await traces()).toEqual([]);
  });

  it("without an end is refused as soon as it is over", async () => {
    const { client, answer } = open({ "transfer-encoding": "chunked" });
    client.on("error", () => undefined);
    client.write('{"prompt":"');
    const piece = "x".repeat(64_000);
    const pour = setInterval(() => client.write(piece), 2);
    expect((await answer).statusCode).toBe(400);
    clearInterval(pour);
    client.destroy();
    expect(await traces()).toEqual([]);
  });
});

describe("31. a slow upload meets its deadline", () => {
  let hasty: Stage;
  beforeAll(async () => {
    hasty = await startStage({ vendors: ["listenhub"], limits: { requestMs: 800 } });
  });
  afterAll(() => hasty.stop());

  it.each([
    ["that stops in the middle", false],
    ["that drips", true],
  ])("one %s", async (_, drips) => {
    const { client, answer } = open({ "transfer-encoding": "chunked" }, hasty);
    client.on("error", () => undefined);
    const body = withReference(300_000);
    client.write(body.slice(0, 200_000));
    let at = 200_000;
    const drip = drips ? setInterval(() => client.write(body.charAt(at++)), 50) : undefined;
    const response = await answer;
    clearInterval(drip);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    expect([response.statusCode, Buffer.concat(parts).toString()]).toEqual([
      400,
      expect.stringContaining("within 0.8 s"),
    ]);
    client.destroy();
    expect(await traces(hasty)).toEqual([]);
  });
});

it("logs no prompt of any of them", () => {
  expect(said(stage.easel)).not.toContain("a cat");
});
