import { expect, it } from "vitest";
import { LIMITS, parseLimits } from "../src/limits.ts";

it("the var LIMITS changes the limits that it names and no other", () => {
  expect(parseLimits('{"keyPerMinute":1,"answerMs":900}')).toEqual({ ...LIMITS, keyPerMinute: 1, answerMs: 900 });
  for (const text of [undefined, "", " ", "{}"]) expect(parseLimits(text)).toEqual(LIMITS);
});

it.each([
  ["{", "LIMITS must be JSON"],
  ["null", 'LIMITS must be an object, as in {"keyPerMinute":60}'],
  ["[60]", "LIMITS must be an object"],
  ["60", "LIMITS must be an object"],
  ['{"perMinute":1}', "LIMITS.perMinute is no limit; there are: requestBytes, "],
  // A bucket with a capacity below one request would reject every request.
  ['{"keyPerMinute":0.5}', "LIMITS.keyPerMinute must be a whole number, at least 1"],
  ['{"globalPerMinute":0}', "LIMITS.globalPerMinute must be a whole number, at least 1"],
  ['{"signedPerMinute":1.5}', "LIMITS.signedPerMinute must be a whole number, at least 1"],
  ['{"references":-1}', "LIMITS.references must be a whole number, at least 1"],
  ['{"answerMs":"900"}', "LIMITS.answerMs must be a whole number, at least 1"],
  ['{"requestBytes":1e999}', "LIMITS.requestBytes must be a whole number, at least 1"],
])("parseLimits rejects %s", (text, message) => {
  expect(() => parseLimits(text)).toThrow(message);
});
