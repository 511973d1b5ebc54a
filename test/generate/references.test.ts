import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Env, configOf } from "../../src/env.ts";
import { ReferenceCache } from "../../src/generate/references.ts";
import type { ModelSpec } from "../../src/image/model-spec.ts";
import { type ImageRequest, type Reference, referencesOf } from "../../src/image/request.ts";
import { newId } from "../../src/store/ids.ts";
import { putEnd, putStart, type StoredRecord } from "../../src/store/records.ts";
import { jpeg, png } from "../image/pictures.ts";
import { BUCKET, watchBucket } from "../store/bucket.ts";
import { failureOf, source } from "../stream/streams.ts";

const ORIGIN = "http://localhost:8787";
const bytes = png(640, 480);
const spec: ModelSpec = {
  wireName: "model",
  ratios: [],
  sizes: [],
  references: 16,
  referenceSchemes: [],
  qualities: [],
  formats: [],
  seed: false,
  n: 1,
  output: "base64",
};
const takesUrls: ModelSpec = { ...spec, referenceSchemes: ["https"] };
const prefersUrls: ModelSpec = { ...spec, prefersUrls: true };

/** The fetched URLs, and the responses other than a PNG. */
const fetched: string[] = [];
const cacheModes: (string | undefined)[] = [];
const responses = new Map<string, () => Response>();
beforeEach(() => {
  vi.stubGlobal("fetch", async ({ url, cache }: Request) => {
    cacheModes.push(cache);
    fetched.push(url);
    return responses.get(url)?.() ?? new Response(bytes);
  });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  fetched.length = 0;
  cacheModes.length = 0;
  responses.clear();
  const left = await storedKeys();
  if (left.length > 0) await BUCKET.delete(left);
});

const storedKeys = async (prefix = "") => (await BUCKET.list({ prefix })).objects.map(({ key }) => key);
const url = (name: string): Reference => ({ url: `https://example.com/${name}` });
const requestWith = (request: Partial<ImageRequest>): ImageRequest => ({
  model: "model",
  prompt: "a cat",
  n: 1,
  references: [],
  ...request,
});

function referencesFor(request: ImageRequest, vars: Partial<Env> = {}): ReferenceCache {
  const env = { BUCKET, ...vars } as Env;
  const parsed = { request, warnings: [] };
  return new ReferenceCache({ id: newId(Date.now()), parsed, origin: ORIGIN }, { env, config: configOf(env) });
}

/** Return the source that each reference became. */
async function preparedSources(request: ImageRequest, to: ModelSpec, vars?: Partial<Env>): Promise<string[]> {
  const done = await referencesFor(request, vars).prepare(request, to);
  return referencesOf(done).map((one) => ("url" in one ? one.url : one.picture.key));
}

it("every reference of a request becomes a stored picture in its place", async () => {
  responses.set("https://example.com/mask", () => new Response(jpeg(64, 32)));
  const request = requestWith({
    turns: [{ role: "user", text: "before", references: [url("turn")] }],
    references: [url("a"), url("b")],
    mask: url("mask"),
  });
  const done = await referencesFor(request).prepare(request, spec);
  const picture = {
    key: expect.stringMatching(/^references\/[0-9a-z]{40}\/\d$/),
    type: "image/png",
    bytes: bytes.length,
  };
  expect(done).toMatchObject({
    prompt: "a cat",
    turns: [{ role: "user", text: "before", references: [{ picture }] }],
    references: [{ picture }, { picture }],
    mask: { picture: { type: "image/jpeg", width: 64, height: 32 } },
  });
  expect(new Set(await storedKeys("references/")).size).toBe(4);
});

it("a reference is fetched once for several vendors, and deleted at the end", async () => {
  const request = requestWith({ references: [url("a"), url("b"), url("a")] });
  const references = referencesFor(request);
  expect(await references.prepare(request, takesUrls)).toMatchObject(request);
  expect(fetched).toEqual([]);
  for (const to of [spec, { ...spec }]) {
    const [first, second, third] = (await references.prepare(request, to)).references;
    expect(third).toEqual(first);
    expect(second).not.toEqual(first);
  }
  expect(fetched).toHaveLength(2);
  expect(await storedKeys("references/")).toHaveLength(2);
  await references.deleteDownloads();
  expect(await storedKeys("references/")).toEqual([]);
});

it("a failed fetch stores nothing, and is repeated for another vendor only", async () => {
  const request = requestWith({ references: [url("a")] });
  const references = referencesFor(request);
  responses.set("https://example.com/a", () => new Response("gone", { status: 410 }));
  const error = { code: "invalid_request", message: expect.stringContaining("its host answered with status 410") };
  expect(await failureOf(references.prepare(request, spec))).toMatchObject(error);
  // A vendor that generates one picture per call is called again.
  expect(await failureOf(references.prepare(request, spec))).toMatchObject(error);
  expect(fetched).toHaveLength(1);
  responses.clear();
  await references.prepare(request, { ...spec });
  expect(fetched).toHaveLength(2);
});

it("a fetch that breaks off leaves no unfinished upload", async () => {
  const long = new Uint8Array(6_000_000);
  long.set(bytes.subarray(0, 41));
  // Everything after this is one chunk.
  new DataView(long.buffer).setUint32(33, long.length);
  responses.set("https://example.com/a", () => new Response(source([long], "error").stream));
  const request = requestWith({ references: [url("a")] });
  const { bucket, steps } = watchBucket(BUCKET);
  const message = expect.stringContaining("it broke off");
  expect(await failureOf(referencesFor(request, { BUCKET: bucket }).prepare(request, spec))).toMatchObject({ message });
  expect(steps).toEqual(["createMultipartUpload", "uploadPart 1", "abort"]);
});

describe("the field in the error of an unusable reference", () => {
  const badUrl = url("bad");
  const invalid: [field: string, request: Partial<ImageRequest>][] = [
    ["references[1]", { references: [url("a"), badUrl] }],
    ["mask", { references: [url("a")], mask: badUrl }],
    ["turns[1].references[0]", { turns: [turn(url("a")), turn(badUrl)], references: [url("b")] }],
  ];
  it.each(invalid)("the error names %s", async (field, change) => {
    responses.set("https://example.com/bad", () => new Response("<html>"));
    const request = requestWith(change);
    const error = {
      code: "invalid_request",
      field,
      message: expect.stringContaining(`${field} is of no known format`),
    };
    expect(await failureOf(referencesFor(request).prepare(request, spec))).toMatchObject(error);
  });
  it("a reference of a turn keeps its field name when the turn becomes part of the request", async () => {
    responses.set("https://example.com/bad", () => new Response("<html>"));
    const request = requestWith({ turns: [turn(badUrl)], references: [url("a")] });
    const joined = requestWith({ references: [badUrl, url("a")] });
    const error = { field: "turns[0].references[0]" };
    expect(await failureOf(referencesFor(request).prepare(joined, spec))).toMatchObject(error);
  });
});

function turn(...references: Reference[]) {
  return { role: "user" as const, references };
}

it("a reference that is too large for one vendor can be sent to another", async () => {
  const request = requestWith({ references: [url("a")] });
  const small = { ...spec, referenceBytes: bytes.length - 1 };
  const message = `references[0] has ${bytes.length} bytes; allowed: ${bytes.length - 1} bytes.`;
  const error = { code: "invalid_request", field: "references[0]", canFailover: true, message };
  expect(await failureOf(referencesFor(request).prepare(request, small))).toMatchObject(error);
  expect(await preparedSources(request, { ...spec, referenceBytes: bytes.length })).toHaveLength(1);
});

describe("a vendor that prefers URLs", () => {
  const stored: Reference = {
    picture: { key: "references/random/0", type: "image/webp", width: 1, height: 1, bytes: 100 },
  };
  it("an uploaded picture gets a URL of this gateway if there is a public address", async () => {
    const request = requestWith({ references: [stored] });
    const PUBLIC_URL = "https://img.example.com";
    const references = referencesFor(request, { PUBLIC_URL });
    expect((await references.prepare(request, prefersUrls)).references).toEqual([
      { url: "https://img.example.com/references/random/0", type: "image/webp" },
    ]);
    expect((await references.prepare(request, spec)).references).toEqual([stored]);
    expect((await referencesFor(request).prepare(request, prefersUrls)).references).toEqual([stored]);
  });
  it("a fetched picture gets a URL of this gateway too", async () => {
    const [fetchedUrl] = await preparedSources(requestWith({ references: [url("a")] }), prefersUrls, {
      PUBLIC_URL: "https://i.example.com",
    });
    expect(fetchedUrl).toMatch(/^https:\/\/i\.example\.com\/references\/[0-9a-z]{40}\/0$/);
    expect(await storedKeys()).toEqual([fetchedUrl?.slice("https://i.example.com/".length)]);
  });
});

describe("a reference to a picture of this gateway", () => {
  const id = newId(Date.now());
  const image = { key: `pictures/${id}/3`, type: "image/png", width: 640, height: 480, bytes: bytes.length };
  const record: StoredRecord = {
    id,
    status: "running",
    principal: "p",
    vendor: "v",
    model: "m",
    dialect: "d",
    images: [],
    warnings: [],
    attempts: [],
    createdAt: "2026-11-20T12:00:00Z",
  };
  const requestOfOwnPicture = requestWith({ references: [{ url: `${ORIGIN}/images/${id}/0.png` }] });

  it("an own picture is read from R2, also for a vendor that accepts URLs, and is kept", async () => {
    await BUCKET.put(image.key, bytes);
    await putEnd(BUCKET, { ...record, status: "succeeded", images: [image] });
    const references = referencesFor(requestOfOwnPicture);
    expect((await references.prepare(requestOfOwnPicture, { ...spec, referenceSchemes: ["http"] })).references).toEqual(
      [{ picture: image }],
    );
    await references.deleteDownloads();
    expect(await storedKeys("pictures/")).toEqual([image.key]);
    expect(fetched).toEqual([]);
  });
  it("an own picture is recognized by the public address too", async () => {
    await BUCKET.put(image.key, bytes);
    await putEnd(BUCKET, { ...record, status: "succeeded", images: [image] });
    const request = requestWith({ references: [{ url: `https://IMG.example.com:443/images/${id}/0` }] });
    expect(await preparedSources(request, spec, { PUBLIC_URL: "https://img.example.com" })).toEqual([image.key]);
    expect(await preparedSources(request, spec)).not.toEqual([image.key]);
    expect(fetched).toEqual([`https://img.example.com/images/${id}/0`]);
  });
  it("an own picture that is still being generated is refused", async () => {
    await putStart(BUCKET, record);
    const error = { code: "invalid_request", message: "references[0] is still being drawn." };
    expect(await failureOf(referencesFor(requestOfOwnPicture).prepare(requestOfOwnPicture, spec))).toMatchObject(error);
  });
});

it("a reference is fetched past every cache: it is the picture that the URL has now", async () => {
  const request = requestWith({ references: [url("a")] });
  await referencesFor(request).prepare(request, spec);
  expect(cacheModes).toEqual(["no-store"]);
});
