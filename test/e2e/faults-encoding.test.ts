import { expect, it } from "vitest";
import { depthBomb, png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** docs/faults.md 7, 8, 24: answers that are packed, far too large, or far too deep. */
const stage = staged({ vendors: ["listenhub"], limits: { answerBytes: 8_000_000, pictureBytes: 4_000_000 } });

const pictures = [png({ bytes: 300_000 })];

/** The error of an answer that must end in one, at the client and in the record. */
async function failure(how: ListenHubBehaviour): Promise<string> {
  const response = await stage.ask(CAT, how);
  const id = response.headers.get("easel-generation") ?? "";
  if (response.status === 200) await expect(response.arrayBuffer()).rejects.toThrow();
  else expect([response.status, await response.json()]).toEqual([500, expect.objectContaining({ code: 500 })]);
  const record = await stage.ended(id);
  expect(record).toMatchObject({ status: "failed", images: [], error: { code: "vendor_error" } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  return record.error?.message ?? "";
}

it("7. asks for no encoding at all", async () => {
  await stage.draw();
  expect(stage.listenhub.seen[0]?.headers["accept-encoding"]).toBe("identity");
});

it("7. refuses zstd, which nobody decodes, before anything flows", async () => {
  const answer = await stage.draw(CAT, { pictures, encoding: "zstd" });
  expect([answer.status, answer.json["message"]]).toEqual([500, expect.stringContaining("zstd")]);
  expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
});

it("7. corrupt gzip is no picture", async () => {
  expect(await failure({ pictures, encoding: "corrupt-gzip" })).toMatch(/listenhub/);
});
it("7. gzip that is cut is no picture", async () => {
  expect(await failure({ pictures, encoding: "gzip", cutAt: -2_000 })).toMatch(/listenhub/);
});

it("8. a gzip bomb stops at the byte cap", async () => {
  const response = await stage.ask(CAT, { pictures, encoding: "gzip-bomb" });
  let received = 0;
  const reading = async () => {
    for await (const part of response.body as AsyncIterable<Uint8Array>) received += part.length;
  };
  await expect(reading()).rejects.toThrow();
  // A gigabyte is in it.
  expect(received).toBeLessThan(8_000_000);
  const record = await stage.ended(response.headers.get("easel-generation") ?? "");
  expect(record).toMatchObject({
    status: "failed",
    images: [],
    error: { message: expect.stringMatching(/over \d+ bytes/) },
  });
});

it("8. a picture over its own cap is not kept", async () => {
  expect(await failure({ pictures: [png({ bytes: 4_000_002 })], pretty: true })).toMatch(/over 4000000 bytes/);
});

it("8. an answer without an end stops at the byte cap", async () => {
  expect(await failure({ body: `{"candidates":[{"x":"${"y".repeat(9_000_000)}"}]}` })).toMatch(
    /over the limit of 8000000 bytes/,
  );
});

it("8. JSON without pictures stops far earlier", async () => {
  expect(await failure({ body: JSON.stringify(Array.from({ length: 200_000 }, (_, n) => ({ n }))) })).toMatch(
    /over 1048576 bytes/,
  );
});

it("24. depth is refused in an answer", async () => {
  expect(await failure({ body: depthBomb() })).toMatch(/nested deeper/);
  expect(await failure({ body: `{"candidates":[{"content":${"[".repeat(100)}${"]".repeat(100)}}]}` })).toMatch(
    /nested deeper/,
  );
  expect(await failure({ body: `data: ${depthBomb()}\n\n`, type: "text/event-stream" })).toMatch(/nested deeper/);
});

it("24. depth in an error's body changes nothing of the error", async () => {
  const answer = await stage.draw(CAT, { status: 429, body: depthBomb() });
  expect(answer.status).toBe(429);
});

it("24. depth is refused in a request, before anything is sent", async () => {
  for (const body of [
    depthBomb(),
    `{"prompt":"a","x":${depthBomb()}}`,
    `{"a":`.repeat(200_000),
    `{"prompt":"a cat","x":${depthBomb(64)}}`,
  ]) {
    const answer = await stage.draw(body);
    expect([answer.status, answer.json["message"]]).toEqual([400, expect.stringContaining("nested deeper than 64")]);
  }
  // Brackets inside a text are no depth.
  expect((await stage.draw({ ...CAT, prompt: "[{".repeat(5_000) })).status).toBe(200);
  expect(stage.listenhub.seen).toHaveLength(1);
});
