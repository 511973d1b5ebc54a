import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  depthBomb,
  disguised,
  HTML_PAGE,
  jpeg,
  png,
  startLinkAI,
  startListenHub,
  startStranger,
  until,
} from "../sim/index.ts";
import type { LinkAI, LinkAIBehaviour, ListenHubBehaviour, Sim, Stranger } from "../sim/index.ts";

let listenhub: Sim<ListenHubBehaviour>;
let linkai: LinkAI;
let stranger: Stranger;

beforeAll(async () => {
  [listenhub, linkai, stranger] = await Promise.all([startListenHub(), startLinkAI(), startStranger()]);
});
beforeEach(() => [listenhub, linkai, stranger].forEach((sim) => sim.reset()));
afterAll(() => Promise.all([listenhub, linkai, stranger].map((sim) => sim.stop())));

const HEADERS = { authorization: "Bearer lh-key", "content-type": "application/json" };
const BODY = JSON.stringify({ provider: "google", prompt: "a cat" });

function postToListenHub(behaviour: ListenHubBehaviour, init: RequestInit = {}): Promise<Response> {
  listenhub.next(behaviour);
  return fetch(`${listenhub.origin}/openapi/v1/images/generation`, {
    method: "POST",
    headers: HEADERS,
    body: BODY,
    ...init,
  });
}
const bodyOf = async (behaviour: ListenHubBehaviour): Promise<string> => (await postToListenHub(behaviour)).text();

describe("the simulated ListenHub's JSON", () => {
  const picture = png({ bytes: 5_000 });
  const base64 = picture.bytes.toString("base64");
  const styles: ListenHubBehaviour[] = [
    { pretty: true },
    { dataFirst: true },
    { escape: "slashes" },
    { escape: "unicode" },
    { text: "here", thought: "hm", drafts: [jpeg(1)], thoughtFirst: true, signatureBytes: 4_000 },
    { encoding: "gzip" },
    { encoding: "br" },
    { encoding: "zstd" },
    { chunk: 7 },
    { closeDelimited: true },
    { contentLength: "exact" },
    { candidates: "each" },
  ];
  it.each(styles)("the JSON has the same content with %j", async (style) => {
    const response = JSON.parse(await bodyOf({ pictures: [picture], ...style })) as {
      candidates: { content: { parts: unknown[] } }[];
    };
    expect(response.candidates[0]?.content.parts.at(-1)).toMatchObject({
      inlineData: { data: base64, mimeType: "image/png" },
    });
  });

  it("the JSON can be framed as an array or as events", async () => {
    expect(JSON.parse(await bodyOf({ framing: "array", text: "here" }))).toHaveLength(3);
    const events = (await bodyOf({ framing: "sse", text: "here" })).split("\n\n").filter(Boolean);
    expect(events.map((event) => Object.keys(JSON.parse(event.slice(6)) as object)[0])).toEqual(
      Array(3).fill("candidates"),
    );
  });

  it("the JSON can contain invalid base64", async () => {
    const text = (base64: ListenHubBehaviour["base64"]) => bodyOf({ pictures: [picture], ...(base64 && { base64 }) });
    expect(await text("whitespace")).toContain(`${base64.slice(0, 76)}\\r\\n${base64.slice(76, 152)}`);
    expect(await text("url-safe")).toContain(picture.bytes.toString("base64url"));
    expect(await text("data-uri")).toContain(`"data:image/png;base64,${base64}"`);
    expect(await text("nul")).toContain("\\u0000");
    expect(await bodyOf({ pictures: [picture], cutPicture: 101 })).toContain(`"${base64.slice(0, 101)}"`);
  });

  it("the simulator can refuse and fail in every documented way", async () => {
    expect(JSON.parse(await bodyOf({ finishReason: "IMAGE_SAFETY" }))).toMatchObject({
      candidates: [{ finishReason: "IMAGE_SAFETY" }],
    });
    const blocked = JSON.parse(await bodyOf({ promptFeedback: { blockReason: "SAFETY" } })) as object;
    expect(blocked).toMatchObject({ promptFeedback: { blockReason: "SAFETY" } });
    expect(blocked).not.toHaveProperty("candidates");
    expect(JSON.parse(await bodyOf({ pictures: [] }))).toMatchObject({ candidates: [] });
    expect(JSON.parse(await bodyOf({ pictures: [], text: "I cannot" }))).toMatchObject({
      candidates: [{ content: { parts: [{ text: "I cannot" }] } }],
    });
    expect(JSON.parse(await bodyOf({ status: 200, error: { code: 26004 } }))).toMatchObject({ code: 26004 });
    expect(await bodyOf({ body: HTML_PAGE, type: "text/html" })).toBe(HTML_PAGE);
    expect(await bodyOf({ body: depthBomb() })).toHaveLength(400_000);
    expect(await bodyOf({ echoKey: true })).toContain("Bearer lh-key");
    const svg = disguised("svg");
    expect(await bodyOf({ pictures: [svg] })).toContain(svg.bytes.toString("base64"));
    const late = await postToListenHub({ status: 429, error: {}, headers: { "retry-after": "86400" } });
    expect([late.status, late.headers.get("retry-after"), await late.text()]).toEqual([
      429,
      "86400",
      expect.stringContaining("25429"),
    ]);
  });
});

describe("the simulated ListenHub's connection", () => {
  const pictures = [png({ bytes: 200_000 })];

  it("the simulator resets a connection before the headers and within the body", async () => {
    await expect(postToListenHub({ reset: "before-headers" })).rejects.toThrow();
    const response = await postToListenHub({ pictures, reset: 100_000 });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    await listenhub.settled();
    expect(listenhub.seen.map((seen) => [seen.sent, seen.aborted])).toEqual([
      [0, false],
      [100_000, false],
    ]);
  });

  it("the simulator sends a content-length that is too long or too short", async () => {
    await expect((await postToListenHub({ pictures, contentLength: "too-long" })).text()).rejects.toThrow();
    const whole = await bodyOf({ pictures });
    expect(await bodyOf({ pictures, contentLength: "too-short" })).toBe(whole.slice(0, -1_000));
    await expect((await postToListenHub({ pictures, contentLength: "exact", cutAt: -10 })).text()).rejects.toThrow();
  });

  it("the simulator truncates a body without an error", async () => {
    const whole = await bodyOf({ pictures });
    expect(await bodyOf({ pictures, closeDelimited: true, cutAt: 1_000 })).toBe(whole.slice(0, 1_000));
    expect(await bodyOf({ pictures, cutAt: -10 })).toBe(whole.slice(0, -10));
    await expect(bodyOf({ pictures, cutAt: 1_000, noLastChunk: true })).rejects.toThrow();
  });

  it("the simulator sends corrupt gzip and a gzip bomb", async () => {
    await expect(bodyOf({ pictures, encoding: "corrupt-gzip" })).rejects.toThrow();
    const bomb = await postToListenHub({ encoding: "gzip-bomb" });
    let bytes = 0;
    for await (const part of bomb.body as AsyncIterable<Uint8Array>) if ((bytes += part.length) > 50_000_000) break;
    expect(bytes).toBeGreaterThan(50_000_000);
    await listenhub.settled();
    expect(listenhub.seen.at(-1)?.sent).toBeLessThan(2_000_000);
  });

  it("the simulator sends slowly or hangs and records aborted requests", async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const response = await postToListenHub({ drip: true }, { signal: first.signal });
    void until(() => listenhub.seen[0]?.sent === 2).then(() => first.abort());
    await expect(response.text()).rejects.toThrow();
    void until(() => listenhub.seen.length === 2).then(() => second.abort());
    await expect(postToListenHub({ hang: true }, { signal: second.signal })).rejects.toThrow();
    await listenhub.settled();
    expect(listenhub.seen.map((seen) => [seen.status, seen.sent, seen.aborted])).toEqual([
      [200, 2, true],
      [0, 0, true],
    ]);
  });

  it("the simulator delays a response", async () => {
    const start = Date.now();
    await bodyOf({ delayMs: 300 });
    expect(Date.now() - start).toBeGreaterThanOrEqual(295);
  });
});

describe("redirects and the CDN", () => {
  const generateUrl = async (behaviour: LinkAIBehaviour): Promise<string> => {
    linkai.next(behaviour);
    const headers = { authorization: "Bearer la-key", "content-type": "application/json" };
    const body = JSON.stringify({ model: "gpt-image-2", prompt: "a cat" });
    const response = await fetch(`${linkai.origin}/v1/images/generations`, { method: "POST", headers, body });
    const { data } = await response.json<{ data: { url: string }[] }>();
    return data[0]?.url ?? "";
  };
  const rawGet = (url: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => get(url, resolve).once("error", reject));

  it("a redirect leads to a third-party host that records the keys it receives", async () => {
    const response = await postToListenHub(
      { status: 307, headers: { location: `${stranger.origin}/x` } },
      { redirect: "manual" },
    );
    expect(response.status).toBe(307);
    expect(stranger.seen).toHaveLength(0);
    await fetch(stranger.origin, { headers: { "x-api-key": "lh-key" } });
    expect(stranger.got("lh-key")).toBe(true);
    expect(stranger.got("other")).toBe(false);
  });

  it("the CDN redirects pictures over several hops and to other hosts", async () => {
    const picture = await fetch(await generateUrl({ cdn: { redirect: 3 } }));
    expect((await picture.arrayBuffer()).byteLength).toBe(1024);
    expect(linkai.downloads()).toHaveLength(4);
    const forbidden = await fetch(await generateUrl({ cdn: { redirect: "http://10.0.0.1/" } }), { redirect: "manual" });
    expect([forbidden.status, forbidden.headers.get("location")]).toEqual([302, "http://10.0.0.1/"]);
  });

  it("the CDN can serve pictures from another host", async () => {
    const other = await startLinkAI({ key: "other", cdnElsewhere: true });
    const headers = { authorization: "Bearer other", "content-type": "application/json" };
    const body = JSON.stringify({ model: "gpt-image-2", prompt: "a cat" });
    const response = await fetch(`${other.origin}/v1/images/generations`, { method: "POST", headers, body });
    const { data } = await response.json<{ data: { url: string }[] }>();
    expect(data[0]?.url).toContain(`http://${other.cdnHost}/cdn/`);
    expect((await (await fetch(data[0]?.url ?? "")).arrayBuffer()).byteLength).toBe(1024);
    expect([other.cdnHost.startsWith("127.0.0.2:"), other.seen.length, other.downloads().length]).toEqual([true, 1, 1]);
    await other.stop();
  });

  it("the CDN can serve a wrong type, a 404, gzip and truncated pictures", async () => {
    const html = await fetch(await generateUrl({ cdn: { body: HTML_PAGE } }));
    expect([html.headers.get("content-type"), await html.text()]).toEqual(["image/png", HTML_PAGE]);
    expect((await fetch(await generateUrl({ cdn: { status: 404, body: "gone" } }))).status).toBe(404);
    const chunked = await rawGet(await generateUrl({ cdn: { contentLength: "none", encoding: "gzip" } }));
    expect(chunked.headers).toMatchObject({ "transfer-encoding": "chunked", "content-encoding": "gzip" });
    const parts: Buffer[] = [];
    for await (const part of chunked) parts.push(part as Buffer);
    expect(gunzipSync(Buffer.concat(parts)).equals(png().bytes)).toBe(true);
    const cut = await rawGet(await generateUrl({ cdn: { closeDelimited: true, cutAt: 100 } }));
    expect(cut.headers).not.toHaveProperty("content-length");
    expect(cut.headers).not.toHaveProperty("transfer-encoding");
    let bytes = 0;
    for await (const part of cut) bytes += (part as Buffer).length;
    expect(bytes).toBe(100);
  });

  it("LinkAI returns configured URLs or base64", async () => {
    expect(await generateUrl({ urls: ["http://[::1]/a.png"] })).toBe("http://[::1]/a.png");
    await generateUrl({ base64: true });
    await until(() => linkai.seen.every((seen) => seen.endedAt !== undefined));
  });
});
