import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** docs/faults.md 15, 16, 18, 19: a vendor that is busy, down, or late; Easel calls it once, and clients retry. */
const stage = staged({ vendors: ["listenhub"], limits: { headersMs: 3_000 } });

/** The vendor's Retry-After → the least and the greatest that Easel may answer. */
const WAITS: [name: string, value: () => string | undefined, least: number, most: number][] = [
  ["in seconds [fault 15]", () => "17", 17, 17],
  ["a fraction of seconds [fault 15]", () => "1.2", 2, 2],
  ["a date [fault 15]", () => new Date(Date.now() + 120_000).toUTCString(), 60, 120],
  ["missing [fault 15]", () => undefined, 1, 10],
  ["a day [fault 16]", () => "86400", 300, 300],
  ["a year, as a date [fault 16]", () => new Date(Date.now() + 3e10).toUTCString(), 300, 300],
  ["negative [fault 16]", () => "-10", 1, 1],
  ["zero [fault 16]", () => "0", 1, 1],
  ["a date in the past [fault 16]", () => "Wed, 21 Oct 2015 07:28:00 GMT", 1, 1],
  ["a word [fault 16]", () => "soon", 1, 10],
  ["a huge number [fault 16]", () => "9".repeat(400), 1, 300],
  ["NaN [fault 16]", () => "NaN", 1, 10],
];
it.each(WAITS)("Retry-After is sane if the vendor's is %s", async (_, value, least, most) => {
  const header = value();
  const headers: Record<string, string> = header === undefined ? {} : { "retry-after": header };
  const answer = await stage.draw(CAT, { status: 429, error: {}, headers });
  expect([answer.status, answer.json["code"]]).toEqual([429, 25429]);
  const retryAfter = answer.headers.get("retry-after") ?? "";
  expect(retryAfter).toMatch(/^\d+$/);
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(least);
  expect(Number(retryAfter)).toBeLessThanOrEqual(most);
  expect(stage.listenhub.seen).toHaveLength(1);
});

describe("an error, then success [fault 18]", () => {
  it.each([500, 502, 503, 504])("a %i is not retried, and a client's retry is one call [fault 18]", async (status) => {
    const first = await stage.draw(CAT, { status, error: {} });
    expect(first.status).toBe(500);
    expect(stage.listenhub.seen).toHaveLength(1);
    const second = await stage.draw(CAT, { pictures: [png()] });
    expect(second.status).toBe(200);
    expect(stage.listenhub.seen.map((seen) => seen.status)).toEqual([status, 200]);
    expect(await stage.record(first.id)).toMatchObject({ status: "failed", attempts: [{ error: "vendor_error" }] });
    const record = await stage.record(second.id);
    expect(record).toMatchObject({ status: "succeeded", images: [{ type: "image/png" }] });
    expect(record.attempts).toHaveLength(1);
  });
});

describe("a timeout after dispatch [fault 19]", () => {
  it("a timeout is not retried, warns of a charge, and is recorded as vendor_timeout [fault 19]", async () => {
    const answer = await stage.draw(CAT, { delayMs: 4_000, pictures: [png()] });
    expect(answer.status).toBe(500);
    expect(answer.json["message"]).toMatch(/did not answer within 3 s; it may still charge/);
    const record = await stage.record(answer.id);
    expect(record).toMatchObject({ status: "failed", error: { code: "vendor_timeout" }, images: [] });
    expect(record.attempts).toEqual([{ vendor: "listenhub", ms: expect.any(Number), error: "vendor_timeout" }]);
    await sleep(1_500);
    expect(stage.listenhub.seen).toHaveLength(1);
    // The late answer changes nothing.
    expect(await stage.record(answer.id)).toEqual(record);
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  });
});
