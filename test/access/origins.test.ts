import { describe, expect, it } from "vitest";
import { allowsOrigin, isOrigin, validateOrigin } from "../../src/access/origins.ts";

const LISTED = ["https://example.com", "https://*.example.org", "http://localhost:3000", "https://*.apps.test:8443"];

it.each([
  "https://example.com",
  "https://www.example.org",
  "https://a.b.c.example.org",
  "https://xn--mller-kva.example.org",
  "http://localhost:3000",
  "https://x.apps.test:8443",
])("a listed origin or subdomain is allowed: %s", (origin) => {
  expect(allowsOrigin(LISTED, origin)).toBe(true);
});

/** Fault 54 of docs/faults.md: each row is one way to imitate a listed origin. */
const REFUSED: [what: string, origins: (string | undefined)[]][] = [
  ["none", [undefined, "", " "]],
  ["null", ["null", "NULL"]],
  ["another", ["https://example.net", "https://com", "https://localhost:3000"]],
  ["a longer name", ["https://evilexample.com", "https://evilexample.org", "https://wwwexample.org"]],
  ["a name below that is not listed", ["https://www.example.com", "http://a.localhost:3000"]],
  [
    "a listed name as a part",
    ["https://example.com.evil.net", "https://www.example.org.evil.net", "https://example.com-evil.net"],
  ],
  ["the apex of a wildcard", ["https://example.org", "https://.example.org", "https://apps.test:8443"]],
  ["the wildcard itself", ["https://*.example.org", "https://*.apps.test:8443"]],
  [
    "another scheme",
    ["http://example.com", "http://www.example.org", "https://localhost:3000", "ftp://example.com", "file://"],
  ],
  [
    "another port",
    [
      "https://example.com:8443",
      "https://www.example.org:444",
      "http://localhost",
      "http://localhost:30000",
      "https://x.apps.test",
    ],
  ],
  ["a default port", ["https://example.com:443", "https://www.example.org:443"]],
  ["upper case", ["https://EXAMPLE.com", "HTTPS://example.com", "https://WWW.example.org"]],
  ["a trailing dot", ["https://example.com.", "https://www.example.org."]],
  ["user information", ["https://example.com@evil.net", "https://evil.net@example.com", "https://a:b@www.example.org"]],
  [
    "a path, a slash, a query",
    [
      "https://example.com/",
      "https://evil.net/.example.org",
      "https://evil.net?.example.org",
      "https://evil.net#.example.org",
    ],
  ],
  [
    "two",
    [
      "https://example.com https://evil.net",
      "https://example.com, https://evil.net",
      "https://evil.net,https://www.example.org",
    ],
  ],
  [
    "look-alikes",
    [
      "https://ex\u0430mple.com",
      "https://example\u3002com",
      "https://www.ex\u00e4mple.org",
      "https://example.com\u0000.evil.net",
    ],
  ],
  ["an address", ["https://127.0.0.1", "http://[::1]:3000"]],
];
it.each(REFUSED)("an origin that is not listed is refused: %s [fault 54]", (_, origins) => {
  expect(origins.filter((origin) => allowsOrigin(LISTED, origin))).toEqual([]);
});

it("an empty list allows no origin", () => {
  expect(allowsOrigin([], "https://example.com")).toBe(false);
});

it("isOrigin accepts an origin as browsers write it, and nothing else", () => {
  for (const origin of ["https://example.com", "http://[::1]:3000", "http://10.0.0.1", "https://xn--fsq.example"])
    expect(isOrigin(origin)).toBe(true);
  for (const text of [
    "null",
    "",
    "https://",
    "https://Example.com",
    "data:text/html,x",
    "blob:https://example.com/1",
    "chrome-extension://abc",
  ])
    expect(isOrigin(text)).toBe(false);
});

describe("validateOrigin", () => {
  it.each([
    ...LISTED,
    "http://127.0.0.1:8080",
    "http://*.localhost:3000",
    "https://*.localhost",
    "https://*.a.b.example",
  ])("validateOrigin accepts %s", (origin) => {
    expect(validateOrigin(origin)).toBe(undefined);
  });

  it.each([
    ["", "must be an origin"],
    ["example.com", "must be an origin"],
    ["null", "must be an origin"],
    ["*", "may have * only as its first label"],
    ["https://*", "may have * only as its first label"],
    ["https://*example.com", "may have * only as its first label"],
    ["https://a.*.example.com", "may have * only as its first label"],
    ["https://*.*.example.com", "may have * only as its first label"],
    ["https://example.com:*", "may have * only as its first label"],
    ["*://*.example.com", "may have * only as its first label"],
    ["https://*.com", "leaves too much open"],
    ["https://*.com.", "leaves too much open"],
    ["https://*.com.:8443", "leaves too much open"],
    ["https://*.com:8443", "leaves too much open"],
    ["https://*.1.2.3.4", "must be an origin"],
    ["ftp://example.com", "must be an origin"],
    ["javascript:alert(1)", "must be an origin"],
    ["https://Example.com", "must be written as browsers send it: https://example.com"],
    ["https://example.com/", "must be written as browsers send it: https://example.com"],
    ["https://example.com:443", "must be written as browsers send it: https://example.com"],
    ["https://example.com/page", "must be written as browsers send it: https://example.com"],
    ["https://user@example.com", "must be written as browsers send it: https://example.com"],
    ["https://m\u00fcller.example", "must be written as browsers send it: https://xn--mller-kva.example"],
    ["https://*.Example.com/", "must be written as browsers send it: https://*.example.com"],
  ])("validateOrigin rejects %s", (origin, problem) => {
    expect(validateOrigin(origin)).toContain(problem);
  });
});
