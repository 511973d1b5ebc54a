import { describe, expect, it } from "vitest";
import { mayFetch } from "../../src/vendors/allowed-hosts.ts";

const TRUSTED = new Set(["127.0.0.1:8080", "cdn.lan"]);
const OWN = "http://127.0.0.1:9000";
const isAllowed = (url: string) => mayFetch(new URL(url), TRUSTED, OWN);

it.each([
  "https://example.com/a.png",
  "https://example.com./a.png",
  "https://cdn.example.co.uk:8443/a.png?x=1#y",
  "https://xn--fsq.example/a.png",
  "https://10.example.com/a.png",
  "https://localhost.example.com/a.png",
  "https://example.com\\@127.0.0.1/a.png",
  "https://@example.com/a.png",
])("the URL %j may be fetched", (url) => {
  expect(isAllowed(url)).toBe(true);
});

it("trusted hosts and the vendor's own origin may be fetched without TLS", () => {
  expect(isAllowed("http://127.0.0.1:8080/a.png")).toBe(true);
  expect(isAllowed("http://cdn.lan/a.png")).toBe(true);
  expect(isAllowed("http://cdn.lan:81/a.png")).toBe(true);
  expect(isAllowed(`${OWN}/a.png`)).toBe(true);
});

/** One row per spelling (docs/faults.md, fault 56). */
const BLOCKED: [what: string, urls: string[]][] = [
  ["plain http", ["http://example.com/a.png"]],
  [
    "other schemes",
    [
      "ftp://example.com/a",
      "file:///etc/passwd",
      "data:image/png,a",
      "blob:https://example.com/a",
      "gs://bucket/a",
      "javascript:1",
    ],
  ],
  [
    "a user, with or without a password",
    [
      "https://user@example.com/",
      "https://user:pass@example.com/",
      "https://:pass@example.com/",
      "https://example.com:443@127.0.0.1/",
      "http://user@127.0.0.1:8080/",
    ],
  ],
  [
    "private and loopback addresses",
    [
      "https://127.0.0.1/",
      "https://10.0.0.1/",
      "https://172.16.0.1/",
      "https://192.168.0.1/",
      "https://100.64.0.1/",
      "https://0.0.0.0/",
    ],
  ],
  ["link-local and metadata addresses", ["https://169.254.169.254/", "https://[fe80::1]/", "https://[fd00:ec2::254]/"]],
  ["public addresses, which no certificate names", ["https://1.1.1.1/", "https://[2606:4700::1111]/"]],
  [
    "decimal, hex and octal",
    [
      "https://2130706433/",
      "https://0x7f000001/",
      "https://0x7f.1/",
      "https://0177.0.0.1/",
      "https://127.1/",
      "https://017700000001/",
      "https://0X7F.0x0.0.1/",
      "https://0/",
      "https://4294967295/",
    ],
  ],
  ["percent signs", ["https://%31%32%37.0.0.1/", "https://127%2e0.0.1/", "https://%6cocalhost/"]],
  [
    "letters, digits and dots of other scripts",
    [
      "https://①②⑦.⓪.⓪.①/",
      "https://１２７.0.0.1/",
      "https://127。0。0。1/",
      "https://127.0.0.1。/",
      "https://ⓛocalhost/",
      "https://db．internal/",
      "https://db｡internal/",
      "https://db.ⓘnternal/",
    ],
  ],
  ["invisible letters", ["https://local\u00adhost/", "https://db\u200b.internal/", "https://lo\ncalhost/"]],
  [
    "slashes that other parsers do not read as slashes",
    ["https:\\\\localhost\\a", "https:///127.0.0.1/", "https://127.0.0.1\\@example.com/"],
  ],
  ["loopback in IPv6", ["https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]:8443/"]],
  [
    "mapped and translated",
    [
      "https://[::ffff:127.0.0.1]/",
      "https://[::ffff:7f00:1]/",
      "https://[::ffff:0:127.0.0.1]/",
      "https://[64:ff9b::7f00:1]/",
      "https://[64:ff9b:1::7f00:1]/",
      "https://[2002:7f00:1::]/",
      "https://[::127.0.0.1]/",
    ],
  ],
  ["a trailing dot", ["https://127.0.0.1./", "https://0x7f.1./", "https://localhost./", "https://db.internal./"]],
  [
    "empty labels between dots",
    [
      "https://localhost../",
      "https://0x7f.1../",
      "https://127.0.0.1../",
      "https://a..example.com/",
      "https://.example.com/",
    ],
  ],
  [
    "names of private networks",
    [
      "https://localhost/",
      "https://a.localhost/",
      "https://printer.local/",
      "https://db.internal/",
      "https://metadata.google.internal/",
      "https://x.home.arpa/",
      "https://nas.lan/",
      "https://LOCALHOST/",
      "https://localhost.localdomain/",
    ],
  ],
  ["names without a dot", ["https://intranet/", "https://com/"]],
  [
    "another port or scheme of a trusted host",
    [
      "http://127.0.0.1:8081/",
      "http://127.0.0.1/",
      "http://127.0.0.1:9001/",
      "https://127.0.0.1:9000/",
      "http://[::ffff:127.0.0.1]:8080/",
      "http://cdn.lan./",
    ],
  ],
];
it.each([
  "https://[::1%25eth0]/",
  "https://127.0.0.1%00.example.com/",
  "https://example.0x7f/",
  "https://example.com:65536/",
])("%s is not a valid URL", (url) => {
  expect(URL.parse(url)).toBeNull();
});

describe.each(BLOCKED)("URLs with %s [fault 56]", (_, urls) => {
  it.each(urls)("the URL %j may not be fetched", (url) => {
    expect(isAllowed(url)).toBe(false);
  });
});
