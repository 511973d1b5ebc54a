import { afterAll, beforeAll, expect, it } from "vitest";
import { startEasel } from "../harness/worker.ts";
import type { Easel } from "../harness/worker.ts";

let easel: Easel;

beforeAll(async () => {
  easel = await startEasel();
});
afterAll(() => easel.stop());

it("answers", async () => {
  const response = await easel.fetch("/healthz");
  await response.arrayBuffer();
  expect(response.status).toBeGreaterThanOrEqual(200);
  expect(response.status).toBeLessThan(500);
});

it("lets the test see its bucket and its KV", async () => {
  await easel.bucket.put("a", "one");
  await easel.kv.put("b", "two");
  expect(await (await easel.bucket.get("a"))?.text()).toBe("one");
  expect(await easel.kv.get("b")).toBe("two");
});
