import { afterEach, beforeEach, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** docs/faults.md 17. The breaker lives as long as its isolate, so each test has an isolate of its own. */
let stage: Stage;
beforeEach(async () => {
  stage = await startStage({ vendors: ["listenhub"], faulty: true });
});
afterEach(() => stage.stop());

const busyAnswer = (seconds?: number, status = 429): ListenHubBehaviour => ({
  status,
  error: {},
  headers: seconds === undefined ? {} : { "retry-after": String(seconds) },
});

async function drawRepeatedly(times: number, how: ListenHubBehaviour): Promise<void> {
  for (let n = 0; n < times; n++) await stage.draw(CAT, how);
}

it("after 20 answers of 429 in a row the vendor is not called for its Retry-After [fault 17]", async () => {
  await drawRepeatedly(20, busyAnswer(100));
  expect(stage.listenhub.seen).toHaveLength(20);
  for (let n = 0; n < 5; n++) {
    const answer = await stage.draw();
    expect([answer.status, answer.json["code"]]).toEqual([429, 25429]);
    expect(answer.headers.get("retry-after")).toMatch(/^(\d{1,2}|100)$/);
    // No call, so no attempt.
    expect(await stage.record(answer.id)).toMatchObject({
      status: "failed",
      error: { code: "rate_limited" },
      attempts: [],
    });
  }
  expect(stage.listenhub.seen).toHaveLength(20);

  await stage.easel.clock({ turnMs: 100_050 });
  // One probe is sent; until it ends, no other call is.
  const vendor = Promise.withResolvers<void>();
  stage.listenhub.next({ after: vendor.promise });
  const probe = stage.draw();
  await until(() => stage.listenhub.seen.length === 21);
  expect((await stage.draw()).status).toBe(429);
  vendor.resolve();
  expect((await probe).status).toBe(200);
  expect(stage.listenhub.seen).toHaveLength(21);
  expect((await stage.draw()).status).toBe(200);
});

it("a refused probe keeps the circuit breaker open [fault 17]", async () => {
  await drawRepeatedly(20, busyAnswer(100));
  await stage.easel.clock({ turnMs: 100_050 });
  expect((await stage.draw(CAT, busyAnswer(100))).status).toBe(429);
  expect((await stage.draw()).status).toBe(429);
  expect(stage.listenhub.seen).toHaveLength(21);
  await stage.easel.clock({ turnMs: 100_050 });
  expect((await stage.draw()).status).toBe(200);
});

it("a circuit breaker that 503s opened answers as to a 503 [fault 17]", async () => {
  await drawRepeatedly(20, busyAnswer(100, 503));
  const answer = await stage.draw();
  expect([answer.status, answer.json["code"], stage.listenhub.seen.length]).toEqual([500, 500, 20]);
});

it("a vendor that fails or cannot be reached is not called for a while [fault 17]", async () => {
  await drawRepeatedly(10, { status: 500, error: {} });
  await drawRepeatedly(10, { reset: "before-headers" });
  expect(stage.listenhub.seen).toHaveLength(20);
  expect((await stage.draw()).status).toBe(500);
  expect(stage.listenhub.seen).toHaveLength(20);
});

it("the circuit breaker stays closed unless 20 such errors come in a row [fault 17]", async () => {
  await drawRepeatedly(19, busyAnswer());
  await stage.draw();
  await drawRepeatedly(19, busyAnswer());
  await stage.draw(CAT, { status: 400, error: {} });
  await drawRepeatedly(19, busyAnswer());
  await stage.draw(CAT, { finishReason: "IMAGE_SAFETY" });
  await drawRepeatedly(30, { body: "<html>", type: "text/html" });
  await drawRepeatedly(30, { status: 402, error: {} });
  expect((await stage.draw()).status).toBe(200);
});
