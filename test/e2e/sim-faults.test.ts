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

function ask(how: ListenHubBehaviour, init: RequestInit = {}): Promise<Response> {
  listenhub.next(how);
  return fetch(`${listenhub.origin}/openapi/v1/images/generation`, {
    method: "POST",
    headers: HEADERS,
    body: BODY,
    ...init,
  });
}
const said = async (how: ListenHubBehaviour): Promise<string> => (await ask(how)).text();

describe("the JSON", () => {
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
  it.each(styles)("means the same with %j", async (style) => {
    const answer = JSON.parse(await said({ pictures: [picture], ...style })) as {
      candidates: { content: { parts: unknown[] } }[];
    };
    expect(answer.candidates[0]?.content.parts.at(-1)).toMatchObject({
      inlineData: { data: base64, mimeType: "image/png" },
    });
  });

  it("can be an array, or events", async () => {
    expect(JSON.parse(await said({ framing: "array", text: "here" }))).toHaveLength(3);
    const events = (await said({ framing: "sse", text: "here" })).split("\n\n").filter(Boolean);
    expect(events.map((event) => Object.keys(JSON.parse(event.slice(6)) as object)[0])).toEqual(
      Array(3).fill("candidates"),
    );
  });

  it("can have base64 that is none", async () => {
    const text = (base64: ListenHubBehaviour["base64"]) => said({ pictures: [picture], ...(base64 && { base64 }) });
    expect(await text("whitespace")).toContain(`${base64.slice(0, 76)}\\r\\n${base64.slice(76, 152)}`);
    expect(await text("url-safe")).toContain(picture.bytes.toString("base64url"));
    expect(await text("data-uri")).toContain(`"data:image/png;base64,${base64}"`);
    expect(await text("nul")).toContain("\\u0000");
    expect(await said({ pictures: [picture], cutPicture: 101 })).toContain(`"${base64.slice(0, 101)}"`);
  });

  it("can say no in every way", async () => {
    expect(JSON.parse(await said({ finishReason: "IMAGE_SAFETY" }))).toMatchObject({
      candidates: [{ finishReason: "IMAGE_SAFETY" }],
    });
    const blocked = JSON.parse(await said({ promptFeedback: { blockReason: "SAFETY" } })) as object;
    expect(blocked).toMatchObject({ promptFeedback: { blockReason: "SAFETY" } });
    expect(blocked).not.toHaveProperty("candidates");
    expect(JSON.parse(await said({ pictures: [] }))).toMatchObject({ candidates: [] });
    expect(JSON.parse(await said({ pictures: [], text: "I cannot" }))).toMatchObject({
      candidates: [{ content: { parts: [{ text: "I cannot" }] } }],
    });
    expect(JSON.parse(await said({ status: 200, error: { code: 26004 } }))).toMatchObject({ code: 26004 });
    expect(await said({ body: HTML_PAGE, type: "text/html" })).toBe(HTML_PAGE);
    expect(await said({ body: depthBomb() })).toHaveLength(400_000);
    expect(await said({ echoKey: true })).toContain("Bearer lh-key");
    const svg = disguised("svg");
    expect(await said({ pictures: [svg] })).toContain(svg.bytes.toString("base64"));
    const late = await ask({ status: 429, error: {}, headers: { "retry-after": "86400" } });
    expect([late.status, late.headers.get("retry-after"), await late.text()]).toEqual([
      429,
      "86400",
      expect.stringContaining("25429"),
    ]);
  });
});

describe("the wire", () => {
  const pictures = [png({ bytes: 200_000 })];

  it("resets before headers, and in the middle", async () => {
    await expect(ask({ reset: "before-headers" })).rejects.toThrow();
    const response = await ask({ pictures, reset: 100_000 });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    await listenhub.settled();
    expect(listenhub.seen.map((seen) => [seen.sent, seen.aborted])).toEqual([
      [0, false],
      [100_000, false],
    ]);
  });

  it("lies about its length", async () => {
    await expect((await ask({ pictures, contentLength: "too-long" })).text()).rejects.toThrow();
    const whole = await said({ pictures });
    expect(await said({ pictures, contentLength: "too-short" })).toBe(whole.slice(0, -1_000));
    await expect((await ask({ pictures, contentLength: "exact", cutAt: -10 })).text()).rejects.toThrow();
  });

  it("ends early without a word", async () => {
    const whole = await said({ pictures });
    expect(await said({ pictures, closeDelimited: true, cutAt: 1_000 })).toBe(whole.slice(0, 1_000));
    expect(await said({ pictures, cutAt: -10 })).toBe(whole.slice(0, -10));
    await expect(said({ pictures, cutAt: 1_000, noLastChunk: true })).rejects.toThrow();
  });

  it("breaks gzip, and makes a bomb of it", async () => {
    await expect(said({ pictures, encoding: "corrupt-gzip" })).rejects.toThrow();
    const bomb = await ask({ encoding: "gzip-bomb" });
    let bytes = 0;
    for await (const part of bomb.body as AsyncIterable<Uint8Array>) if ((bytes += part.length) > 50_000_000) break;
    expect(bytes).toBeGreaterThan(50_000_000);
    await listenhub.settled();
    expect(listenhub.seen.at(-1)?.sent).toBeLessThan(2_000_000);
  });

  it("drips, hangs, and knows who left", async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const response = await ask({ drip: true }, { signal: first.signal });
    void until(() => listenhub.seen[0]?.sent === 2).then(() => first.abort());
    await expect(response.text()).rejects.toThrow();
    void until(() => listenhub.seen.length === 2).then(() => second.abort());
    await expect(ask({ hang: true }, { signal: second.signal })).rejects.toThrow();
    await listenhub.settled();
    expect(listenhub.seen.map((seen) => [seen.status, seen.sent, seen.aborted])).toEqual([
      [200, 2, true],
      [0, 0, true],
    ]);
  });

  it("is late", async () => {
    const start = Date.now();
    await said({ delayMs: 300 });
    expect(Date.now() - start).toBeGreaterThanOrEqual(295);
  });
});

describe("redirects and the CDN", () => {
  const generate = async (how: LinkAIBehaviour): Promise<string> => {
    linkai.next(how);
    const headers = { authorization: "Bearer la-key", "content-type": "application/json" };
    const body = JSON.stringify({ model: "gpt-image-2", prompt: "a cat" });
    const answer = await fetch(`${linkai.origin}/v1/images/generations`, { method: "POST", headers, body });
    const { data } = await answer.json<{ data: { url: string }[] }>();
    return data[0]?.url ?? "";
  };
  const raw = (url: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => get(url, resolve).once("error", reject));

  it("leads a caller that follows to a stranger, who notes the key", async () => {
    const response = await ask({ status: 307, headers: { location: `${stranger.origin}/x` } }, { redirect: "manual" });
    expect(response.status).toBe(307);
    expect(stranger.seen).toHaveLength(0);
    await fetch(stranger.origin, { headers: { "x-api-key": "lh-key" } });
    expect(stranger.got("lh-key")).toBe(true);
    expect(stranger.got("other")).toBe(false);
  });

  it("redirects pictures, by hops and elsewhere", async () => {
    const picture = await fetch(await generate({ cdn: { redirect: 3 } }));
    expect((await picture.arrayBuffer()).byteLength).toBe(1024);
    expect(linkai.downloads()).toHaveLength(4);
    const away = await fetch(await generate({ cdn: { redirect: "http://10.0.0.1/" } }), { redirect: "manual" });
    expect([away.status, away.headers.get("location")]).toEqual([302, "http://10.0.0.1/"]);
  });

  it("serves pictures from another host, where told to", async () => {
    const other = await startLinkAI({ key: "other", cdnElsewhere: true });
    const headers = { authorization: "Bearer other", "content-type": "application/json" };
    const body = JSON.stringify({ model: "gpt-image-2", prompt: "a cat" });
    const answer = await fetch(`${other.origin}/v1/images/generations`, { method: "POST", headers, body });
    const { data } = await answer.json<{ data: { url: string }[] }>();
    expect(data[0]?.url).toContain(`http://${other.cdnHost}/cdn/`);
    expect((await (await fetch(data[0]?.url ?? "")).arrayBuffer()).byteLength).toBe(1024);
    expect([other.cdnHost.startsWith("127.0.0.2:"), other.seen.length, other.downloads().length]).toEqual([true, 1, 1]);
    await other.stop();
  });

  it("serves pictures wrongly", async () => {
    const html = await fetch(await generate({ cdn: { body: HTML_PAGE } }));
    expect([html.headers.get("content-type"), await html.text()]).toEqual(["image/png", HTML_PAGE]);
    expect((await fetch(await generate({ cdn: { status: 404, body: "gone" } }))).status).toBe(404);
    const chunked = await raw(await generate({ cdn: { contentLength: "none", encoding: "gzip" } }));
    expect(chunked.headers).toMatchObject({ "transfer-encoding": "chunked", "content-encoding": "gzip" });
    const parts: Buffer[] = [];
    for await (const part of chunked) parts.push(part as Buffer);
    expect(gunzipSync(Buffer.concat(parts)).equals(png().bytes)).toBe(true);
    const cut = await raw(await generate({ cdn: { closeDelimited: true, cutAt: 100 } }));
    expect(cut.headers).not.toHaveProperty("content-length");
    expect(cut.headers).not.toHaveProperty("transfer-encoding");
    let bytes = 0;
    for await (const part of cut) bytes += (part as Buffer).length;
    expect(bytes).toBe(100);
  });

  it("gives URLs and base64 as told", async () => {
    expect(await generate({ urls: ["http://[::1]/a.png"] })).toBe("http://[::1]/a.png");
    await generate({ base64: true });
    await until(() => linkai.seen.every((seen) => seen.endedAt !== undefined));
  });
});
