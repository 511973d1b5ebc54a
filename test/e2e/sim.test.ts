import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jpeg, png, sha256, startLinkAI, startListenHub, typeOf, webp } from "../sim/index.ts";
import type { LinkAI, ListenHubBehaviour, Picture, Sim } from "../sim/index.ts";

let listenhub: Sim<ListenHubBehaviour>;
let linkai: LinkAI;

beforeAll(async () => {
  listenhub = await startListenHub();
  linkai = await startLinkAI();
});
beforeEach(() => {
  listenhub.reset();
  linkai.reset();
});
afterAll(() => Promise.all([listenhub.stop(), linkai.stop()]));

function post(url: string, key: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}
const postToListenHub = (body: unknown, key = "lh-key") =>
  post(`${listenhub.origin}/openapi/v1/images/generation`, key, body);
const postToLinkAI = (body: unknown, key = "la-key") => post(`${linkai.origin}/v1/images/generations`, key, body);
const statusOf = async (answer: Promise<Response>): Promise<number> => {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
};

describe("generated test pictures", () => {
  it.each([84, 96, 1_000, 65_536, 5_242_881, 24_000_000])("png returns a PNG of exactly %i bytes", (bytes) => {
    const picture = png({ bytes });
    expect(picture.bytes.length).toBe(bytes);
    expect(picture.sha256).toBe(sha256(picture.bytes));
    expect([picture.bytes.readUInt32BE(16), picture.bytes.readUInt32BE(20)]).toEqual([picture.width, picture.height]);
  });
  it("a small PNG has the requested width and height", () => {
    expect(png({ bytes: 50_000, width: 2048, height: 1152 })).toMatchObject({ width: 2048, height: 1152 });
    expect(png({ bytes: 50_000, width: 2048, height: 1152 }).bytes.length).toBe(50_000);
  });
  it("a PNG depends on its seed only", () => {
    expect(png({ seed: 1 }).sha256).toBe(png({ seed: 1 }).sha256);
    expect(png({ seed: 1 }).sha256).not.toBe(png({ seed: 2 }).sha256);
  });
  it("each picture's bytes have its declared type", () => {
    for (const picture of [png(), jpeg(), jpeg(3), webp()]) expect(typeOf(picture.bytes)).toBe(picture.type);
  });
});

describe("the simulated ListenHub", () => {
  const file = { fileData: { fileUri: "https://example.com/my-photo.jpg", mimeType: "image/jpeg" } };
  const inline = (picture: Picture, mimeType: string = picture.type) => ({
    inlineData: { data: picture.bytes.toString("base64"), mimeType },
  });
  const requestWith = (more: object = {}) => ({ provider: "google", prompt: "a cat", ...more });

  it("ListenHub accepts the document's examples", async () => {
    const config = { aspectRatio: "16:9", imageSize: "2K" };
    expect(await statusOf(postToListenHub(requestWith({ imageConfig: config })))).toBe(200);
    expect(await statusOf(postToListenHub(requestWith({ referenceImages: [file], imageConfig: config })))).toBe(200);
    expect(await statusOf(postToListenHub(requestWith({ referenceImages: [inline(png())] })))).toBe(200);
  });

  it("ListenHub responds with Gemini's JSON with the picture in the first part", async () => {
    const picture = png({ bytes: 3_000 });
    listenhub.next({ pictures: [picture] });
    const answer = (await (await postToListenHub(requestWith())).json()) as GeminiLike;
    const part = answer.candidates[0]?.content.parts[0]?.inlineData;
    expect(part).toEqual({ mimeType: "image/png", data: picture.bytes.toString("base64") });
  });

  it("ListenHub records requests with references as hashes", async () => {
    const picture = webp();
    await statusOf(postToListenHub(requestWith({ referenceImages: [inline(picture)] })));
    expect(listenhub.seen).toHaveLength(1);
    expect(listenhub.seen[0]).toMatchObject({
      headers: { authorization: "Bearer lh-key" },
      body: { referenceImages: [{ inlineData: { data: { sha256: picture.sha256, bytes: 102, type: "image/webp" } } }] },
      status: 200,
      aborted: false,
    });
  });

  const invalidRequests: [string, unknown, number?][] = [
    ["no JSON", "{", 400],
    ["an unknown field", requestWith({ seed: 1 })],
    ["an unknown field in imageConfig", requestWith({ imageConfig: { quality: "hd" } })],
    ["a number for the prompt", requestWith({ prompt: 1 })],
    ["no provider", { prompt: "a cat" }],
    ["another provider", requestWith({ provider: "openai" })],
    ["a model of another name", requestWith({ model: "gemini-3-pro-image" })],
    ["a ratio of the other model", requestWith({ imageConfig: { aspectRatio: "1:4" } })],
    ["a ratio of none", requestWith({ model: "gemini-3.1-flash-image-preview", imageConfig: { aspectRatio: "4:5" } })],
    ["a size in lower case", requestWith({ imageConfig: { imageSize: "2k" } })],
    ["15 references", requestWith({ referenceImages: Array.from({ length: 15 }, () => file) })],
    ["both kinds in one reference", requestWith({ referenceImages: [{ ...file, ...inline(png()) }] })],
    ["neither kind in a reference", requestWith({ referenceImages: [{}] })],
    ["a GIF", requestWith({ referenceImages: [inline(png(), "image/gif")] })],
    ["a PNG called JPEG", requestWith({ referenceImages: [inline(png(), "image/jpeg")] })],
    [
      "a data URI for data",
      requestWith({
        referenceImages: [{ inlineData: { data: "data:image/png;base64,iVBORw0KGgo=", mimeType: "image/png" } }],
      }),
    ],
    ["url-safe base64", requestWith({ referenceImages: [{ inlineData: { data: "_-8=", mimeType: "image/jpeg" } }] })],
    [
      "an ftp URL",
      requestWith({ referenceImages: [{ fileData: { fileUri: "ftp://a/b.png", mimeType: "image/png" } }] }),
    ],
  ];
  it.each(invalidRequests)("ListenHub rejects %s", async (_, body) => {
    const response = await postToListenHub(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: 29003, message: expect.any(String), request_id: expect.any(String) });
    expect(listenhub.seen[0]?.refused).toBeDefined();
  });

  it("ListenHub accepts the flash model's ratios and 14 references", async () => {
    const model = "gemini-3.1-flash-image-preview";
    const body = requestWith({
      model,
      imageConfig: { aspectRatio: "8:1" },
      referenceImages: Array.from({ length: 14 }, () => file),
    });
    expect(await statusOf(postToListenHub(body))).toBe(200);
  });

  it("ListenHub rejects a wrong key without using up a configured behaviour", async () => {
    listenhub.next({ status: 402, error: {} });
    expect(await statusOf(postToListenHub(requestWith(), "other"))).toBe(401);
    expect(await statusOf(postToListenHub(requestWith()))).toBe(402);
    expect(await statusOf(postToListenHub(requestWith()))).toBe(200);
  });
});

describe("the simulated LinkAI", () => {
  const requestWith = (more: object = {}) => ({ model: "gpt-image-2", prompt: "一只狐狸", ...more });

  it("LinkAI accepts the document's examples and its CDN serves the picture", async () => {
    const picture = png({ bytes: 9_999 });
    linkai.next({ pictures: [picture] });
    const answer = (await (await postToLinkAI(requestWith({ size: "2K", aspect_ratio: "16:9" }))).json()) as {
      data: { url: string }[];
    };
    const url = answer.data[0]?.url ?? "";
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/cdn\/[\w-]+\.png$/);
    const response = await fetch(url);
    expect(response.headers.get("content-length")).toBe("9999");
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(picture.sha256);
    expect(linkai.generations()).toHaveLength(1);
    expect(linkai.downloads()).toHaveLength(1);

    const images = [
      "https://cdn.link-ai.tech/user/generate/eaf7c477.png",
      `data:image/png;base64,${png().bytes.toString("base64")}`,
    ];
    expect(await statusOf(postToLinkAI(requestWith({ images })))).toBe(200);
    expect(linkai.seen.at(-1)?.body).toMatchObject({ images: [images[0], { sha256: png().sha256, bytes: 1024 }] });
  });

  const invalidRequests: [string, number, object][] = [
    ["an unknown field", 400, requestWith({ n: 1 })],
    ["an empty prompt", 400, requestWith({ prompt: " " })],
    ["an unknown model", 402, requestWith({ model: "dall-e-3" })],
    ["a tier of no model", 400, requestWith({ size: "3K" })],
    ["a tier in pixels", 400, requestWith({ size: "1024x1024" })],
    ["a ratio gpt-image-2 lacks", 400, requestWith({ aspect_ratio: "4:3" })],
    ["a tier Seedream lacks", 400, requestWith({ model: "doubao-seedream-4.5", size: "1K" })],
    ["a quality of no model", 400, requestWith({ quality: "hd" })],
    ["b64_json", 400, requestWith({ response_format: "b64_json" })],
    ["16 images", 400, requestWith({ images: Array(16).fill("https://example.com/a.jpg") })],
    [
      "4 images for Gemini",
      400,
      requestWith({ model: "gemini-2.5-flash-image", images: Array(4).fill("https://example.com/a.jpg") }),
    ],
    ["bare base64", 400, requestWith({ images: [png().bytes.toString("base64")] })],
    [
      "a data URI that lies",
      400,
      requestWith({ images: [`data:image/webp;base64,${png().bytes.toString("base64")}`] }),
    ],
  ];
  it.each(invalidRequests)("LinkAI rejects %s with %i", async (_, code, body) => {
    const response = await postToLinkAI(body);
    expect(response.status).toBe(code);
    expect(await response.json()).toEqual({ error: { message: expect.any(String), type: "invalid_request_error" } });
  });

  it("LinkAI rejects a wrong key", async () => {
    expect(await statusOf(postToLinkAI(requestWith(), "other"))).toBe(401);
  });

  it("LinkAI ignores fields that a model does not have and records their names", async () => {
    expect(
      await statusOf(postToLinkAI(requestWith({ model: "gemini-2.5-flash-image", size: "8K", quality: "hd" }))),
    ).toBe(200);
    expect(linkai.seen[0]?.ignored).toEqual(["size", "quality"]);
  });
});

interface GeminiLike {
  candidates: { content: { parts: { inlineData?: { mimeType: string; data: string } }[] } }[];
}
