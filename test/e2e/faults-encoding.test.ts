import { expect, it } from "vitest";
import { depthBomb, png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** docs/faults.md 7, 8, 24: answers that are compressed, far too large, or nested far too deep. */
const stage = staged({ vendors: ["listenhub"], limits: { answerBytes: 8_000_000, pictureBytes: 4_000_000 } });

const pictures = [png({ bytes: 300_000 })];

/** Return the recorded message of an answer that must fail, both for the client and in the record. */
async function failureOf(how: ListenHubBehaviour): Promise<string> {
  const response = await stage.postListenHub(CAT, how);
  const id = response.headers.get("easel-generation") ?? "";
  if (response.status === 200) await expect(response.arrayBuffer()).rejects.toThrow();
  else expect([response.status, await response.json()]).toEqual([500, expect.objectContaining({ code: 500 })]);
  const record = await stage.ended(id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: "vendor_error" } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  return record.error?.message ?? "";
}

it("a vendor call accepts the identity encoding only [fault 7]", async () => {
  await stage.draw();
  expect(stage.listenhub.seen[0]?.headers["accept-encoding"]).toBe("identity");
});

it("zstd, which is not decoded, is rejected before the client gets a byte [fault 7]", async () => {
  const answer = await stage.draw(CAT, { pictures, encoding: "zstd" });
  expect([answer.status, answer.json["message"]]).toEqual([500, expect.stringContaining("zstd")]);
  expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
});

it("corrupt gzip is an error, and no picture is stored [fault 7]", async () => {
  expect(await failureOf({ pictures, encoding: "corrupt-gzip" })).toMatch(/listenhub/);
});
it("truncated gzip is an error, and no picture is stored [fault 7]", async () => {
  expect(await failureOf({ pictures, encoding: "gzip", cutAt: -2_000 })).toMatch(/listenhub/);
});

it("a gzip bomb stops at the byte limit [fault 8]", async () => {
  const response = await stage.postListenHub(CAT, { pictures, encoding: "gzip-bomb" });
  let received = 0;
  const readAll = async () => {
    for await (const part of response.body as AsyncIterable<Uint8Array>) received += part.length;
  };
  await expect(readAll()).rejects.toThrow();
  // The bomb has a gigabyte.
  expect(received).toBeLessThan(8_000_000);
  const record = await stage.ended(response.headers.get("easel-generation") ?? "");
  expect(record).toMatchObject({
    status: "failed",
    images: [],
    error: { message: expect.stringMatching(/over \d+ bytes/) },
  });
});

it("a picture over its own limit is not stored [fault 8]", async () => {
  expect(await failureOf({ pictures: [png({ bytes: 4_000_002 })], pretty: true })).toMatch(/over 4000000 bytes/);
});

it("an answer without an end stops at the byte limit [fault 8]", async () => {
  expect(await failureOf({ body: `{"candidates":[{"x":"${"y".repeat(9_000_000)}"}]}` })).toMatch(
    /over the limit of 8000000 bytes/,
  );
});

it("JSON without pictures stops at a much lower limit [fault 8]", async () => {
  expect(await failureOf({ body: JSON.stringify(Array.from({ length: 200_000 }, (_, n) => ({ n }))) })).toMatch(
    /over 1048576 bytes/,
  );
});

it("an answer that is nested too deep is rejected [fault 24]", async () => {
  expect(await failureOf({ body: depthBomb() })).toMatch(/nested deeper/);
  expect(await failureOf({ body: `{"candidates":[{"content":${"[".repeat(100)}${"]".repeat(100)}}]}` })).toMatch(
    /nested deeper/,
  );
  expect(await failureOf({ body: `data: ${depthBomb()}\n\n`, type: "text/event-stream" })).toMatch(/nested deeper/);
});

it("an error whose body is nested too deep keeps its status [fault 24]", async () => {
  const answer = await stage.draw(CAT, { status: 429, body: depthBomb() });
  expect(answer.status).toBe(429);
});

it("a request that is nested too deep is rejected before a vendor is called [fault 24]", async () => {
  for (const body of [
    depthBomb(),
    `{"prompt":"a","x":${depthBomb()}}`,
    `{"a":`.repeat(200_000),
    `{"prompt":"a cat","x":${depthBomb(64)}}`,
  ]) {
    const answer = await stage.draw(body);
    expect([answer.status, answer.json["message"]]).toEqual([400, expect.stringContaining("nested deeper than 64")]);
  }
  // Brackets inside a string are not nesting.
  expect((await stage.draw({ ...CAT, prompt: "[{".repeat(5_000) })).status).toBe(200);
  expect(stage.listenhub.seen).toHaveLength(1);
});
