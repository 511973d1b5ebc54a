import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, PRO, readResponse, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** docs/faults.md 1 to 10: failures below JSON, between Easel and a vendor. */
const patient = staged({ vendors: ["listenhub"] });
const hasty = staged({ vendors: ["listenhub"], limits: { headersMs: 1_500 } });
const brief = staged({ vendors: ["listenhub"], limits: { answerMs: 8_000 } });
/** Only a test of a deadline needs a short one. */
const stageFor = (recorded: string, { pauseMs }: ListenHubBehaviour) => {
  if (recorded !== "vendor_timeout") return patient;
  return pauseMs === undefined ? hasty : brief;
};

const pictures = [png({ bytes: 300_000 })];

/** Failures before the first byte of the picture: the client gets a clean error. */
const BEFORE: [name: string, how: ListenHubBehaviour, recorded: string][] = [
  ["a reset before the headers [fault 1]", { reset: "before-headers" }, "vendor_error"],
  ["a reset after the headers [fault 2]", { pictures, reset: 0 }, "vendor_error"],
  ["a reset in the first bytes [fault 2]", { pictures, reset: 40 }, "vendor_error"],
  ["an end after the headers [fault 3]", { pictures, closeDelimited: true, cutAt: 0 }, "vendor_error"],
  ["an end in the first bytes [fault 3]", { pictures, closeDelimited: true, cutAt: 40 }, "vendor_error"],
  ["headers that never come [fault 10]", { hang: true }, "vendor_timeout"],
  ["headers that come too late [fault 10]", { delayMs: 60_000 }, "vendor_timeout"],
];
it.each(BEFORE)("the client gets a clean error after %s", async (_, how, recorded) => {
  const stage = stageFor(recorded, how);
  const answer = await stage.draw(CAT, how);
  expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
  const record = await stage.record(answer.id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
  expect(stage.listenhub.seen).toHaveLength(1);
});

/** Failures in the middle of the picture: the client's stream breaks off too, so that it cannot look complete. */
const MIDDLE: [name: string, how: ListenHubBehaviour, recorded: string][] = [
  ["a reset [fault 2]", { pictures, reset: 200_000 }, "vendor_error"],
  ["a cut, close-delimited [fault 3]", { pictures, closeDelimited: true, cutAt: 200_000 }, "vendor_error"],
  [
    "a cut at a quad's end, close-delimited [fault 3]",
    { pictures, closeDelimited: true, cutAt: 200_060 },
    "vendor_error",
  ],
  ["base64 cut short in complete JSON [fault 3]", { pictures, cutPicture: 200_001 }, "vendor_error"],
  ["base64 cut short at a quad's end in complete JSON [fault 3]", { pictures, cutPicture: 200_000 }, "vendor_error"],
  ["a cut, chunked, with a last chunk [fault 4]", { pictures, cutAt: 200_000 }, "vendor_error"],
  ["a cut, chunked, without a last chunk [fault 4]", { pictures, cutAt: 200_000, noLastChunk: true }, "vendor_error"],
  ["a cut in the JSON after the picture [fault 4]", { pictures, cutAt: -10 }, "vendor_error"],
  ["a cut of the very last byte [fault 4]", { pictures, cutAt: -1 }, "vendor_error"],
  ["a cut in an array [fault 4]", { pictures, framing: "array", cutAt: -1 }, "vendor_error"],
  ["a length that is too long [fault 5]", { pictures, contentLength: "too-long" }, "vendor_error"],
  ["a length that is too short [fault 6]", { pictures, contentLength: "too-short" }, "vendor_error"],
  ["a stall in the middle [fault 9]", { pictures, chunk: 200_000, pauseMs: 60_000 }, "vendor_timeout"],
  ["a drip of a few bytes [fault 9]", { pictures, chunk: 100, pauseMs: 20 }, "vendor_timeout"],
  ["a NUL in the base64 [fault 23]", { pictures, base64: "nul" }, "vendor_error"],
];
it.each(MIDDLE)("the client's stream breaks off after %s", async (_, how, recorded) => {
  const stage = stageFor(recorded, how);
  const response = await stage.postListenHub(CAT, how);
  expect(response.status).toBe(200);
  await expect(response.arrayBuffer()).rejects.toThrow();
  const id = response.headers.get("easel-generation") ?? "";
  const record = await stage.ended(id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  expect((await stage.easel.fetch(`/images/${id}/0`)).status).toBe(404);
  expect(stage.listenhub.seen).toHaveLength(1);
});

it("one byte a second runs into the deadline, and the vendor's connection is closed [fault 9]", async () => {
  const answer = await brief.draw(CAT, { drip: true });
  expect([answer.status, answer.json["message"]]).toEqual([500, expect.stringContaining("8 s")]);
  expect(await brief.record(answer.id)).toMatchObject({ error: { code: "vendor_timeout" } });
  await brief.listenhub.settled();
  expect(brief.listenhub.seen[0]?.aborted).toBe(true);
});

it("headers without a body run into the deadline for the first byte [fault 9]", async () => {
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

describe("the same faults without pass-through", () => {
  const postToEasel = async (stage: Stage, how: ListenHubBehaviour) => {
    stage.listenhub.next(how);
    const answer = await readResponse(stage.post("/v1/generations", { model: `listenhub/${PRO}`, prompt: "a cat" }));
    return { answer, record: await stage.record(answer.id) };
  };

  it.each([...BEFORE, ...MIDDLE])("the answer without pass-through is an error after %s", async (_, how, recorded) => {
    const stage = stageFor(recorded, how);
    const { answer, record } = await postToEasel(stage, how);
    expect(answer.status).toBe(recorded === "vendor_timeout" ? 504 : 502);
    expect(answer.json).toMatchObject({ error: { code: recorded } });
    expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
    expect(stage.listenhub.seen).toHaveLength(1);
  });
});
