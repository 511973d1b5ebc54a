import { createHash } from "node:crypto";
import { expect, it, vi } from "vitest";
import { app } from "../../src/app.ts";
import source from "../../src/web/embed.js" with { type: "text" };

vi.mock(import("node:crypto"), async (original) => {
  const real = await original();
  return { ...real, createHash: vi.fn<typeof createHash>(real.createHash) };
});

const getScript = (headers: Record<string, string> = {}, method = "GET") =>
  app.request("/embed.js", { method, headers });

async function gzippedBytes(text: string): Promise<number> {
  const packed = new Response(text).body?.pipeThrough(new CompressionStream("gzip"));
  return (await new Response(packed).arrayBuffer()).byteLength;
}

it("the embed script is built on the first request, and only once", async () => {
  expect(createHash).not.toHaveBeenCalled();
  await getScript();
  await getScript();
  expect(createHash).toHaveBeenCalledTimes(1);
});

it("the embed script is served to every page, and cached by browsers", async () => {
  const answer = await getScript();
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
  });
  const etag = answer.headers.get("etag") ?? "";
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
  const again = await getScript({ "if-none-match": `W/${etag}` });
  expect(again.status).toBe(304);
  expect(await again.text()).toBe("");
  expect((await getScript({ "if-none-match": '"another"' })).status).toBe(200);
  const head = await getScript({}, "HEAD");
  expect(head.headers.get("etag")).toBe(etag);
});

it("the embed script is under 5 KB compressed", async () => {
  expect(await gzippedBytes(await (await getScript()).text())).toBeLessThan(5_000);
});

it("the embed script is the source without comments and indentation", async () => {
  const script = await (await getScript()).text();
  const [about, ...code] = script.trimEnd().split("\n");
  expect(about).toMatch(/^\/\/ <easel-image>/);
  const lines = source.split("\n").map((line) => line.trim());
  const comments = lines.filter((line) => /^(?:\/\/|\/\*\*|\*)/.test(line));
  expect(comments.length).toBeGreaterThan(10);
  expect(code).toEqual(lines.filter((line) => line !== "" && !comments.includes(line)));
});
