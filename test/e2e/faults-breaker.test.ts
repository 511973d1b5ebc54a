import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** docs/faults.md 17. The breaker lives as long as its isolate, so each test has an isolate of its own. */
let stage: Stage;
beforeEach(async () => {
  stage = await startStage({ vendors: ["listenhub"] });
});
afterEach(() => stage.stop());

const busy = (seconds?: number, status = 429): ListenHubBehaviour => ({
  status,
  error: {},
  headers: seconds === undefined ? {} : { "retry-after": String(seconds) },
});

async function repeat(times: number, how: ListenHubBehaviour): Promise<void> {
  for (let n = 0; n < times; n++) await stage.draw(CAT, how);
}

it("after 20 answers of 429 in a row the vendor is not called for its Retry-After [fault 17]", async () => {
  await repeat(20, busy(2));
  expect(stage.listenhub.seen).toHaveLength(20);
  const from = Date.now();
  for (let n = 0; n < 5; n++) {
    const answer = await stage.draw();
    expect([answer.status, answer.json["code"]]).toEqual([429, 25429]);
    expect(["1", "2"]).toContain(answer.headers.get("retry-after"));
    // No call, so no attempt.
    expect(await stage.record(answer.id)).toMatchObject({
      status: "failed",
      error: { code: "rate_limited" },
      attempts: [],
    });
  }
  expect(stage.listenhub.seen).toHaveLength(20);

  await sleep(2_050 - (Date.now() - from));
  // One probe is sent; until it ends, no other call is.
  stage.listenhub.next({ delayMs: 300 });
  const probe = stage.draw();
  await sleep(100);
  expect((await stage.draw()).status).toBe(429);
  expect((await probe).status).toBe(200);
  expect(stage.listenhub.seen).toHaveLength(21);
  expect((await stage.draw()).status).toBe(200);
});

it("a refused probe keeps the circuit breaker open [fault 17]", async () => {
  await repeat(20, busy(1));
  await sleep(1_050);
  expect((await stage.draw(CAT, busy(1))).status).toBe(429);
  expect((await stage.draw()).status).toBe(429);
  expect(stage.listenhub.seen).toHaveLength(21);
  await sleep(1_050);
  expect((await stage.draw()).status).toBe(200);
});

it("a circuit breaker that 503s opened answers as to a 503 [fault 17]", async () => {
  await repeat(20, busy(1, 503));
  const answer = await stage.draw();
  expect([answer.status, answer.json["code"], stage.listenhub.seen.length]).toEqual([500, 500, 20]);
});

it("a vendor that fails or cannot be reached is not called for a while [fault 17]", async () => {
  await repeat(10, { status: 500, error: {} });
  await repeat(10, { reset: "before-headers" });
  expect(stage.listenhub.seen).toHaveLength(20);
  expect((await stage.draw()).status).toBe(500);
  expect(stage.listenhub.seen).toHaveLength(20);
});

it("the circuit breaker stays closed unless 20 such errors come in a row [fault 17]", async () => {
  await repeat(19, busy());
  await stage.draw();
  await repeat(19, busy());
  await stage.draw(CAT, { status: 400, error: {} });
  await repeat(19, busy());
  await stage.draw(CAT, { finishReason: "IMAGE_SAFETY" });
  await repeat(30, { body: "<html>", type: "text/html" });
  await repeat(30, { status: 402, error: {} });
  expect((await stage.draw()).status).toBe(200);
});
