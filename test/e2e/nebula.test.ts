import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HTML_PAGE, jpeg, png, sha256, startNebula, startStranger, webp } from "../sim/index.ts";
import type { NebulaBehaviour, Picture } from "../sim/index.ts";
import { hashOf, jsonOf, lastBody, startStage, warningsOf } from "./stage.ts";
import type { Stage } from "./stage.ts";

const PATH = "/nebula/v1/images/generations";
const KEY = "nb-key-of-the-operator";
const model = "gemini-2.5-flash-image-preview";

let stage: Stage;
let nebula: Awaited<ReturnType<typeof startNebula>>;
let stranger: Awaited<ReturnType<typeof startStranger>>;
beforeAll(async () => {
  nebula = await startNebula({ key: KEY });
  stranger = await startStranger();
  const vars = { NEBULA_API_KEY: KEY, NEBULA_BASE_URL: nebula.origin, TRUSTED_HOSTS: stranger.host };
  stage = await startStage({ vendors: [], vars });
});
beforeEach(() => [stage, nebula, stranger].forEach((server) => server.reset()));
afterAll(() => Promise.all([stage, nebula, stranger].map((server) => server.stop())));

interface ImagesResponse {
  code: number;
  msg: string;
  data: { data: { url: string; b64_json: string; revised_prompt: string }[]; created: number };
}

const generate = (body: object | string) => stage.post(PATH, body);
const lastVendorRequest = () => lastBody(nebula.generations());
const dataUri = ({ bytes, type }: Picture) => `data:${type};base64,${bytes.toString("base64")}`;
const seen = ({ sha256, bytes, type }: Picture) => ({ image: { sha256, bytes: bytes.length, type } });
const CAT = { model, prompt: "一只可爱的橙色小猫坐在花园里,阳光明媚,高质量摄影" };

const photo = png({ bytes: 90_000, seed: 3 });
const tower = jpeg(4);
const FROM_PICTURE = { text: "根据这张图帮我生成一张俯瞰广州塔的图片" };
/** A picture of a type that no vendor accepts. */
const GIF = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const DRAWN = { text: "已为您生成1张图片" };
const SNOW = { text: "把景色换成夜色下雪的场景" };

/** The requests in Nebula's document, with pictures where it omits them, and the fields that the vendor must get. */
const SAMPLES: [name: string, fields: object, expected: object][] = [
  ["文生图", { prompt: CAT.prompt }, { prompt: CAT.prompt }],
  [
    "图生图",
    { contents: [{ role: "user", parts: [FROM_PICTURE, { image: dataUri(photo) }] }] },
    { contents: [{ role: "user", parts: [FROM_PICTURE, seen(photo)] }] },
  ],
  [
    "上下文对话",
    {
      contents: [
        { role: "user", parts: [FROM_PICTURE, { image: dataUri(photo) }] },
        { role: "model", parts: [DRAWN, { image: dataUri(tower) }] },
        { role: "user", parts: [SNOW] },
      ],
    },
    {
      contents: [
        { role: "user", parts: [FROM_PICTURE, seen(photo)] },
        { role: "model", parts: [DRAWN, seen(tower)] },
        { role: "user", parts: [SNOW] },
      ],
    },
  ],
];

describe("the requests in Nebula's document", () => {
  it.each(SAMPLES)(
    "the document's example %s is sent to Nebula, and the response has its format",
    async (_, fields, expected) => {
      const picture = webp();
      nebula.next({ pictures: [picture] });
      const answer = await generate({ model, response_format: "b64_json", ...fields });
      expect(answer.status).toBe(200);
      expect(lastVendorRequest()).toEqual({ model, response_format: "b64_json", ...expected });
      expect(answer.headers.get("easel-vendor")).toBe("nebula");
      expect(warningsOf(answer)).toEqual([]);
      const { code, msg, data } = await jsonOf<ImagesResponse>(answer);
      expect({ code, msg }).toEqual({ code: 200, msg: "操作成功" });
      expect(Math.abs(data.created - Date.now() / 1000)).toBeLessThan(60);
      expect(data.data).toEqual([{ url: "", b64_json: picture.bytes.toString("base64"), revised_prompt: "" }]);
      expect(await stage.keys("references/")).toEqual([]);
    },
  );

  it("the response has a URL unless another format is requested", async () => {
    for (const fields of [{}, { response_format: "url" }, { response_format: null }]) {
      const picture = png({ seed: 8 });
      nebula.next({ pictures: [picture] });
      const answer = await generate({ ...CAT, ...fields });
      const url = `${stage.easel.url}/images/${answer.headers.get("easel-generation")}/0`;
      expect((await jsonOf<ImagesResponse>(answer)).data.data).toEqual([{ url, b64_json: "", revised_prompt: "" }]);
      expect(await hashOf(stage.easel.fetch(url))).toBe(picture.sha256);
    }
  });

  it("the sandbox serves all examples without a vendor's API key", async () => {
    const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      for (const [, fields] of SAMPLES) {
        const answer = await sandbox.post(PATH, { model, response_format: "b64_json", ...fields });
        expect(answer.status).toBe(200);
        expect(answer.headers.get("easel-vendor")).toBe("sandbox");
        const id = answer.headers.get("easel-generation") ?? "";
        const [image] = (await jsonOf<ImagesResponse>(answer)).data.data;
        const stored = await hashOf(sandbox.easel.fetch(`/images/${id}/0`));
        expect(sha256(Buffer.from(image?.b64_json ?? "", "base64"))).toBe(stored);
      }
    } finally {
      await sandbox.stop();
    }
  });
});

describe("other requests in Nebula's dialect", () => {
  it("a picture at a URL is sent to the vendor as a data URI, wherever it is in the conversation", async () => {
    stranger.always({ body: photo.bytes, type: "image/png", contentLength: "exact" });
    const image = `http://${stranger.host}/photo.png`;
    const contents = [
      { role: "user", parts: [FROM_PICTURE, { image }] },
      { role: "model", parts: [{ image: dataUri(tower) }] },
      { role: "user", parts: [{ image }, SNOW] },
    ];
    const answer = await generate({ model, contents });
    expect(await jsonOf(answer)).toMatchObject({ code: 200 });
    expect(lastVendorRequest()["contents"]).toEqual([
      { role: "user", parts: [FROM_PICTURE, seen(photo)] },
      { role: "model", parts: [seen(tower)] },
      { role: "user", parts: [SNOW, seen(photo)] },
    ]);
    expect(stranger.got(KEY)).toBe(false);
  });

  it("a prompt equal to the text in contents is accepted, for clients that always send one", async () => {
    const [, { contents }] = SAMPLES[1] as unknown as [string, { contents: object[] }];
    expect((await generate({ model, prompt: FROM_PICTURE.text, contents })).status).toBe(200);
    expect(lastVendorRequest()).toEqual({ model, response_format: "b64_json", ...SAMPLES[1]?.[2] });
  });

  it("fields that the vendor does not support are dropped with a warning, and n is served by several calls", async () => {
    const answer = await generate({ ...CAT, size: "16:9", quality: "high", n: 2 });
    expect((await jsonOf<ImagesResponse>(answer)).data.data).toHaveLength(2);
    expect(nebula.generations().map(({ body }) => body)).toEqual(
      [1, 2].map(() => ({ ...CAT, response_format: "b64_json" })),
    );
    expect(warningsOf(answer)).toEqual([
      "quality is not a field here and was ignored",
      expect.stringMatching(/^size 16:9 was left out/),
    ]);
  });

  it.each<[string, NebulaBehaviour]>([
    ["behind a URL", { carrier: "url" }],
    ["behind a URL and as base64", { carrier: "both" }],
    ["without the envelope", { flat: true }],
  ])("a picture in Nebula's response %s is read", async (_, how) => {
    nebula.next({ pictures: [tower], ...how });
    const { data } = await jsonOf<ImagesResponse>(generate({ ...CAT, response_format: "b64_json" }));
    expect(data.data.map(({ b64_json }) => sha256(Buffer.from(b64_json, "base64")))).toEqual([tower.sha256]);
    for (const { path, headers } of nebula.seen)
      if (path.startsWith("/cdn/")) expect(JSON.stringify(headers)).not.toContain(KEY);
  });
});

describe("errors in Nebula's dialect", () => {
  const user = (...parts: object[]) => ({ role: "user", parts });
  const conversation = (...contents: object[]) => ({ model, contents });
  const six = Array.from({ length: 6 }, (_, i) => ({ image: dataUri(jpeg(i)) }));
  const large = { image: dataUri(png({ bytes: 7 * 1024 * 1024 + 1 })) };
  const cases: [message: RegExp, requestBody: object | string][] = [
    [/not valid JSON/, "{"],
    [/^model is required/, { prompt: "a cat" }],
    [/^prompt must not be empty where contents is left out/, { model }],
    [/^prompt must not be empty where contents is left out/, { model, contents: [], prompt: " " }],
    [/^The model dall-e-3 is not known/, { ...CAT, model: "dall-e-3" }],
    [/^response_format must be one of url, b64_json/, { ...CAT, response_format: "png" }],
    [/^size must be one of a ratio as in 16:9, /, { ...CAT, size: "big" }],
    [/^contents must be an array/, { model, contents: "a cat" }],
    [/^contents\[0\]\.role must be one of user, model/, conversation({ role: "assistant", parts: [SNOW] })],
    [/^contents\[1\]\.role must be user/, conversation(user(SNOW), { role: "model", parts: [DRAWN] })],
    [/^contents\[0\]\.parts must have a text/, conversation(user({ image: dataUri(tower) }))],
    [
      /^contents\[0\]\.parts\[1\]\.inlineData is not a field here; a part has text or image/,
      conversation(user(SNOW, { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } })),
    ],
    [/^contents\[0\]\.parts\[1\]\.image must be .*not image\/gif/, conversation(user(SNOW, { image: GIF }))],
    [/^contents\[0\]\.parts\[1\]\.image must be /, conversation(user(SNOW, { image: "gs://a/b.png" }))],
    [/^contents\[\]\.parts\[\]\.image has 6 pictures; .* at most 5 here/, conversation(user(SNOW, ...six))],
    [/^contents\[0\]\.parts\[1\]\.image has 7340033 bytes; .*7340032/, conversation(user(SNOW, large))],
  ];
  it.each(cases)("an invalid request is rejected with %s before Nebula is called", async (message, requestBody) => {
    const answer = await generate(requestBody);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ code: 400, msg: expect.stringMatching(message) as string, data: null });
    expect(nebula.seen).toEqual([]);
    expect(await stage.keys("references/")).toEqual([]);
  });

  it("a wrong API key responds 401 in the dialect's format", async () => {
    const answer = await stage.post(PATH, CAT, { authorization: "Bearer wrong" });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({ code: 401, msg: expect.stringMatching(/key/i) as string, data: null });
  });

  const failures: [name: string, how: NebulaBehaviour, status: number][] = [
    ["400", { status: 400, error: { message: "Invalid parameter" } }, 400],
    ["400 in a 200", { status: 200, error: { code: 400, message: "Invalid parameter" } }, 400],
    ["400 from moderation", { status: 400, error: { message: "内容审核不通过" } }, 400],
    ["401", { status: 401, error: {} }, 500],
    ["429", { status: 429, error: {}, headers: { "retry-after": "7" } }, 429],
    ["429 in a 200", { status: 200, error: { code: 429, message: "请求频率过高" } }, 429],
    ["500", { status: 500, error: {} }, 500],
    ["HTML in a 200", { body: HTML_PAGE, type: "text/html" }, 500],
    ["HTML in a 502", { status: 502, body: HTML_PAGE, type: "text/html" }, 500],
    ["an empty list", { pictures: [] }, 500],
    ["empty fields in a picture", { body: '{"code":200,"msg":"","data":{"data":[{"url":"","b64_json":""}]}}' }, 500],
  ];
  it.each(failures)("Nebula responding with %s becomes an error of the dialect", async (_, how, status) => {
    nebula.always(how);
    const answer = await generate(CAT);
    expect(answer.status).toBe(status);
    const body = await jsonOf<ImagesResponse>(answer);
    expect(body).toEqual({
      code: status,
      msg: expect.stringMatching(/^nebula|^The request was refused/) as string,
      data: null,
    });
    if (how.headers !== undefined) expect(answer.headers.get("retry-after")).toBe("7");
  });

  it("an error repeats the vendor's message without the operator's API key", async () => {
    nebula.always({ echoKey: true, error: { message: "服务器内部错误" } });
    const text = await (await generate(CAT)).text();
    expect(text).toContain("服务器内部错误");
    expect(text).not.toContain(KEY);
  });
});
