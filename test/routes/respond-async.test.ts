import { expect, it } from "vitest";
import { asyncWaitMs } from "../../src/routes/respond-async.ts";

it.each([
  ["respond-async", 0],
  ["Respond-Async", 0],
  ["respond-async, wait=10", 10_000],
  ["wait=10,respond-async", 10_000],
  ['respond-async; foo=bar, WAIT="7"', 7_000],
  ["return=minimal , respond-async ; x , wait = 5 ; y", 5_000],
  // The longest time that a connection is held.
  ["respond-async, wait=31", 30_000],
  ["respond-async, wait=999999999", 30_000],
  // RFC 7240: the first one counts, and an invalid one is ignored.
  ["respond-async, wait=1, wait=2", 1_000],
  ["respond-async, wait=x", 0],
  ["respond-async, wait=-1", 0],
  ["respond-async, wait=1.5", 0],
  ["respond-async, wait", 0],
  ["respond-async, wait=9999999999", 0],
  // Inside quotes, commas and semicolons are text, and so is a quote after a backslash.
  ['handling=lenient;x="a, respond-async, b"', undefined],
  ['handling="a, respond-async, b"', undefined],
  ['handling="\\", respond-async, "', undefined],
  ['handling="a;b", respond-async', 0],
  ['handling="a\\\\", respond-async, wait=3', 3_000],
  ['x=";", respond-async; y="\\", wait=9, ", wait="\\1\\2"', 12_000],
  ['handling="a, respond-async', undefined],
  ['"respond-async"', undefined],
  ["wait=10", undefined],
  ["respond-asynchronously", undefined],
  ["foo; respond-async", undefined],
  ["", undefined],
])("Prefer: %j waits %s ms", (prefer, expected) => expect(asyncWaitMs(new Headers({ prefer }))).toBe(expected));

it("Prefer may be in several headers, or absent", () => {
  const headers = new Headers({ prefer: "wait=3" });
  expect(asyncWaitMs(new Headers())).toBeUndefined();
  headers.append("prefer", "respond-async");
  expect(asyncWaitMs(headers)).toBe(3_000);
});
