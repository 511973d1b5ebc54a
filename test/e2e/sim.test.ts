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
const toListenHub = (body: unknown, key = "lh-key") =>
  post(`${listenhub.origin}/openapi/v1/images/generation`, key, body);
const toLinkAI = (body: unknown, key = "la-key") => post(`${linkai.origin}/v1/images/generations`, key, body);
const status = async (answer: Promise<Response>): Promise<number> => {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
};

describe("pictures", () => {
  it.each([84, 96, 1_000, 65_536, 5_242_881, 24_000_000])("a PNG of exactly %i bytes", (bytes) => {
    const picture = png({ bytes });
    expect(picture.bytes.length).toBe(bytes);
    expect(picture.sha256).toBe(sha256(picture.bytes));
    expect([picture.bytes.readUInt32BE(16), picture.bytes.readUInt32BE(20)]).toEqual([picture.width, picture.height]);
  });
  it("has the sides it is told, however few its bytes", () => {
    expect(png({ bytes: 50_000, width: 2048, height: 1152 })).toMatchObject({ width: 2048, height: 1152 });
    expect(png({ bytes: 50_000, width: 2048, height: 1152 }).bytes.length).toBe(50_000);
  });
  it("differs by seed and by nothing else", () => {
    expect(png({ seed: 1 }).sha256).toBe(png({ seed: 1 }).sha256);
    expect(png({ seed: 1 }).sha256).not.toBe(png({ seed: 2 }).sha256);
  });
  it("comes as each type", () => {
    for (const picture of [png(), jpeg(), jpeg(3), webp()]) expect(typeOf(picture.bytes)).toBe(picture.type);
  });
});

describe("ListenHub", () => {
  const file = { fileData: { fileUri: "https://example.com/my-photo.jpg", mimeType: "image/jpeg" } };
  const inline = (picture: Picture, mimeType: string = picture.type) => ({
    inlineData: { data: picture.bytes.toString("base64"), mimeType },
  });
  const ask = (more: object = {}) => ({ provider: "google", prompt: "a cat", ...more });

  it("takes the document's examples", async () => {
    const config = { aspectRatio: "16:9", imageSize: "2K" };
    expect(await status(toListenHub(ask({ imageConfig: config })))).toBe(200);
    expect(await status(toListenHub(ask({ referenceImages: [file], imageConfig: config })))).toBe(200);
    expect(await status(toListenHub(ask({ referenceImages: [inline(png())] })))).toBe(200);
  });

  it("answers Gemini's JSON, picture in the first part", async () => {
    const picture = png({ bytes: 3_000 });
    listenhub.next({ pictures: [picture] });
    const answer = (await (await toListenHub(ask())).json()) as GeminiLike;
    const part = answer.candidates[0]?.content.parts[0]?.inlineData;
    expect(part).toEqual({ mimeType: "image/png", data: picture.bytes.toString("base64") });
  });

  it("records what came, references by hash", async () => {
    const picture = webp();
    await status(toListenHub(ask({ referenceImages: [inline(picture)] })));
    expect(listenhub.seen).toHaveLength(1);
    expect(listenhub.seen[0]).toMatchObject({
      headers: { authorization: "Bearer lh-key" },
      body: { referenceImages: [{ inlineData: { data: { sha256: picture.sha256, bytes: 102, type: "image/webp" } } }] },
      status: 200,
      aborted: false,
    });
  });

  const wrong: [string, unknown, number?][] = [
    ["no JSON", "{", 400],
    ["an unknown field", ask({ seed: 1 })],
    ["an unknown field in imageConfig", ask({ imageConfig: { quality: "hd" } })],
    ["a number for the prompt", ask({ prompt: 1 })],
    ["no provider", { prompt: "a cat" }],
    ["another provider", ask({ provider: "openai" })],
    ["a model of another name", ask({ model: "gemini-3-pro-image" })],
    ["a ratio of the other model", ask({ imageConfig: { aspectRatio: "1:4" } })],
    ["a ratio of none", ask({ model: "gemini-3.1-flash-image-preview", imageConfig: { aspectRatio: "4:5" } })],
    ["a size in lower case", ask({ imageConfig: { imageSize: "2k" } })],
    ["15 references", ask({ referenceImages: Array.from({ length: 15 }, () => file) })],
    ["both kinds in one reference", ask({ referenceImages: [{ ...file, ...inline(png()) }] })],
    ["neither kind in a reference", ask({ referenceImages: [{}] })],
    ["a GIF", ask({ referenceImages: [inline(png(), "image/gif")] })],
    ["a PNG called JPEG", ask({ referenceImages: [inline(png(), "image/jpeg")] })],
    [
      "a data URI for data",
      ask({ referenceImages: [{ inlineData: { data: "data:image/png;base64,iVBORw0KGgo=", mimeType: "image/png" } }] }),
    ],
    ["url-safe base64", ask({ referenceImages: [{ inlineData: { data: "_-8=", mimeType: "image/jpeg" } }] })],
    ["an ftp URL", ask({ referenceImages: [{ fileData: { fileUri: "ftp://a/b.png", mimeType: "image/png" } }] })],
  ];
  it.each(wrong)("refuses %s", async (_, body) => {
    const response = await toListenHub(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: 29003, message: expect.any(String), request_id: expect.any(String) });
    expect(listenhub.seen[0]?.refused).toBeDefined();
  });

  it("takes the flash model's own ratios, and 14 references", async () => {
    const model = "gemini-3.1-flash-image-preview";
    const body = ask({
      model,
      imageConfig: { aspectRatio: "8:1" },
      referenceImages: Array.from({ length: 14 }, () => file),
    });
    expect(await status(toListenHub(body))).toBe(200);
  });

  it("refuses a wrong key, and uses no behaviour up for it", async () => {
    listenhub.next({ status: 402, error: {} });
    expect(await status(toListenHub(ask(), "other"))).toBe(401);
    expect(await status(toListenHub(ask()))).toBe(402);
    expect(await status(toListenHub(ask()))).toBe(200);
  });
});

describe("LinkAI", () => {
  const ask = (more: object = {}) => ({ model: "gpt-image-2", prompt: "一只狐狸", ...more });

  it("takes the document's examples, and its CDN has the picture", async () => {
    const picture = png({ bytes: 9_999 });
    linkai.next({ pictures: [picture] });
    const answer = (await (await toLinkAI(ask({ size: "2K", aspect_ratio: "16:9" }))).json()) as {
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
    expect(await status(toLinkAI(ask({ images })))).toBe(200);
    expect(linkai.seen.at(-1)?.body).toMatchObject({ images: [images[0], { sha256: png().sha256, bytes: 1024 }] });
  });

  const wrong: [string, number, object][] = [
    ["an unknown field", 400, ask({ n: 1 })],
    ["an empty prompt", 400, ask({ prompt: " " })],
    ["an unknown model", 402, ask({ model: "dall-e-3" })],
    ["a tier of no model", 400, ask({ size: "3K" })],
    ["a tier in pixels", 400, ask({ size: "1024x1024" })],
    ["a ratio gpt-image-2 lacks", 400, ask({ aspect_ratio: "4:3" })],
    ["a tier Seedream lacks", 400, ask({ model: "doubao-seedream-4.5", size: "1K" })],
    ["a quality of no model", 400, ask({ quality: "hd" })],
    ["b64_json", 400, ask({ response_format: "b64_json" })],
    ["16 images", 400, ask({ images: Array(16).fill("https://example.com/a.jpg") })],
    [
      "4 images for Gemini",
      400,
      ask({ model: "gemini-2.5-flash-image", images: Array(4).fill("https://example.com/a.jpg") }),
    ],
    ["bare base64", 400, ask({ images: [png().bytes.toString("base64")] })],
    ["a data URI that lies", 400, ask({ images: [`data:image/webp;base64,${png().bytes.toString("base64")}`] })],
  ];
  it.each(wrong)("refuses %s with %i", async (_, code, body) => {
    const response = await toLinkAI(body);
    expect(response.status).toBe(code);
    expect(await response.json()).toEqual({ error: { message: expect.any(String), type: "invalid_request_error" } });
  });

  it("refuses a wrong key", async () => {
    expect(await status(toLinkAI(ask(), "other"))).toBe(401);
  });

  it("ignores what a model has no field for, and tells the test", async () => {
    expect(await status(toLinkAI(ask({ model: "gemini-2.5-flash-image", size: "8K", quality: "hd" })))).toBe(200);
    expect(linkai.seen[0]?.ignored).toEqual(["size", "quality"]);
  });
});

interface GeminiLike {
  candidates: { content: { parts: { inlineData?: { mimeType: string; data: string } }[] } }[];
}
