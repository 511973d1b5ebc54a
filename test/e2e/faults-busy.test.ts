import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** docs/faults.md 15, 16, 18, 19: a vendor that is busy, down, or late; Easel asks once, and clients retry. */
const stage = staged({ vendors: ["listenhub"], limits: { headersMs: 3_000 } });

/** Retry-After of the vendor → what ours may be. */
const WAITS: [name: string, value: () => string | undefined, least: number, most: number][] = [
  ["15. seconds", () => "17", 17, 17],
  ["15. a fraction of seconds", () => "1.2", 2, 2],
  ["15. a date", () => new Date(Date.now() + 120_000).toUTCString(), 60, 120],
  ["15. none", () => undefined, 1, 10],
  ["16. a day", () => "86400", 300, 300],
  ["16. a year, as a date", () => new Date(Date.now() + 3e10).toUTCString(), 300, 300],
  ["16. negative", () => "-10", 1, 1],
  ["16. zero", () => "0", 1, 1],
  ["16. a date in the past", () => "Wed, 21 Oct 2015 07:28:00 GMT", 1, 1],
  ["16. words", () => "soon", 1, 10],
  ["16. a number beyond all", () => "9".repeat(400), 1, 300],
  ["16. not a number", () => "NaN", 1, 10],
];
it.each(WAITS)("%s: Retry-After is sane", async (_, value, least, most) => {
  const header = value();
  const headers: Record<string, string> = header === undefined ? {} : { "retry-after": header };
  const answer = await stage.draw(CAT, { status: 429, error: {}, headers });
  expect([answer.status, answer.json["code"]]).toEqual([429, 25429]);
  const ours = answer.headers.get("retry-after") ?? "";
  expect(ours).toMatch(/^\d+$/);
  expect(Number(ours)).toBeGreaterThanOrEqual(least);
  expect(Number(ours)).toBeLessThanOrEqual(most);
  expect(stage.listenhub.seen).toHaveLength(1);
});

describe("18. an error, then success", () => {
  it.each([500, 502, 503, 504])("%i is answered at once, and the client's retry is one picture", async (status) => {
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

describe("19. a timeout after dispatch", () => {
  it("is not tried again, says that it may be charged, and is vendor_timeout in the record", async () => {
    const answer = await stage.draw(CAT, { delayMs: 4_000, pictures: [png()] });
    expect(answer.status).toBe(500);
    expect(answer.json["message"]).toMatch(/did not answer within 3 s; it may still charge/);
    const record = await stage.record(answer.id);
    expect(record).toMatchObject({ status: "failed", error: { code: "vendor_timeout" }, images: [] });
    expect(record.attempts).toEqual([{ vendor: "listenhub", ms: expect.any(Number), error: "vendor_timeout" }]);
    await sleep(1_500);
    expect(stage.listenhub.seen).toHaveLength(1);
    // What came too late changes nothing.
    expect(await stage.record(answer.id)).toEqual(record);
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  });
});
