import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { disguised, png, sha256, startStranger } from "../sim/index.ts";
import type { LinkAIBehaviour, Stranger } from "../sim/index.ts";
import { CAT, LINKAI_KEY, LISTENHUB_KEY, read, startStage } from "./stage.ts";
import type { Answered, Stage } from "./stage.ts";

/** docs/faults.md 20 to 22: where an answer leads, and what is there. */
let stage: Stage;
let stranger: Stranger;
beforeAll(async () => {
  stage = await startStage({ cdnElsewhere: true, limits: { pictureBytes: 2_000_000 } });
  stranger = await startStranger();
});
beforeEach(() => [stage, stranger].forEach((one) => one.reset()));
afterAll(() => Promise.all([stage, stranger].map((one) => one.stop())));

async function viaLinkAI(how: LinkAIBehaviour): Promise<Answered> {
  stage.linkai.next(how);
  return read(stage.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" }));
}

/** The code in the record of an answer that must be an error, with nothing stored and nothing asked of the stranger. */
async function refused(how: LinkAIBehaviour): Promise<string | undefined> {
  const answer = await viaLinkAI(how);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  const record = await stage.record(answer.id);
  expect(record).toMatchObject({ status: "failed", images: [] });
  expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  expect(stranger.seen).toEqual([]);
  return record.error?.code;
}

describe.each([301, 302, 303, 307, 308])("20. a vendor's %i", (status) => {
  it("is an error, followed nowhere, and the key stays here", async () => {
    const location = `${stranger.origin}/openapi/v1/images/generation`;
    const answer = await stage.draw(CAT, { status, headers: { location }, body: "moved" });
    expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
    expect(answer.headers.get("location")).toBeNull();
    expect(answer.body.toString()).not.toContain(stranger.host);
    expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
    await refused({ status, headers: { location }, body: "moved" });
    expect(stage.listenhub.seen).toHaveLength(1);
    expect(stranger.seen).toEqual([]);
    expect(stranger.got(LISTENHUB_KEY) || stranger.got(LINKAI_KEY)).toBe(false);
  });
});

it("20. a picture is fetched without any credential, redirects within its host included", async () => {
  const picture = png({ bytes: 70_000 });
  const answer = await viaLinkAI({ pictures: [picture], cdn: { redirect: 3 } });
  expect(answer.status).toBe(200);
  expect(stage.linkai.downloads()).toHaveLength(4);
  for (const { headers } of stage.linkai.downloads()) {
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain(LINKAI_KEY);
  }
  const served = await stage.easel.fetch(`/images/${answer.id}/0`);
  expect(sha256(new Uint8Array(await served.arrayBuffer()))).toBe(picture.sha256);
});

it("21. more redirects than are followed", async () => {
  expect(await refused({ cdn: { redirect: 4 } })).toBe("vendor_error");
});

/** Spellings of the stranger's address, and of other places that are nobody's CDN. */
const ELSEWHERE: [name: string, url: () => string][] = [
  ["a private address", () => `${stranger.origin}/a.png`],
  ["it in decimal", () => stranger.origin.replace("127.0.0.2", "2130706434")],
  ["it in hex", () => stranger.origin.replace("127.0.0.2", "0x7f.2")],
  ["it in octal", () => stranger.origin.replace("127.0.0.2", "0177.0.0.2")],
  ["it mapped to IPv6", () => stranger.origin.replace("127.0.0.2", "[::ffff:127.0.0.2]")],
  ["it with https", () => stranger.origin.replace("http:", "https:")],
  ["it behind a name", () => stranger.origin.replace("127.0.0.2", "localhost")],
  ["it with a user", () => stranger.origin.replace("//", "//user:password@")],
  ["a trusted host with a user", () => `http://user@${stage.linkai.cdnHost}/cdn/a.png`],
  ["a trusted host over ftp", () => `ftp://${stage.linkai.cdnHost}/cdn/a.png`],
  ["a file", () => "file:///etc/hostname"],
  ["a data URI without a picture", () => "data:image/png,abc"],
  ["a blob", () => `blob:${stranger.origin}/a`],
  ["a script", () => "javascript:alert(1)"],
  ["nowhere", () => "https://"],
];
describe.each(ELSEWHERE)("21. %s", (_, url) => {
  it("is not fetched", async () => {
    expect(await refused({ urls: [url()] })).toBe("vendor_error");
    expect(stage.linkai.downloads()).toEqual([]);
  });
  it("is not followed to", async () => {
    expect(await refused({ cdn: { redirect: url() } })).toBe("vendor_error");
    expect(stage.linkai.downloads()).toHaveLength(1);
  });
});
it("21. nor is it by a redirect without a scheme", async () => {
  expect(await refused({ cdn: { redirect: `//${stranger.host}/a.png` } })).toBe("vendor_error");
});

it.each([
  ["22. HTML said to be PNG", { pictures: [disguised("html")] }],
  ["22. SVG said to be PNG", { pictures: [disguised("svg")] }],
  ["22. SVG said to be SVG", { pictures: [disguised("svg")], cdn: { type: "image/svg+xml" } }],
  ["22. nothing", { cdn: { body: "" } }],
  ["a picture that is gone", { cdn: { status: 404, body: "gone" } }],
  ["a picture that is cut", { pictures: [png({ bytes: 100_000 })], cdn: { closeDelimited: true, cutAt: 50_000 } }],
  [
    "a picture whose length is too short",
    { pictures: [png({ bytes: 100_000 })], cdn: { contentLength: "too-short" as const } },
  ],
  [
    "a picture whose length is too long",
    { pictures: [png({ bytes: 100_000 })], cdn: { contentLength: "too-long" as const } },
  ],
  ["a picture that breaks off", { pictures: [png({ bytes: 100_000 })], cdn: { reset: 50_000 } }],
  ["a picture over its cap", { pictures: [png({ bytes: 2_000_001 })] }],
] satisfies [string, LinkAIBehaviour][])("%s is no picture", async (_, how) => {
  expect(await refused(how)).toBe("vendor_error");
});

it("a picture that drips meets its own deadline", async () => {
  const hasty = await startStage({ cdnElsewhere: true, limits: { downloadMs: 1_000 } });
  try {
    hasty.linkai.next({ cdn: { drip: true } });
    const answer = await read(hasty.post("/linkai/v1/images/generations", { model: "gpt-image-2", prompt: "a cat" }));
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(await hasty.record(answer.id)).toMatchObject({ error: { code: "vendor_timeout" }, images: [] });
    expect(await hasty.keys(`pictures/${answer.id}`)).toEqual([]);
    await hasty.linkai.settled();
    expect(hasty.linkai.downloads()).toMatchObject([{ aborted: true }]);
  } finally {
    await hasty.stop();
  }
});

it("a picture that was still coming when another proved broken is not kept", async () => {
  await viaLinkAI({ pictures: [png({ bytes: 60_000 })], cdn: { chunk: 20_000, pauseMs: 150 } });
  const slow = `http://${stage.linkai.cdnHost}${stage.linkai.downloads()[0]?.path}`;
  const before = await stage.keys("pictures/");
  stage.linkai.reset();
  const from = Date.now();
  expect(await refused({ urls: [slow, "https://"] })).toBe("vendor_error");
  await stage.linkai.settled();
  await sleep(Math.max(0, 800 - (Date.now() - from)));
  expect(await stage.keys("pictures/")).toEqual(before);
  expect(stage.linkai.downloads()).toHaveLength(1);
});
