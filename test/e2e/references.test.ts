import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { disguised, HTML_PAGE, jpeg, png, startStranger, until, webp } from "../sim/index.ts";
import type { Picture, Stranger } from "../sim/index.ts";
import type { StrangerBehaviour } from "../sim/stranger.ts";
import { lastBody, read, said, startStage } from "./stage.ts";
import type { Answered, Stage } from "./stage.ts";

/** References behind URLs, for a vendor that takes pictures only. */
const MODEL = "nebula/gemini-3-pro-image-preview";
const BYTES = 8_000_000;
/** The limit of `hasty`, for what must meet it. */
const MS = 1_500;
const small = png({ bytes: 70_000, seed: 3 });

let stage: Stage;
let patient: Stage;
let hasty: Stage;
/** A host that is trusted, and one that is not. */
let host: Stranger;
let away: Stranger;
beforeAll(async () => {
  [host, away] = await Promise.all([startStranger(), startStranger()]);
  const start = (limits: object) =>
    startStage({
      vendors: ["nebula"],
      vars: { TRUSTED_HOSTS: host.host },
      limits: { referenceBytes: BYTES, ...limits },
    });
  [patient, hasty] = await Promise.all([start({}), start({ downloadMs: MS })]);
});
beforeEach(() => {
  stage = patient;
  [patient, hasty, host, away].forEach((one) => one.reset());
});
afterAll(() => Promise.all([patient, hasty, host, away].map((one) => one.stop())));

const ask = (...references: unknown[]) =>
  read(stage.post("/v1/generations", { model: MODEL, prompt: "a cat", references }));
const as = ({ bytes, type }: Picture, how: StrangerBehaviour = {}): StrangerBehaviour => ({
  body: bytes,
  type,
  ...how,
});
const to = (location: string, status = 302): StrangerBehaviour => ({ status, headers: { location } });

/** SHA-256 of the pictures that the vendor got, in their order. */
function arrived(): unknown[] {
  const { contents } = lastBody(stage.nebula.seen) as { contents: { parts: { image?: { sha256: string } }[] }[] };
  return contents.flatMap(({ parts }) => parts.flatMap(({ image }) => image?.sha256 ?? []));
}

/** The message of an answer that must be the client's fault, with nothing asked of the vendor and nothing left. */
async function refused(answer: Answered, field = "references[0]"): Promise<string> {
  const { code, message, field: named } = (answer.json as { error: Record<string, string> }).error;
  expect([answer.status, code, named]).toEqual([400, "invalid_request", field]);
  expect(message).toMatch(new RegExp(`^${field.replace(/[[\]]/g, "\\$&")} `));
  expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code, message } });
  expect(await stage.keys("references/")).toEqual([]);
  expect(stage.nebula.seen).toEqual([]);
  expect(away.seen).toEqual([]);
  return message ?? "";
}

describe("a reference behind a URL", () => {
  const good: [string, () => StrangerBehaviour[], Picture][] = [
    ["as it is", () => [as(small)], small],
    ["that is a JPEG", () => [as(jpeg())], jpeg()],
    ["that is a WebP", () => [as(webp())], webp()],
    ["with its length", () => [as(small, { contentLength: "exact" })], small],
    ["with the wrong type", () => [as(small, { type: "text/html" })], small],
    ["gzipped though not asked", () => [as(small, { encoding: "gzip" })], small],
    [
      "behind as many redirects as are followed",
      () => [to("/1"), to(`${host.origin}/2`, 308), to("3"), as(small)],
      small,
    ],
    ["in many pieces", () => [as(small, { chunk: 9_000, pauseMs: 5 })], small],
  ];
  it.each(good)("%s", async (_, how, picture) => {
    host.next(...how());
    const answer = await ask(`${host.origin}/a.png?signature=abc`);
    expect(answer.status).toBe(200);
    expect(arrived()).toEqual([picture.sha256]);
    expect(host.seen).toHaveLength(how().length);
    expect(await stage.keys("references/")).toEqual([]);
  });

  it("20. is fetched without any credential", async () => {
    host.next(to("/elsewhere"), as(small));
    await ask(`${host.origin}/a.png`);
    expect(host.seen.map(({ headers }) => [headers.authorization, headers.cookie])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(host.got(stage.nebula.seen[0]?.headers.authorization?.slice(7) ?? "")).toBe(false);
  });

  it("is fetched once, however often it is meant and however many pictures are asked for", async () => {
    host.always(as(small, { pauseMs: 100, chunk: 40_000 }));
    const references = [`${host.origin}/a.png`, { data: jpeg().bytes.toString("base64") }, `${host.origin}/a.png`];
    const answer = await read(stage.post("/v1/generations", { model: MODEL, prompt: "a cat", references, n: 3 }));
    expect([answer.status, stage.nebula.seen.length, host.seen.length]).toEqual([200, 3, 1]);
    expect(arrived()).toEqual([small.sha256, jpeg().sha256, small.sha256]);
    expect(await stage.keys("references/")).toEqual([]);
  });

  it("is one of many, which keep their order, four at a time", async () => {
    const pictures = Array.from({ length: 7 }, (_, index) => jpeg(index));
    const four = Promise.withResolvers<void>();
    pictures.forEach((picture) => host.next(as(picture, { after: four.promise })));
    const answer = ask(...pictures.map((_, index) => `${host.origin}/${index}.jpg`));
    await until(() => host.seen.length === 4);
    await sleep(200);
    expect(host.seen).toHaveLength(4);
    four.resolve();
    await answer;
    const order = host.seen.map(({ path }) => Number(path.slice(1, 2)));
    expect(arrived()).toEqual(pictures.map((_, index) => pictures[order.indexOf(index)]?.sha256));
    expect(host.seen).toHaveLength(7);
  });
});

describe("21. a reference that leads to a private host", () => {
  /** Spellings of the other host's address, and of what is no host at all. */
  const elsewhere: [string, () => string][] = [
    ["an address", () => `${away.origin}/a.png`],
    ["it in decimal", () => away.origin.replace("127.0.0.2", "2130706434")],
    ["it in hex", () => away.origin.replace("127.0.0.2", "0x7f.2")],
    ["it mapped to IPv6", () => away.origin.replace("127.0.0.2", "[::ffff:127.0.0.2]")],
    ["it with https", () => away.origin.replace("http:", "https:")],
    ["it behind a name", () => away.origin.replace("127.0.0.2", "localhost")],
    ["a trusted host with a user", () => `http://user:password@${host.host}/a.png`],
    ["a public host without TLS", () => "http://example.com/a.png"],
    ["a name inside", () => "https://metadata.google.internal/a.png"],
  ];
  it.each(elsewhere)("%s", async (_, url) => {
    const message = await refused(await ask(url()));
    expect(message).toMatch(/could not be fetched: it leads to .*, and only public https hosts are fetched from\.$/);
    expect(message).not.toContain("password");
    expect(host.seen).toEqual([]);
  });
  it.each(elsewhere)("%s, behind a redirect", async (_, url) => {
    host.next(to(url()));
    await refused(await ask(`${host.origin}/a.png`));
    expect(host.seen).toHaveLength(1);
  });
  it("at the last of its hops", async () => {
    host.next(to("/1"), to("/2"), to(`//${away.host}/a.png`));
    await refused(await ask(`${host.origin}/a.png`));
    expect(host.seen).toHaveLength(3);
  });
});

describe("what is no reference", () => {
  const bad: [string, () => StrangerBehaviour[], RegExp][] = [
    ["22. HTML said to be PNG", () => [{ body: HTML_PAGE, type: "image/png" }], /of no known format/],
    ["22. SVG said to be PNG", () => [as(disguised("svg"))], /of no known format/],
    ["a GIF", () => [{ body: GIF, type: "image/png" }], /must be a PNG, JPEG or WebP picture, not image\/gif/],
    ["nothing", () => [{ body: "", type: "image/png" }], /of no known format/],
    ["what is gone", () => [as(small, { status: 404 })], /its host answered with status 404/],
    ["a redirect to nowhere", () => [{ status: 302 }], /its host answered with status 302/],
    ["a redirect to no URL", () => [to("https://")], /it leads to no URL/],
    ["too many redirects", () => [to("/1"), to("/2"), to("/3"), to("/4")], /it is behind more than 3 redirects/],
    ["half a picture", () => [as(small, { closeDelimited: true, cutAt: 50_000 })], /is cut short/],
    ["a picture whose length is too short", () => [as(small, { contentLength: "too-short" })], /is cut short/],
    ["a picture whose length is too long", () => [as(small, { contentLength: "too-long" })], /it broke off/],
    ["a picture that breaks off", () => [as(small, { reset: 30_000 })], /it broke off/],
    ["a host that hangs up", () => [as(small, { reset: "before-headers" })], /could not be reached, or hung up/],
    ["a picture over the gateway's limit", () => [as(png({ bytes: BYTES + 1 }))], /is over 8000000 bytes/],
    [
      "a picture over the vendor's limit",
      () => [as(png({ bytes: 7 * 1024 * 1024 + 1 }))],
      /has 7340033 bytes; allowed: 7340032 bytes/,
    ],
    ["9. a picture that drips", () => [as(small, { drip: true })], /it did not arrive within 1\.5 s/],
    ["10. a host that says nothing", () => [{ hang: true }], /it did not arrive within 1\.5 s/],
    ["10. one behind a redirect", () => [to("/1"), { hang: true }], /it did not arrive within 1\.5 s/],
  ];
  it.each(bad)("%s", async (_, how, why) => {
    if (why.source.includes("did not arrive within")) stage = hasty;
    host.next(...how());
    const answer = await ask(`${host.origin}/a.png?signature=of-a-signed-url`);
    expect(await refused(answer)).toMatch(why);
    expect(answer.body.toString() + said(stage.easel)).not.toContain("of-a-signed-url");
  });

  it("an inline picture over the vendor's limit", async () => {
    const large = png({ bytes: 7 * 1024 * 1024 + 1 }).bytes.toString("base64");
    const message = await refused(
      await ask({ data: jpeg().bytes.toString("base64") }, { data: large }),
      "references[1]",
    );
    expect(message).toBe("references[1] has 7340033 bytes; allowed: 7340032 bytes");
  });

  it("ends the others, and is told in the caller's own words", async () => {
    const images = [`${host.origin}/hangs.png`, `${away.origin}/a.png`];
    host.next({ hang: true });
    const from = Date.now();
    const answer = await read(stage.post("/linkai/v1/images/generations", { model: MODEL, prompt: "a cat", images }));
    // Far from the limit of a download.
    expect(Date.now() - from).toBeLessThan(60_000);
    expect([answer.status, answer.json]).toEqual([
      400,
      {
        error: expect.objectContaining({
          message: expect.stringMatching(/^images\[1\] could not be fetched: it leads/),
        }),
      },
    ]);
  });
});

/** A whole picture, 1 × 1. */
const GIF = Buffer.from("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "base64");
