import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, PRO, read, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** docs/faults.md 1 to 10: what may go wrong below JSON, between Easel and a vendor. */
const patient = staged({ vendors: ["listenhub"] });
const hasty = staged({ vendors: ["listenhub"], limits: { headersMs: 1_500 } });
const brief = staged({ vendors: ["listenhub"], limits: { answerMs: 8_000 } });
/** Only what must meet a deadline has a short one. */
const stageFor = (recorded: string, { pauseMs }: ListenHubBehaviour) => {
  if (recorded !== "vendor_timeout") return patient;
  return pauseMs === undefined ? hasty : brief;
};

const pictures = [png({ bytes: 300_000 })];

/** Before anything of the picture came: a clean error. */
const BEFORE: [name: string, how: ListenHubBehaviour, recorded: string][] = [
  ["1. a reset before the headers", { reset: "before-headers" }, "vendor_error"],
  ["2. a reset after the headers", { pictures, reset: 0 }, "vendor_error"],
  ["2. a reset in the first bytes", { pictures, reset: 40 }, "vendor_error"],
  ["3. an end after the headers", { pictures, closeDelimited: true, cutAt: 0 }, "vendor_error"],
  ["3. an end in the first bytes", { pictures, closeDelimited: true, cutAt: 40 }, "vendor_error"],
  ["10. headers that never come", { hang: true }, "vendor_timeout"],
  ["10. headers that come too late", { delayMs: 60_000 }, "vendor_timeout"],
];
it.each(BEFORE)("%s", async (_, how, recorded) => {
  const stage = stageFor(recorded, how);
  const answer = await stage.draw(CAT, how);
  expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
  const record = await stage.record(answer.id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
  expect(stage.listenhub.seen).toHaveLength(1);
});

/** In the middle of the picture: the client's stream breaks off too, so that it cannot take it for whole. */
const MIDDLE: [name: string, how: ListenHubBehaviour, recorded: string][] = [
  ["2. a reset", { pictures, reset: 200_000 }, "vendor_error"],
  ["3. a cut, close-delimited", { pictures, closeDelimited: true, cutAt: 200_000 }, "vendor_error"],
  ["3. a cut at a quad's end, close-delimited", { pictures, closeDelimited: true, cutAt: 200_060 }, "vendor_error"],
  ["3. base64 cut short in whole JSON", { pictures, cutPicture: 200_001 }, "vendor_error"],
  ["3. base64 cut short at a quad's end in whole JSON", { pictures, cutPicture: 200_000 }, "vendor_error"],
  ["4. a cut, chunked and ended well", { pictures, cutAt: 200_000 }, "vendor_error"],
  ["4. a cut, chunked and not ended", { pictures, cutAt: 200_000, noLastChunk: true }, "vendor_error"],
  ["4. a cut in the JSON after the picture", { pictures, cutAt: -10 }, "vendor_error"],
  ["4. a cut of the very last byte", { pictures, cutAt: -1 }, "vendor_error"],
  ["4. a cut in an array", { pictures, framing: "array", cutAt: -1 }, "vendor_error"],
  ["5. a length that is too long", { pictures, contentLength: "too-long" }, "vendor_error"],
  ["6. a length that is too short", { pictures, contentLength: "too-short" }, "vendor_error"],
  ["9. a stall in the middle", { pictures, chunk: 200_000, pauseMs: 60_000 }, "vendor_timeout"],
  ["9. a drip of a few bytes", { pictures, chunk: 100, pauseMs: 20 }, "vendor_timeout"],
  ["23. a NUL in the base64", { pictures, base64: "nul" }, "vendor_error"],
];
it.each(MIDDLE)("%s", async (_, how, recorded) => {
  const stage = stageFor(recorded, how);
  const response = await stage.ask(CAT, how);
  expect(response.status).toBe(200);
  await expect(response.arrayBuffer()).rejects.toThrow();
  const id = response.headers.get("easel-generation") ?? "";
  const record = await stage.ended(id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  expect((await stage.easel.fetch(`/images/${id}/0`)).status).toBe(404);
  expect(stage.listenhub.seen).toHaveLength(1);
});

it("9. one byte a second meets the deadline, and the vendor's connection is given up", async () => {
  const answer = await brief.draw(CAT, { drip: true });
  expect([answer.status, answer.json["message"]]).toEqual([500, expect.stringContaining("8 s")]);
  expect(await brief.record(answer.id)).toMatchObject({ error: { code: "vendor_timeout" } });
  await brief.listenhub.settled();
  expect(brief.listenhub.seen[0]?.aborted).toBe(true);
});

it("9. headers and then nothing meet the deadline for the first byte", async () => {
  const silent = createServer((_, response) =>
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders(),
  );
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const other = await startStage({
    vendors: ["listenhub"],
    limits: { firstByteMs: 300 },
    vars: { LISTENHUB_BASE_URL: `http://127.0.0.1:${port}` },
  });
  try {
    const answer = await other.draw();
    expect([answer.status, answer.json["message"]]).toEqual([500, expect.stringContaining("first byte within 0.3 s")]);
    expect(await other.record(answer.id)).toMatchObject({ error: { code: "vendor_timeout" } });
  } finally {
    await other.stop();
    silent.closeAllConnections();
    silent.close();
  }
});

describe("the same faults, where the answer is not passed through", () => {
  const ask = async (stage: Stage, how: ListenHubBehaviour) => {
    stage.listenhub.next(how);
    const answer = await read(stage.post("/v1/generations", { model: `listenhub/${PRO}`, prompt: "a cat" }));
    return { answer, record: await stage.record(answer.id) };
  };

  it.each([...BEFORE, ...MIDDLE])("%s", async (_, how, recorded) => {
    const stage = stageFor(recorded, how);
    const { answer, record } = await ask(stage, how);
    expect(answer.status).toBe(recorded === "vendor_timeout" ? 504 : 502);
    expect(answer.json).toMatchObject({ error: { code: recorded } });
    expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
    expect(stage.listenhub.seen).toHaveLength(1);
  });
});
