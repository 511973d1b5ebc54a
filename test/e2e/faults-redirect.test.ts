import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { disguised, png, sha256, startStranger } from "../sim/index.ts";
import type { LinkAIBehaviour, Stranger } from "../sim/index.ts";
import { CAT, LINKAI_KEY, LISTENHUB_KEY, readResponse, startStage } from "./stage.ts";
import type { ReadResponse, Stage } from "./stage.ts";

/** docs/faults.md 20 to 22: redirects and URLs in answers, and what they lead to. */
let stage: Stage;
let stranger: Stranger;
beforeAll(async () => {
  stage = await startStage({ cdnElsewhere: true, limits: { pictureBytes: 2_000_000 } });
  stranger = await startStranger();
});
beforeEach(() => [stage, stranger].forEach((one) => one.reset()));
afterAll(() => Promise.all([stage, stranger].map((one) => one.stop())));

async function postToLinkAI(how: LinkAIBehaviour): Promise<ReadResponse> {
  stage.linkai.next(how);
  return readResponse(stage.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" }));
}

/** Return the recorded error code of an answer that must fail without a stored picture or a request to the stranger. */
async function errorCodeOf(how: LinkAIBehaviour): Promise<string | undefined> {
  const answer = await postToLinkAI(how);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  const record = await stage.record(answer.id);
  expect(record).toMatchObject({ status: "failed", images: [] });
  expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  expect(stranger.seen).toEqual([]);
  return record.error?.code;
}

describe.each([301, 302, 303, 307, 308])("a vendor's redirect with %i [fault 20]", (status) => {
  it("a vendor's redirect is an error and is not followed, so that no key leaks [fault 20]", async () => {
    const location = `${stranger.origin}/openapi/v1/images/generation`;
    const answer = await stage.draw(CAT, { status, headers: { location }, body: "moved" });
    expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
    expect(answer.headers.get("location")).toBeNull();
    expect(answer.body.toString()).not.toContain(stranger.host);
    expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
    await errorCodeOf({ status, headers: { location }, body: "moved" });
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(stranger.seen).toEqual([]);
    expect(stranger.got(LISTENHUB_KEY) || stranger.got(LINKAI_KEY)).toBe(false);
  });
});

it("a picture is fetched without credentials, also after redirects within its host [fault 20]", async () => {
  const picture = png({ bytes: 70_000 });
  const answer = await postToLinkAI({ pictures: [picture], cdn: { redirect: 3 } });
  expect(answer.status).toBe(200);
  expect(stage.linkai.downloads()).toHaveLength(4);
  for (const { headers } of stage.linkai.downloads()) {
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain(LINKAI_KEY);
  }
  const served = await stage.easel.fetch(`/images/${answer.id}/0`);
  expect(sha256(new Uint8Array(await served.arrayBuffer()))).toBe(picture.sha256);
});

it("a picture behind four redirects is not fetched [fault 21]", async () => {
  expect(await errorCodeOf({ cdn: { redirect: 4 } })).toBe("vendor_error");
});

/** Spellings of the stranger's address, and other URLs that are not on a vendor's CDN. */
const FORBIDDEN_URLS: [name: string, url: () => string][] = [
  ["a private address", () => `${stranger.origin}/a.png`],
  ["a private address in decimal", () => stranger.origin.replace("127.0.0.2", "2130706434")],
  ["a private address in hex", () => stranger.origin.replace("127.0.0.2", "0x7f.2")],
  ["a private address in octal", () => stranger.origin.replace("127.0.0.2", "0177.0.0.2")],
  ["a private address mapped to IPv6", () => stranger.origin.replace("127.0.0.2", "[::ffff:127.0.0.2]")],
  ["a private address with https", () => stranger.origin.replace("http:", "https:")],
  ["a private address behind a name", () => stranger.origin.replace("127.0.0.2", "localhost")],
  ["a private address with a user", () => stranger.origin.replace("//", "//user:password@")],
  ["a trusted host with a user", () => `http://user@${stage.linkai.cdnHost}/cdn/a.png`],
  ["a trusted host over ftp", () => `ftp://${stage.linkai.cdnHost}/cdn/a.png`],
  ["a file", () => "file:///etc/hostname"],
  ["a data URI without a picture", () => "data:image/png,abc"],
  ["a blob", () => `blob:${stranger.origin}/a`],
  ["a script", () => "javascript:alert(1)"],
  ["a URL without a host", () => "https://"],
];
describe.each(FORBIDDEN_URLS)("%s [fault 21]", (_, url) => {
  it("a picture's URL on a host that is not allowed is not fetched [fault 21]", async () => {
    expect(await errorCodeOf({ urls: [url()] })).toBe("vendor_error");
    expect(stage.linkai.downloads()).toEqual([]);
  });
  it("a redirect to a host that is not allowed is not followed [fault 21]", async () => {
    expect(await errorCodeOf({ cdn: { redirect: url() } })).toBe("vendor_error");
    expect(stage.linkai.downloads()).toHaveLength(1);
  });
});
it("a redirect without a scheme to a private address is not followed [fault 21]", async () => {
  expect(await errorCodeOf({ cdn: { redirect: `//${stranger.host}/a.png` } })).toBe("vendor_error");
});

it.each([
  ["HTML labelled as PNG [fault 22]", { pictures: [disguised("html")] }],
  ["SVG labelled as PNG [fault 22]", { pictures: [disguised("svg")] }],
  ["SVG labelled as SVG [fault 22]", { pictures: [disguised("svg")], cdn: { type: "image/svg+xml" } }],
  ["an empty body [fault 22]", { cdn: { body: "" } }],
  ["a deleted picture", { cdn: { status: 404, body: "gone" } }],
  ["a truncated picture", { pictures: [png({ bytes: 100_000 })], cdn: { closeDelimited: true, cutAt: 50_000 } }],
  [
    "a picture whose length is too short",
    { pictures: [png({ bytes: 100_000 })], cdn: { contentLength: "too-short" as const } },
  ],
  [
    "a picture whose length is too long",
    { pictures: [png({ bytes: 100_000 })], cdn: { contentLength: "too-long" as const } },
  ],
  ["a picture that breaks off", { pictures: [png({ bytes: 100_000 })], cdn: { reset: 50_000 } }],
  ["a picture over its limit", { pictures: [png({ bytes: 2_000_001 })] }],
] satisfies [string, LinkAIBehaviour][])("the answer is an error if the CDN sends %s", async (_, how) => {
  expect(await errorCodeOf(how)).toBe("vendor_error");
});

it("a picture that arrives byte by byte runs into its own deadline", async () => {
  const hasty = await startStage({ cdnElsewhere: true, limits: { downloadMs: 1_000 } });
  try {
    hasty.linkai.next({ cdn: { drip: true } });
    const answer = await readResponse(
      hasty.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" }),
    );
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(await hasty.record(answer.id)).toMatchObject({ error: { code: "vendor_timeout" }, images: [] });
    expect(await hasty.keys(`pictures/${answer.id}`)).toEqual([]);
    await hasty.linkai.settled();
    expect(hasty.linkai.downloads()).toMatchObject([{ aborted: true }]);
  } finally {
    await hasty.stop();
  }
});

it("a picture still in transfer when another proves broken is not stored", async () => {
  await postToLinkAI({ pictures: [png({ bytes: 60_000 })], cdn: { chunk: 20_000, pauseMs: 150 } });
  const slow = `http://${stage.linkai.cdnHost}${stage.linkai.downloads()[0]?.path}`;
  const before = await stage.keys("pictures/");
  stage.linkai.reset();
  const from = Date.now();
  expect(await errorCodeOf({ urls: [slow, "https://"] })).toBe("vendor_error");
  await stage.linkai.settled();
  await sleep(Math.max(0, 800 - (Date.now() - from)));
  expect(await stage.keys("pictures/")).toEqual(before);
  expect(stage.linkai.downloads()).toHaveLength(1);
});
