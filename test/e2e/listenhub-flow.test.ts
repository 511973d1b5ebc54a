import { describe, expect, it } from "vitest";
import { writeGemini } from "../sim/gemini.ts";
import { png, sha256, until } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, PRO, staged } from "./stage.ts";

const stage = staged({ vendors: ["listenhub"] });

/** Read a body in the background; `received` returns the number of bytes so far. */
function readInBackground(response: Response): { parts: Buffer[]; received: () => number; done: Promise<void> } {
  const parts: Buffer[] = [];
  const run = async () => {
    for await (const part of response.body as AsyncIterable<Uint8Array>) parts.push(Buffer.from(part));
  };
  return { parts, received: () => parts.reduce((sum, { length }) => sum + length, 0), done: run() };
}

/** Return a vendor response that is sent in two halves, with a pause in the middle of the picture until `resume()`. */
function pausedHalfway(bytes: number, pauseMs: number) {
  const pictures = [png({ bytes })];
  const body = writeGemini({ pictures });
  const half = Math.ceil(body.length / 2);
  const { promise: between, resolve: resume } = Promise.withResolvers<void>();
  const how: ListenHubBehaviour = { pictures, chunk: half, pauseMs, between };
  return { how, body, half, resume };
}

describe.each([20_000, 300_000, 6_000_000])("a picture of %i bytes, with a pause in its middle", (bytes) => {
  it("the client gets most of the first half before the pause ends", async () => {
    const { how, body, half, resume } = pausedHalfway(bytes, 0);
    const response = await stage.postListenHub(CAT, how);
    const client = readInBackground(response);
    await until(() => client.received() > half * 0.85);
    expect(stage.listenhub.seen[0]?.endedAt).toBeUndefined();
    resume();
    await client.done;
    expect(sha256(Buffer.concat(client.parts))).toBe(sha256(body));
  });
});

it("a record is running until its response ends, then succeeded", async () => {
  const { how, resume } = pausedHalfway(200_000, 1_000);
  const response = await stage.postListenHub(CAT, how);
  const id = response.headers.get("easel-generation") ?? "";
  const running = await stage.record(id);
  expect(running).toMatchObject({ id, status: "running", dialect: "listenhub", vendor: "listenhub", model: PRO });
  expect(running).toMatchObject({ images: [], error: null, finishedAt: null });
  const early = await stage.easel.fetch(`/images/${id}/0`);
  await early.arrayBuffer();
  expect([early.status, early.headers.get("retry-after")]).toEqual([404, "1"]);
  resume();
  await response.arrayBuffer();
  // The body ends only when the record has been written.
  const record = await stage.record(id);
  expect(record).toMatchObject({
    id,
    status: "succeeded",
    images: [{ type: "image/png", bytes: 200_000 }],
    error: null,
  });
  expect(record.attempts).toMatchObject([{ vendor: "listenhub", pictures: 1, waitMs: expect.any(Number) as number }]);
  expect(record.attempts).toHaveLength(1);
  expect(record.attempts[0]?.ms).toBeGreaterThan(900);
  expect(Date.parse(record.finishedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(record.createdAt) + 900);
});

it("a record is running until its vendor breaks off, then failed with the reason", async () => {
  const { how, half, resume } = pausedHalfway(200_000, 600);
  const response = await stage.postListenHub(CAT, { ...how, cutAt: half + 10 });
  const id = response.headers.get("easel-generation") ?? "";
  expect(await stage.record(id)).toMatchObject({ status: "running" });
  resume();
  await expect(response.arrayBuffer()).rejects.toThrow();
  const record = await stage.ended(id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: "vendor_error" } });
  expect(record.attempts).toMatchObject([
    { vendor: "listenhub", ms: expect.any(Number) as number, error: "vendor_error" },
  ]);
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
});

it("a record is not shown without its API key", async () => {
  const { id } = await stage.draw();
  for (const headers of [{}, { authorization: "Bearer other" }]) {
    const answer = await stage.easel.fetch(`/v1/generations/${id}`, { headers });
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain("images");
  }
});

it("twelve concurrent requests each get their own picture", async () => {
  const bodies = Array.from({ length: 12 }, (_, n) => ({
    prompt: `cat ${n}`,
    pictures: [png({ bytes: 400_000, seed: n })],
  }));
  stage.listenhub.next(...bodies.map(({ pictures }) => ({ pictures, chunk: 10_000, pauseMs: 1 })));
  const answers = await Promise.all(bodies.map(() => stage.draw()));
  const expected = bodies.map(({ pictures }) => sha256(writeGemini({ pictures })));
  expect(answers.map(({ sha256 }) => sha256).toSorted()).toEqual(expected.toSorted());
  await until(async () =>
    (await Promise.all(answers.map(({ id }) => stage.record(id)))).every(({ status }) => status === "succeeded"),
  );
});
