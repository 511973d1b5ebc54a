import { expect, it } from "vitest";
import { retryDelay } from "../../src/schedule/queue.ts";

const minDelay = (tries: number, retryAfter?: number) => retryDelay(tries, retryAfter, () => 0);
const maxDelay = (tries: number, retryAfter?: number) => retryDelay(tries, retryAfter, () => 0.999);

it("the retry delay doubles up to five minutes without a Retry-After", () => {
  const tries = Array.from({ length: 10 }, (_, n) => n + 1);
  expect(tries.map((n) => minDelay(n))).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  expect(tries.map((n) => maxDelay(n))).toEqual([3, 5, 10, 20, 40, 80, 160, 320, 375, 375]);
});

it("the retry delay is the vendor's, never less, and spread so that not all retry at once", () => {
  expect([minDelay(1, 30), maxDelay(1, 30)]).toEqual([30, 38]);
  expect([minDelay(9, 1), maxDelay(9, 1)]).toEqual([1, 2]);
  expect(minDelay(1, 0.5)).toBe(1);
});

it("the retry delay is never longer than a queue can hold a message", () => expect(maxDelay(1, 1e9)).toBe(43_200));
