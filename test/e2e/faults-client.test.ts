import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { png, until } from "../sim/index.ts";
import { ADMIN, CAT, LISTENHUB_PATH, logText, startStage } from "./stage.ts";
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

/** Open a request whose body the test writes itself. */
function openRequest(
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
 * Send a body piece by piece until an answer comes. workerd closes a connection whose body it has not read to the end,
 * and a client that is writing at that moment may lose the answer to the reset: it retries.
 */
async function sendInPieces(
  body: string,
  headers: Record<string, string | number>,
  retries = 5,
): Promise<{ status: number; body: Buffer }> {
  const { client, answer } = openRequest(headers);
  client.on("error", () => undefined);
  try {
    let answered = false;
    const response = answer.finally(() => (answered = true));
    response.catch(() => undefined);
    for (let offset = 0; offset < body.length; offset += 262_144) {
      client.write(body.slice(offset, offset + 262_144));
      await sleep(5);
      if (answered) break;
    }
    if (!answered) client.end();
    const { statusCode = 0 } = await response;
    const parts: Buffer[] = [];
    for await (const part of await response) parts.push(part as Buffer);
    return { status: statusCode, body: Buffer.concat(parts) };
  } catch (error) {
    if (retries === 0) throw error;
    return await sendInPieces(body, headers, retries - 1);
  } finally {
    client.destroy();
  }
}

const reference = (bytes: number) => ({
  inlineData: { data: png({ bytes }).bytes.toString("base64"), mimeType: "image/png" },
});
const withReference = (bytes: number) => JSON.stringify({ ...CAT, referenceImages: [reference(bytes)] });

/** Return what a failed request left in R2, sent to the vendor, or threw without being caught. */
async function traces(on = stage): Promise<unknown[]> {
  await until(async () => (await on.keys("references/")).length === 0).catch(() => undefined);
  const uncaught = on.easel.logs.filter(({ level }) => level === "uncaught");
  return [...(await on.keys("references/")), ...on.listenhub.seen, ...uncaught];
}

describe("a client that leaves before its body is complete [fault 26]", () => {
  const bodies: [string, string][] = [
    ["a text", JSON.stringify(CAT)],
    ["a reference", withReference(500_000)],
    ["a reference of several parts", withReference(6_500_000)],
  ];
  it.each(bodies)("a client that leaves in the middle of %s causes no vendor call [fault 26]", async (_, body) => {
    for (const headers of [{ "content-length": Buffer.byteLength(body) }, { "transfer-encoding": "chunked" }]) {
      const { client } = openRequest(headers);
      client.write(body.slice(0, -10));
      await sleep(250);
      client.destroy();
      await sleep(250);
      expect(await traces()).toEqual([]);
    }
  });

  it("a client that leaves between its JSON and the end of its body causes no vendor call [fault 26]", async () => {
    const { client } = openRequest({ "transfer-encoding": "chunked" });
    client.write(JSON.stringify(CAT));
    await sleep(200);
    client.destroy();
    await sleep(300);
    expect(await traces()).toEqual([]);
  });
});

describe("a client that leaves in the middle of its answer [fault 27]", () => {
  const picture = png({ bytes: 7_000_000 });

  it("a picture is stored even if its client leaves while it streams [fault 27]", async () => {
    stage.listenhub.next({ pictures: [picture], chunk: 1_000_000, pauseMs: 60 });
    const { client, answer } = openRequest({ "content-type": "application/json" });
    client.end(JSON.stringify(CAT));
    const response = await answer;
    const id = String(response.headers["easel-generation"]);
    await new Promise((resolve) => response.once("data", resolve));
    client.destroy();
    expect(await stage.ended(id)).toMatchObject({ status: "succeeded", images: [{ bytes: 7_000_000 }] });
    expect(await stage.storedHash((await stage.keys(`pictures/${id}`))[0] ?? "")).toBe(picture.sha256);
    expect(stage.listenhub.seen[0]).toMatchObject({ aborted: false, status: 200 });
    expect(await stage.keys("spills/")).toEqual([]);
  });

  it("a picture is stored even if its client leaves before the vendor answers [fault 27]", async () => {
    stage.listenhub.next({ pictures: [picture], delayMs: 500, chunk: 1_000_000, pauseMs: 20 });
    const { client } = openRequest({ "content-type": "application/json" });
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

  it("the record has the error of a vendor that fails after the client has left [fault 27]", async () => {
    stage.listenhub.next({ pictures: [picture], chunk: 1_000_000, pauseMs: 60, cutAt: 5_000_000 });
    const { client, answer } = openRequest({ "content-type": "application/json" });
    client.end(JSON.stringify(CAT));
    const response = await answer;
    await new Promise((resolve) => response.once("data", resolve));
    client.destroy();
    const id = String(response.headers["easel-generation"]);
    expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

describe("a body over the limit [fault 30]", () => {
  const OVERSIZED: [name: string, body: string, message: RegExp][] = [
    ["in total", withReference(6_900_000), /over the limit of 9000000 bytes/],
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
  it.each(OVERSIZED)("a sized or chunked body over the limit %s is rejected [fault 30]", async (_, body, message) => {
    for (const headers of [{ "content-length": Buffer.byteLength(body) }, { "transfer-encoding": "chunked" }]) {
      const answer = await sendInPieces(body, headers);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({
        code: 29003,
        message: expect.stringMatching(message),
      });
      expect(await traces()).toEqual([]);
    }
  });

  it("a body over the limit is rejected by its length before it is read [fault 30]", async () => {
    const { client, answer } = openRequest({ "content-length": 9_000_001 });
    client.flushHeaders();
    const response = await answer;
    expect(response.statusCode).toBe(400);
    client.destroy();
    expect(await traces()).toEqual([]);
  });

  it("a body without an end is rejected as soon as it is over the limit [fault 30]", async () => {
    const { client, answer } = openRequest({ "transfer-encoding": "chunked" });
    client.on("error", () => undefined);
    client.write('{"prompt":"');
    const piece = "x".repeat(64_000);
    const flood = setInterval(() => client.write(piece), 2);
    expect((await answer).statusCode).toBe(400);
    clearInterval(flood);
    client.destroy();
    expect(await traces()).toEqual([]);
  });
});

describe("a slow upload [fault 31]", () => {
  let hasty: Stage;
  beforeAll(async () => {
    hasty = await startStage({ vendors: ["listenhub"], limits: { requestMs: 800 } });
  });
  afterAll(() => hasty.stop());

  it.each([
    ["that stops in the middle", false],
    ["that drips", true],
  ])("an upload %s is rejected at its deadline [fault 31]", async (_, drips) => {
    const { client, answer } = openRequest({ "transfer-encoding": "chunked" }, hasty);
    client.on("error", () => undefined);
    const body = withReference(300_000);
    client.write(body.slice(0, 200_000));
    let offset = 200_000;
    const drip = drips ? setInterval(() => client.write(body.charAt(offset++)), 50) : undefined;
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

it("no prompt of these requests is in the log", () => {
  expect(logText(stage.easel)).not.toContain("a cat");
});
