import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { disguised, HTML_PAGE, jpeg, png, startStranger, until, webp } from "../sim/index.ts";
import type { Picture, Stranger } from "../sim/index.ts";
import type { StrangerBehaviour } from "../sim/stranger.ts";
import { lastBody, readResponse, logText, startStage } from "./stage.ts";
import type { ReadResponse, Stage } from "./stage.ts";

/** A model of a vendor that accepts no URLs, so that Easel fetches references behind URLs. */
const MODEL = "nebula/gemini-3-pro-image-preview";
const BYTES = 8_000_000;
/** The limit of `hasty`, for what must meet it. */
const MS = 1_500;
const small = png({ bytes: 70_000, seed: 3 });

let stage: Stage;
/** Downloads have time on a slow machine; `hastyStage` is for the tests of the time limit. */
let patientStage: Stage;
let hastyStage: Stage;
/** A trusted host and a host that is not trusted. */
let host: Stranger;
let untrusted: Stranger;
beforeAll(async () => {
  [host, untrusted] = await Promise.all([startStranger(), startStranger()]);
  const start = (limits: object) =>
    startStage({
      vendors: ["nebula"],
      vars: { TRUSTED_HOSTS: host.host },
      limits: { referenceBytes: BYTES, ...limits },
    });
  [patientStage, hastyStage] = await Promise.all([start({}), start({ downloadMs: MS })]);
});
beforeEach(() => {
  stage = patientStage;
  [patientStage, hastyStage, host, untrusted].forEach((server) => server.reset());
});
afterAll(() => Promise.all([patientStage, hastyStage, host, untrusted].map((server) => server.stop())));

const postWithReferences = (...references: unknown[]) =>
  readResponse(stage.post("/v1/generations", { model: MODEL, prompt: "a cat", references }));
const respondWith = ({ bytes, type }: Picture, more: StrangerBehaviour = {}): StrangerBehaviour => ({
  body: bytes,
  type,
  ...more,
});
const redirectTo = (location: string, status = 302): StrangerBehaviour => ({ status, headers: { location } });

/** Return the SHA-256 of each picture that the vendor received, in order. */
function receivedHashes(): unknown[] {
  const { contents } = lastBody(stage.nebula.seen) as { contents: { parts: { image?: { sha256: string } }[] }[] };
  return contents.flatMap(({ parts }) => parts.flatMap(({ image }) => image?.sha256 ?? []));
}

/** Expect a 400 response, no call of the vendor and no stored reference; return the error message. */
async function expectRejected(response: ReadResponse, field = "references[0]"): Promise<string> {
  const { code, message, field: named } = (response.json as { error: Record<string, string> }).error;
  expect([response.status, code, named]).toEqual([400, "invalid_request", field]);
  expect(message).toMatch(new RegExp(`^${field.replace(/[[\]]/g, "\\$&")} `));
  expect(await stage.record(response.id)).toMatchObject({ status: "failed", error: { code, message } });
  expect(await stage.keys("references/")).toEqual([]);
  expect(stage.nebula.seen).toEqual([]);
  expect(untrusted.seen).toEqual([]);
  return message ?? "";
}

describe("a reference behind a URL", () => {
  const validReferences: [string, () => StrangerBehaviour[], Picture][] = [
    ["a PNG", () => [respondWith(small)], small],
    ["a JPEG", () => [respondWith(jpeg())], jpeg()],
    ["a WebP", () => [respondWith(webp())], webp()],
    ["a picture with a content-length", () => [respondWith(small, { contentLength: "exact" })], small],
    ["a picture with the wrong content-type", () => [respondWith(small, { type: "text/html" })], small],
    [
      "a picture that is gzipped although Easel did not request it",
      () => [respondWith(small, { encoding: "gzip" })],
      small,
    ],
    [
      "a picture behind the maximum number of redirects",
      () => [redirectTo("/1"), redirectTo(`${host.origin}/2`, 308), redirectTo("3"), respondWith(small)],
      small,
    ],
    ["a picture that arrives in many chunks", () => [respondWith(small, { chunk: 9_000, pauseMs: 5 })], small],
  ];
  it.each(validReferences)("a reference is fetched: %s", async (_, behaviours, picture) => {
    host.next(...behaviours());
    const response = await postWithReferences(`${host.origin}/a.png?signature=abc`);
    expect(response.status).toBe(200);
    expect(receivedHashes()).toEqual([picture.sha256]);
    expect(host.seen).toHaveLength(behaviours().length);
    expect(await stage.keys("references/")).toEqual([]);
  });

  it("a reference is fetched without credentials, also after a redirect [fault 20]", async () => {
    host.next(redirectTo("/elsewhere"), respondWith(small));
    await postWithReferences(`${host.origin}/a.png`);
    expect(host.seen.map(({ headers }) => [headers.authorization, headers.cookie])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(host.got(stage.nebula.seen[0]?.headers.authorization?.slice(7) ?? "")).toBe(false);
  });

  it("a URL is fetched once per request, even if it is repeated or several pictures are requested", async () => {
    host.always(respondWith(small, { pauseMs: 100, chunk: 40_000 }));
    const references = [`${host.origin}/a.png`, { data: jpeg().bytes.toString("base64") }, `${host.origin}/a.png`];
    const response = await readResponse(
      stage.post("/v1/generations", { model: MODEL, prompt: "a cat", references, n: 3 }),
    );
    expect([response.status, stage.nebula.seen.length, host.seen.length]).toEqual([200, 3, 1]);
    expect(receivedHashes()).toEqual([small.sha256, jpeg().sha256, small.sha256]);
    expect(await stage.keys("references/")).toEqual([]);
  });

  it("references are fetched four at a time and keep their order", async () => {
    const pictures = Array.from({ length: 7 }, (_, index) => jpeg(index));
    const four = Promise.withResolvers<void>();
    pictures.forEach((picture) => host.next(respondWith(picture, { after: four.promise })));
    const response = postWithReferences(...pictures.map((_, index) => `${host.origin}/${index}.jpg`));
    await until(() => host.seen.length === 4);
    await sleep(200);
    expect(host.seen).toHaveLength(4);
    four.resolve();
    await response;
    const order = host.seen.map(({ path }) => Number(path.slice(1, 2)));
    expect(receivedHashes()).toEqual(pictures.map((_, index) => pictures[order.indexOf(index)]?.sha256));
    expect(host.seen).toHaveLength(7);
  });
});

describe("references to private hosts [fault 21]", () => {
  /** Spellings of the untrusted host's address, and URLs that are forbidden for other reasons. */
  const forbiddenUrls: [string, () => string][] = [
    ["an IP address", () => `${untrusted.origin}/a.png`],
    ["an IP address in decimal", () => untrusted.origin.replace("127.0.0.2", "2130706434")],
    ["an IP address in hex", () => untrusted.origin.replace("127.0.0.2", "0x7f.2")],
    ["an IPv4 address mapped to IPv6", () => untrusted.origin.replace("127.0.0.2", "[::ffff:127.0.0.2]")],
    ["an IP address with https", () => untrusted.origin.replace("http:", "https:")],
    ["the name localhost", () => untrusted.origin.replace("127.0.0.2", "localhost")],
    ["a trusted host with user and password", () => `http://user:password@${host.host}/a.png`],
    ["a public host without TLS", () => "http://example.com/a.png"],
    ["an internal host name", () => "https://metadata.google.internal/a.png"],
  ];
  it.each(forbiddenUrls)("a reference to %s is rejected", async (_, url) => {
    const message = await expectRejected(await postWithReferences(url()));
    expect(message).toMatch(/could not be fetched: it leads to .*, and only public https hosts are fetched from\.$/);
    expect(message).not.toContain("password");
    expect(host.seen).toEqual([]);
  });
  it.each(forbiddenUrls)("a redirect to %s is rejected", async (_, url) => {
    host.next(redirectTo(url()));
    await expectRejected(await postWithReferences(`${host.origin}/a.png`));
    expect(host.seen).toHaveLength(1);
  });
  it("a private host at the last redirect is rejected", async () => {
    host.next(redirectTo("/1"), redirectTo("/2"), redirectTo(`//${untrusted.host}/a.png`));
    await expectRejected(await postWithReferences(`${host.origin}/a.png`));
    expect(host.seen).toHaveLength(3);
  });
});

describe("invalid references", () => {
  const invalidReferences: [string, () => StrangerBehaviour[], RegExp][] = [
    ["HTML with the type of PNG [fault 22]", () => [{ body: HTML_PAGE, type: "image/png" }], /of no known format/],
    ["SVG with the type of PNG [fault 22]", () => [respondWith(disguised("svg"))], /of no known format/],
    ["a GIF", () => [{ body: GIF, type: "image/png" }], /must be a PNG, JPEG or WebP picture, not image\/gif/],
    ["an empty body", () => [{ body: "", type: "image/png" }], /of no known format/],
    ["a 404 response", () => [respondWith(small, { status: 404 })], /its host answered with status 404/],
    ["a redirect without a location", () => [{ status: 302 }], /its host answered with status 302/],
    ["a redirect to an invalid URL", () => [redirectTo("https://")], /it leads to no URL/],
    [
      "too many redirects",
      () => [redirectTo("/1"), redirectTo("/2"), redirectTo("/3"), redirectTo("/4")],
      /it is behind more than 3 redirects/,
    ],
    ["a truncated picture", () => [respondWith(small, { closeDelimited: true, cutAt: 50_000 })], /is cut short/],
    [
      "a picture with a content-length that is too short",
      () => [respondWith(small, { contentLength: "too-short" })],
      /is cut short/,
    ],
    [
      "a picture with a content-length that is too long",
      () => [respondWith(small, { contentLength: "too-long" })],
      /it broke off/,
    ],
    ["a picture whose connection is reset", () => [respondWith(small, { reset: 30_000 })], /it broke off/],
    [
      "a host that closes the connection",
      () => [respondWith(small, { reset: "before-headers" })],
      /could not be reached, or hung up/,
    ],
    ["a picture over the gateway's limit", () => [respondWith(png({ bytes: BYTES + 1 }))], /is over 8000000 bytes/],
    [
      "a picture over the vendor's limit",
      () => [respondWith(png({ bytes: 7 * 1024 * 1024 + 1 }))],
      /has 7340033 bytes; allowed: 7340032 bytes/,
    ],
    [
      "a picture that arrives too slowly [fault 9]",
      () => [respondWith(small, { drip: true })],
      /it did not arrive within 1\.5 s/,
    ],
    ["a host that never responds [fault 10]", () => [{ hang: true }], /it did not arrive within 1\.5 s/],
    [
      "a host behind a redirect that never responds [fault 10]",
      () => [redirectTo("/1"), { hang: true }],
      /it did not arrive within 1\.5 s/,
    ],
  ];
  it.each(invalidReferences)("an invalid reference is rejected: %s", async (_, behaviours, reason) => {
    if (reason.source.includes("did not arrive within")) stage = hastyStage;
    host.next(...behaviours());
    const response = await postWithReferences(`${host.origin}/a.png?signature=of-a-signed-url`);
    expect(await expectRejected(response)).toMatch(reason);
    expect(response.body.toString() + logText(stage.easel)).not.toContain("of-a-signed-url");
  });

  it("an inline picture over the vendor's size limit is rejected", async () => {
    const large = png({ bytes: 7 * 1024 * 1024 + 1 }).bytes.toString("base64");
    const message = await expectRejected(
      await postWithReferences({ data: jpeg().bytes.toString("base64") }, { data: large }),
      "references[1]",
    );
    expect(message).toBe("references[1] has 7340033 bytes; allowed: 7340032 bytes");
  });

  it("a rejected reference aborts the other downloads and is reported with the dialect's field name", async () => {
    const images = [`${host.origin}/hangs.png`, `${untrusted.origin}/a.png`];
    host.next({ hang: true });
    const from = Date.now();
    const response = await readResponse(
      stage.post("/linkai/v1/images/generations", { model: MODEL, prompt: "a cat", images }),
    );
    // Far from the limit of a download.
    expect(Date.now() - from).toBeLessThan(60_000);
    expect([response.status, response.json]).toEqual([
      400,
      {
        error: expect.objectContaining({
          message: expect.stringMatching(/^images\[1\] could not be fetched: it leads/),
        }),
      },
    ]);
  });
});

/** A valid GIF of 1 × 1 pixel. */
const GIF = Buffer.from("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "base64");
