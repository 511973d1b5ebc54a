import { describe, expect, it } from "vitest";
import type { ImageRequest } from "../../../src/image/request.ts";
import { DIRECTIVES, sandbox, spec } from "../../../src/vendors/sandbox/index.ts";
import { drain, readPng } from "./read-png.ts";

const provider = sandbox.provider!;

const BASE: ImageRequest = { model: "sandbox", prompt: "a cat", n: 1, width: 64, height: 48, references: [] };

/** Send a request to the sandbox as the pipeline does, and decode the response. */
async function generate(request: Partial<ImageRequest> = {}) {
  const { path, body } = provider.encode({ ...BASE, ...request }, spec);
  const response = await post(path, body);
  return provider.decode(response.status, await response.json(), response.headers, BASE);
}

function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const method = "POST";
  return provider.localFetch!(new Request(provider.baseUrl + path, { method, body: JSON.stringify(body), ...init }));
}

async function pictureUrls(request: Partial<ImageRequest> = {}): Promise<string[]> {
  return (await generate(request)).images.map((image) => ("url" in image ? image.url : "hoisted"));
}

async function fetchPicture(url: string): Promise<Uint8Array> {
  const response = await provider.localFetch!(new Request(url));
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/png"]);
  return drain(response.body as ReadableStream<Uint8Array>);
}

async function generatePicture(request: Partial<ImageRequest> = {}): Promise<Uint8Array> {
  return fetchPicture((await pictureUrls(request))[0]!);
}

describe("pictures from the sandbox", () => {
  it.each([
    [64, 48],
    [17, 31],
    [512, 64],
    [64, 512],
    [16384, 16],
    [16, 16],
  ])("a picture has exactly %i × %i pixels", async (width, height) => {
    const image = readPng(await generatePicture({ width, height }));
    expect([image.width, image.height]).toEqual([width, height]);
  });

  it("a request with a ratio only gets the pixels of that ratio", async () => {
    const image = readPng(await generatePicture({ width: undefined, height: undefined, aspectRatio: "16:9" }));
    expect([image.width, image.height]).toEqual([1365, 768]);
  });

  it("a request without a size gets 1024 × 1024 pixels, in few bytes and many colours", async () => {
    const bytes = await generatePicture({ width: undefined, height: undefined, prompt: "night over a mountain lake" });
    const image = readPng(bytes);
    expect([image.width, image.height]).toEqual([1024, 1024]);
    expect(bytes.length).toBeLessThan(600_000);
    const colors = new Set<number>();
    for (let i = 0; i < image.pixels.length; i += 300) {
      colors.add((image.pixels[i]! << 16) | (image.pixels[i + 1]! << 8) | image.pixels[i + 2]!);
    }
    expect(colors.size).toBeGreaterThan(200);
  });

  it.each(
    ["day", "dawn", "sunset", "night"].flatMap((time) =>
      ["hills", "mountain", "forest", "desert", "sea", "snow"].map((place) => `${place}, ${time}`),
    ),
  )("the sandbox generates a picture of %s", async (prompt) => {
    expect(readPng(await generatePicture({ prompt, n: 1 })).height).toBe(48);
  });

  it("the same request gets the same bytes", async () => {
    expect(await generatePicture({ seed: 7 })).toEqual(await generatePicture({ seed: 7 }));
    expect(await generatePicture()).toEqual(await generatePicture());
  });

  it("another prompt, seed, model or reference gets another picture", async () => {
    const plain = await generatePicture();
    const url = "https://example.com/a.png";
    const stored = { key: "k", type: "image/png", width: 4, height: 4, bytes: 99 };
    for (const other of [
      { prompt: "a dog" },
      { seed: 8 },
      { model: "another" },
      { references: [{ url }] },
      { references: [{ url }, { url }] },
      { references: [{ picture: stored }] },
    ]) {
      expect(await generatePicture(other)).not.toEqual(plain);
    }
  });

  it("a request for n pictures gets n different pictures, and the first is the same as for n = 1", async () => {
    const three = await Promise.all((await pictureUrls({ n: 3 })).map(fetchPicture));
    expect(three[0]).toEqual(await generatePicture());
    expect(new Set(three.map((bytes) => bytes.join())).size).toBe(3);
  });

  it("the picture's URL does not have the prompt, and the request does not have references", async () => {
    const [url = ""] = await pictureUrls({ prompt: "a secret cat by the sea" });
    expect(url).toMatch(/^https:\/\/sandbox\.invalid\/picture\?/);
    expect(url).not.toMatch(/secret|cat/);
    const { body } = provider.encode({ ...BASE, references: [{ url: "https://example.com/a.png" }] }, spec);
    expect(JSON.stringify(body)).not.toContain("example.com");
  });

  it.each([
    [64, 48],
    [48, 640],
    [640, 48],
    [16, 16],
  ])("a lighthouse in the prompt is in the picture of %i × %i pixels", async (width, height) => {
    const [url = ""] = await pictureUrls({ prompt: "a lighthouse at dusk", width, height });
    expect(url).toMatch(/&place=sea&lighthouse=1$/);
    const [lit, bare] = [await fetchPicture(url), await fetchPicture(url.replace("&lighthouse=1", ""))].map(readPng);
    expect([lit!.width, lit!.height]).toEqual([width, height]);
    expect(lit).not.toEqual(bare);
  });

  it("directives do not change the picture", async () => {
    expect(await pictureUrls({ prompt: "a cat [sandbox:slow:1]" })).toEqual(await pictureUrls());
  });
});

describe("failures of the sandbox", () => {
  it.each([
    ["[sandbox:refuse]", { code: "content_rejected", vendorStatus: 422, retryable: false }],
    ["[sandbox:fail]", { code: "vendor_error", vendorStatus: 500, retryable: false }],
    ["[sandbox:fail:400]", { code: "invalid_request", vendorStatus: 400 }],
    ["[sandbox:fail:402]", { code: "insufficient_credit", vendorStatus: 402 }],
    ["[sandbox:fail:429]", { code: "rate_limited", vendorStatus: 429, retryAfter: 2, retryable: true }],
    ["[sandbox:fail:500]", { code: "vendor_error", vendorStatus: 500 }],
    ["[sandbox:fail:503]", { code: "vendor_error", vendorStatus: 503, retryable: true }],
    ["[sandbox:empty]", { code: "no_image" }],
    ["[sandbox:text]", { code: "no_image", message: expect.stringContaining("This is text from the sandbox") }],
    ["[sandbox:nonsense]", { code: "invalid_request", message: expect.stringContaining("[sandbox:broken]") }],
  ])("the directive %s throws its error", async (prompt, error) => {
    await expect(generate({ prompt: `a cat ${prompt}` })).rejects.toMatchObject(error);
  });

  it("the directive broken breaks the picture off", async () => {
    const [url = ""] = await pictureUrls({ prompt: "[sandbox:broken]" });
    await expect(fetchPicture(url)).rejects.toThrow("broke this picture off");
  });

  it("the directive slow delays the response", async () => {
    const start = Date.now();
    await generate({ prompt: "[sandbox:slow:80]" });
    expect(Date.now() - start).toBeGreaterThanOrEqual(75);
  });

  it("an aborted request ends a delay", async () => {
    const { path, body } = provider.encode({ ...BASE, prompt: "[sandbox:slow:60000]" }, spec);
    const signal = AbortSignal.timeout(20);
    await expect(post(path, body, { signal })).rejects.toThrow();
  });

  it.each([
    [{ width: 15 }, "width"],
    [{ height: 16385 }, "height"],
    [{ width: 16384, height: 8192 }, "8192 × 8192"],
    [{ n: 11 }, "n"],
  ])("a request for %j is rejected, and the error names the field or the limit", async (request, named) => {
    await expect(generate(request)).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining(named),
    });
  });

  it("the sandbox rejects bodies that are not valid, and unknown paths", async () => {
    const postText = (path: string, body: string) =>
      provider.localFetch!(new Request(provider.baseUrl + path, { method: "POST", body }));
    expect((await postText("/draw", "{")).status).toBe(400);
    expect((await postText("/draw", "null")).status).toBe(400);
    expect((await postText("/other", "{}")).status).toBe(404);
    expect((await provider.localFetch!(new Request(`${provider.baseUrl}/picture?width=64`))).status).toBe(400);
  });

  it("the provider throws a clear error for every response", () => {
    const none = new Headers();
    const decode =
      (status: number, wire: unknown, headers = none) =>
      () =>
        provider.decode(status, wire, headers, BASE);
    expect(decode(200, undefined)).toThrow(expect.objectContaining({ code: "no_image" }));
    expect(decode(200, { pictures: "?" })).toThrow(expect.objectContaining({ code: "no_image" }));
    expect(decode(418, "teapot")).toThrow(expect.objectContaining({ code: "vendor_error", vendorStatus: 418 }));
    expect(decode(500, undefined)).toThrow("The sandbox answered 500.");
    const soon = new Headers({ "retry-after": "soon" });
    expect(decode(429, {}, soon)).toThrow(expect.objectContaining({ code: "rate_limited", retryAfter: undefined }));
  });

  it("the list of directives has the delay", () => {
    expect(DIRECTIVES).toContain("[sandbox:slow:MS]");
  });
});
