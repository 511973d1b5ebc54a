import { describe, expect, it } from "vitest";
import { jpeg, png, sha256, webp } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { writeGemini } from "../sim/gemini.ts";
import { ADMIN, CAT, lastBody, LISTENHUB_KEY, LISTENHUB_PATH, PRO, readResponse, staged } from "./stage.ts";

const stage = staged({ vendors: ["listenhub"] });

const inline = (picture: Picture) => ({
  inlineData: { data: picture.bytes.toString("base64"), mimeType: picture.type },
});
const seen = ({ sha256, bytes, type }: Picture) => ({
  inlineData: { data: { sha256, bytes: bytes.length, type }, mimeType: type },
});
const file = (n: number) => ({ fileData: { fileUri: `https://example.com/photo-${n}.jpg`, mimeType: "image/jpeg" } });

interface InlineData {
  data: string;
  mimeType: string;
}

/** The requests printed in ListenHub's document, and the body that ListenHub must get for each. */
const reference = png({ bytes: 40_000 });
const EXAMPLES: [name: string, body: object, expected: object][] = [
  [
    "基础生成",
    {
      provider: "google",
      prompt: "宁静的山间日落景色,湖面倒映着晚霞",
      imageConfig: { aspectRatio: "16:9", imageSize: "2K" },
    },
    {
      provider: "google",
      model: PRO,
      prompt: "宁静的山间日落景色,湖面倒映着晚霞",
      imageConfig: { aspectRatio: "16:9", imageSize: "2K" },
    },
  ],
  [
    "使用图片 URL",
    {
      provider: "google",
      prompt: "将这个场景转换为水彩画风格",
      referenceImages: [{ fileData: { fileUri: "https://example.com/my-photo.jpg", mimeType: "image/jpeg" } }],
      imageConfig: { aspectRatio: "1:1", imageSize: "2K" },
    },
    {
      provider: "google",
      model: PRO,
      prompt: "将这个场景转换为水彩画风格",
      referenceImages: [{ fileData: { fileUri: "https://example.com/my-photo.jpg", mimeType: "image/jpeg" } }],
      imageConfig: { aspectRatio: "1:1", imageSize: "2K" },
    },
  ],
  [
    "使用 Base64 编码数据",
    { provider: "google", prompt: "将这张人像照片转换为卡通风格", referenceImages: [inline(reference)] },
    {
      provider: "google",
      model: PRO,
      prompt: "将这张人像照片转换为卡通风格",
      referenceImages: [seen(reference)],
      imageConfig: { imageSize: "2K" },
    },
  ],
];

const PATHS = ["/openapi/v1/images/generation", "/v1/images/generation"].flatMap((path) => [path, `/listenhub${path}`]);

describe.each(PATHS)("ListenHub's dialect at %s", (path) => {
  it.each(EXAMPLES)(
    "the document's example %s is sent to ListenHub and its response is returned",
    async (_, body, expected) => {
      const picture = png({ bytes: 30_000 });
      const how = { pictures: [picture] };
      stage.listenhub.next(how);
      const answer = await readResponse(stage.post(path, body));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.sha256).toBe(sha256(writeGemini(how)));
      // Every sample of the document reads the picture this way.
      const data = answer.json as unknown as { candidates: { content: { parts: { inlineData: InlineData }[] } }[] };
      const part = data.candidates[0]?.content.parts[0]?.inlineData;
      expect(sha256(Buffer.from(part?.data ?? "", "base64"))).toBe(picture.sha256);
      expect(part?.mimeType).toBe("image/png");

      expect(stage.listenhub.seen).toHaveLength(1);
      expect(stage.listenhub.seen[0]?.refused).toBeUndefined();
      expect(stage.listenhub.seen[0]?.body).toEqual(expected);
      expect(stage.listenhub.seen[0]?.headers).toMatchObject({ authorization: `Bearer ${LISTENHUB_KEY}` });
    },
  );
});

it("14 references, URLs and pictures mixed, are sent in order and byte for byte", async () => {
  const pictures = [
    png({ bytes: 3_000_001 }),
    jpeg(1),
    webp(),
    png({ seed: 2 }),
    jpeg(2),
    png({ bytes: 65_537 }),
    jpeg(3),
  ];
  const mixed = pictures.flatMap((picture, n) => [inline(picture), file(n)]);
  const answer = await stage.draw({ ...CAT, referenceImages: mixed });
  expect(answer.status).toBe(200);
  expect(stage.listenhub.seen[0]?.refused).toBeUndefined();
  const expected = pictures.flatMap((picture, n) => [seen(picture), file(n)]);
  expect(lastBody(stage.listenhub.seen)["referenceImages"]).toEqual(expected);
  // The references are deleted after the call.
  await expect.poll(() => stage.keys("references/")).toEqual([]);
});

it("http and gs URLs are sent to ListenHub with their types", async () => {
  const referenceImages = [
    { fileData: { fileUri: "http://example.com/a.png?x=1", mimeType: "image/png" } },
    { fileData: { fileUri: "gs://bucket/a.webp", mimeType: "image/webp" } },
  ];
  expect((await stage.draw({ ...CAT, referenceImages })).status).toBe(200);
  expect(stage.listenhub.seen[0]?.body).toMatchObject({ referenceImages });
});

it("null is accepted for optional fields, and provider has a default", async () => {
  const body = { prompt: "a cat", provider: null, model: null, referenceImages: null, imageConfig: null };
  expect((await stage.draw(body)).status).toBe(200);
  expect(stage.listenhub.seen[0]?.body).toEqual({ ...CAT, model: PRO, imageConfig: { imageSize: "2K" } });
});

it("a prompt is sent unchanged: emoji, CRLF, control characters, quotes, a lone surrogate [fault 32]", async () => {
  const prompt = 'a\r\nSet-Cookie: x=1\r\n\r\n\u0000\u0007"\\ 🦊 \u2028 é 宁静';
  const answer = await stage.draw({ ...CAT, prompt });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(lastBody(stage.listenhub.seen)["prompt"]).toBe(prompt);
  expect((await stage.draw('{"provider":"google","prompt":"half \\ud83d pair"}')).status).toBe(200);
});

it("unknown fields are dropped with warnings in ASCII [fault 32]", async () => {
  const answer = await stage.draw({ ...CAT, "种子\r\nx": 7, imageConfig: { imageSize: "1K", quality: "hd" } });
  expect(answer.status).toBe(200);
  const header = answer.headers.get("easel-warnings") ?? "";
  expect(header).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(header)).toEqual([
    "种子\r\nx is not a field here and was ignored",
    "imageConfig.quality is not a field here and was ignored",
  ]);
  expect(stage.listenhub.seen[0]?.body).toEqual({ ...CAT, model: PRO, imageConfig: { imageSize: "1K" } });
});

it("response headers name the generation, vendor, model and remaining rate limit", async () => {
  const { headers } = await stage.draw();
  expect(headers.get("easel-generation")).toMatch(/^[0-9a-z]{40}$/);
  expect(headers.get("easel-vendor")).toBe("listenhub");
  expect(headers.get("easel-model")).toBe(PRO);
  expect(headers.get("x-request-id")).toBeTruthy();
  expect(headers.get("ratelimit")).toBeTruthy();
  expect(headers.get("ratelimit-policy")).toBeTruthy();
});

it("the API key is accepted with or without Bearer, and any other value is rejected", async () => {
  const status = async (authorization: string) => {
    const answer = await readResponse(stage.post(LISTENHUB_PATH, CAT, { authorization }));
    return [answer.status, answer.status === 200 ? undefined : answer.json["code"]];
  };
  expect(await status(`Bearer ${ADMIN}`)).toEqual([200, undefined]);
  expect(await status(ADMIN)).toEqual([200, undefined]);
  expect(await status(`bearer  ${ADMIN}`)).toEqual([200, undefined]);
  expect(stage.listenhub.seen).toHaveLength(3);
  for (const invalid of [
    "",
    "Bearer",
    "Bearer ",
    `Bearer ${ADMIN}x`,
    ADMIN.slice(0, -1),
    LISTENHUB_KEY,
    `Basic ${ADMIN}`,
  ]) {
    expect(await status(invalid)).toEqual([401, 21007]);
  }
  expect(stage.listenhub.seen).toHaveLength(3);
});
