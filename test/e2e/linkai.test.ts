import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { HTML_PAGE, png, webp } from "../sim/index.ts";
import type { LinkAIBehaviour } from "../sim/index.ts";
import { ADMIN, hashOf, jsonOf, lastBody, LINKAI_KEY, staged, warningsOf } from "./stage.ts";

const PATH = "/linkai/v1/images/generations";
const stage = staged({ cdnElsewhere: true });

interface ImagesResponse {
  data: { url: string }[];
}
interface ErrorBody {
  error: { message: string; type: string };
}

const generate = (body: object | string, headers?: Record<string, string>) => stage.post(PATH, body, headers);
const lastVendorRequest = () => lastBody(stage.linkai.generations());
const FOX = { model: "gpt-image-2", prompt: "一只在月光下奔跑的白色狐狸,水彩画风格" };
const CDN = "https://cdn.link-ai.tech/user/generate/eaf7c477-2fe5-4420-8c23-df2a27a55593.png";
const EDIT = "把背景换成雪山,整体改为油画风格";

describe("the requests in LinkAI's document", () => {
  const reference = png({ bytes: 30_000, seed: 4 });
  const dataUri = `data:image/png;base64,${reference.bytes.toString("base64")}`;
  const seen = { sha256: reference.sha256, bytes: 30_000, type: "image/png" };
  const examples: [name: string, body: object, expected: object][] = [
    ["请求示例(文生图)", { ...FOX, size: "2K", aspect_ratio: "16:9" }, { size: "2K", aspect_ratio: "16:9" }],
    [
      "请求示例(图生图,URL 输入)",
      { model: "gpt-image-2", prompt: EDIT, images: [CDN] },
      { images: [CDN], size: "2K", aspect_ratio: "16:9" },
    ],
    [
      "请求示例(图生图,base64 输入)",
      { model: "gpt-image-2", prompt: EDIT, images: [dataUri] },
      { images: [seen], size: "2K", aspect_ratio: "16:9" },
    ],
    [
      "CURL 请求, 图生图",
      { model: "gemini-3.1-flash-image-preview", prompt: EDIT, images: [CDN] },
      { images: [CDN], size: "1K" },
    ],
  ];
  it.each(examples)(
    "the document's example %s is sent to LinkAI and its picture is served",
    async (_, body, expected) => {
      const picture = webp();
      stage.linkai.next({ pictures: [picture] });
      const answer = await generate(body);
      expect(answer.status).toBe(200);
      const { model, prompt } = body as typeof FOX;
      expect(lastVendorRequest()).toEqual({ model, prompt, response_format: "url", ...expected });
      const id = answer.headers.get("easel-generation");
      const response = await jsonOf<ImagesResponse>(answer);
      expect(response).toEqual({ data: [{ url: `${stage.easel.url}/images/${id}/0` }] });
      expect(await hashOf(stage.easel.fetch(response.data[0]?.url ?? ""))).toBe(picture.sha256);
    },
  );

  it("the document's example OpenAI SDK 调用 works, and the SDK does not retry a 409", async () => {
    const client = new OpenAI({ baseURL: `${stage.easel.url}/linkai/v1`, apiKey: ADMIN, maxRetries: 2 });
    const extra = { size: "2K", aspect_ratio: "16:9" } as object;
    const response = await client.images.generate({ ...FOX, ...extra });
    expect(response.data?.[0]?.url).toMatch(/\/images\/[0-9a-z]{40}\/0$/);
    // The SDK would retry a 409 by itself.
    stage.linkai.next({ status: 409, error: { message: "内容审核不通过" } });
    await expect(client.images.generate(FOX)).rejects.toBeInstanceOf(OpenAI.ConflictError);
    expect(stage.linkai.generations()).toHaveLength(2);
  });
});

describe("LinkAI's models and their defaults", () => {
  const cases: [body: Record<string, unknown>, expected: Record<string, unknown>, warnings?: string[]][] = [
    [{ model: "gpt-image-2" }, { size: "2K", aspect_ratio: "16:9" }],
    [{ model: "doubao-seedream-4.5" }, { size: "2K" }],
    [{ model: "doubao-seedream-4.0" }, { size: "2K" }],
    [{ model: "gemini-3-pro-image-preview" }, { size: "1K" }],
    [{ model: "gemini-3.1-flash-image-preview" }, { size: "1K" }],
    [{ model: "gemini-2.5-flash-image" }, {}],
    [{ model: "linkai/gpt-image-2" }, { model: "gpt-image-2", size: "2K", aspect_ratio: "16:9" }],
    [
      { model: "gemini-3.1-flash-image-preview", size: "512", aspect_ratio: "4:5" },
      { size: "512", aspect_ratio: "4:5" },
    ],
    [
      { model: "doubao-seedream-4.5", size: "4k", aspect_ratio: "21:9" },
      { size: "4K", aspect_ratio: "21:9" },
    ],
    [{ model: "doubao-seedream-4.5", aspect_ratio: "自动" }, { size: "2K" }],
    [{ model: "doubao-seedream-4.5", aspect_ratio: "auto" }, { size: "2K" }],
    [
      { model: "gpt-image-2", aspect_ratio: "1:1", quality: "low" },
      { size: "2K", aspect_ratio: "1:1", quality: "low" },
    ],
    [
      { model: "gpt-image-2", quality: "hd" },
      { size: "2K", aspect_ratio: "16:9", quality: "high" },
      ["quality hd is drawn as high"],
    ],
    [
      { model: "gpt-image-2", size: "1536x1024" },
      { size: "1K", aspect_ratio: "3:2" },
    ],
    [
      { model: "gemini-2.5-flash-image", size: "2K", quality: "hd" },
      {},
      [
        expect.stringMatching(/^size was ignored/) as string,
        expect.stringMatching(/^quality hd was left out/) as string,
      ],
    ],
    [{ model: "gemini-2.5-flash-image", size: "8K" }, {}, [expect.stringMatching(/^size was ignored/) as string]],
    [{ model: "gemini-2.5-flash-image", size: "1344x768" }, { aspect_ratio: "16:9" }],
    [
      { model: "doubao-seedream-4.0", quality: "high", n: 2 },
      { size: "2K" },
      [
        "n is not a field here and was ignored",
        expect.stringMatching(/^quality high was left out: doubao-seedream-4.0/) as string,
      ],
    ],
    [
      { model: "gpt-image-2", images: null, size: null, response_format: null },
      { size: "2K", aspect_ratio: "16:9" },
    ],
  ];
  it.each(cases)(
    "fields are sent to LinkAI as its document defines them: %j",
    async (body, expected, warnings = []) => {
      const answer = await generate({ prompt: "a cat", ...body });
      expect(await jsonOf(answer)).toHaveProperty("data");
      const { model, ...rest } = expected;
      expect(lastVendorRequest()).toEqual({
        model: model ?? body["model"],
        prompt: "a cat",
        response_format: "url",
        ...rest,
      });
      expect(stage.linkai.generations()[0]?.ignored).toEqual([]);
      expect(warningsOf(answer)).toEqual(warnings);
    },
  );

  it("a request may have as many references as its model accepts, and no more", async () => {
    const limits = {
      "gpt-image-2": 15,
      "doubao-seedream-4.5": 10,
      "doubao-seedream-4.0": 10,
      "gemini-2.5-flash-image": 3,
    };
    for (const [model, max] of Object.entries(limits)) {
      const images = Array<string>(max).fill(CDN);
      expect((await generate({ model, prompt: "a cat", images })).status).toBe(200);
      const answer = await generate({ model, prompt: "a cat", images: [...images, CDN] });
      expect(answer.status).toBe(400);
      expect((await jsonOf<ErrorBody>(answer)).error.message).toMatch(new RegExp(`^images .*at most ${max}`));
    }
  });
});

describe("errors in LinkAI's dialect", () => {
  const dataUri = (type: string, bytes: Buffer) => `data:${type};base64,${bytes.toString("base64")}`;
  const gif = Buffer.concat([
    Buffer.from("GIF89a\u0001\u0000\u0001\u0000\u0000\u0000\u0000", "latin1"),
    Buffer.from([0, 0x3b]),
  ]);
  const cases: [body: object | string, status: number, message: RegExp][] = [
    ["{", 400, /not valid JSON/],
    ["", 400, /body is empty/],
    ["[]", 400, /The body must be an object/],
    [{ model: "gpt-image-2" }, 400, /^prompt is required/],
    [{ ...FOX, prompt: "" }, 400, /^prompt must not be empty/],
    [{ ...FOX, prompt: 5 }, 400, /^prompt must be a string/],
    [{ prompt: "a cat" }, 400, /^model is required/],
    [{ ...FOX, model: "dall-e-3" }, 402, /^The model dall-e-3 is not known; known are .*gpt-image-2/],
    [{ ...FOX, model: "flux-2-pro" }, 402, /draws flux-2-pro/],
    [{ ...FOX, size: "3K" }, 400, /^size 3K .*allowed: 1K, 2K, 4K/],
    [{ ...FOX, size: "big" }, 400, /^size must be one of 1K, 2K, 4K/],
    [{ ...FOX, model: "doubao-seedream-4.5", size: "1K" }, 400, /^size 1K .*allowed: 2K, 4K/],
    [{ ...FOX, aspect_ratio: "4:3" }, 400, /^aspect_ratio 4:3 .*allowed: 1:1, 3:2, 2:3, 16:9, 9:16/],
    [{ ...FOX, quality: "best" }, 400, /^quality best .*allowed: low, medium, high/],
    [{ ...FOX, response_format: "b64_json" }, 400, /^response_format must be url/],
    [{ ...FOX, images: CDN }, 400, /^images must be an array/],
    [{ ...FOX, images: ["gs://bucket/a.png"] }, 400, /^images\[0\] must be .*https:\/\/, http:\/\//],
    [{ ...FOX, images: [CDN, "cat.png"] }, 400, /^images\[1\] must be/],
    [{ ...FOX, images: [dataUri("image/png", gif)] }, 400, /^images\[0\] must be .*not image\/gif/],
    [{ ...FOX, images: [dataUri("image/png", png().bytes.subarray(0, 500))] }, 400, /cut short/],
    [{ ...FOX, images: [dataUri("image/png", Buffer.from(HTML_PAGE))] }, 400, /^images\[0\] must be/],
  ];
  it.each(cases)("an invalid request is rejected before LinkAI is called: %j", async (body, status, message) => {
    const answer = await generate(body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({
      error: { message: expect.stringMatching(message) as string, type: "invalid_request_error" },
    });
    expect(stage.linkai.seen).toEqual([]);
    expect(await stage.keys("references/")).toEqual([]);
  });

  const failures: [name: string, how: LinkAIBehaviour, status: number, type: string][] = [
    ["400", { status: 400, error: {} }, 400, "invalid_request_error"],
    ["401", { status: 401, error: {} }, 503, "server_error"],
    ["402", { status: 402, error: {} }, 402, "invalid_request_error"],
    ["406", { status: 406, error: {} }, 406, "insufficient_quota"],
    ["409", { status: 409, error: {} }, 409, "content_policy_violation"],
    ["429", { status: 429, error: {}, headers: { "retry-after": "7" } }, 429, "rate_limit_error"],
    ["503", { status: 503, error: {} }, 503, "server_error"],
    ["an error in a 200", { status: 200, error: {} }, 503, "server_error"],
    ["HTML in a 200", { body: HTML_PAGE }, 503, "server_error"],
    ["an empty list of pictures", { body: '{"data":[]}' }, 503, "server_error"],
  ];
  it.each(failures)("LinkAI responding with %s becomes an error of the dialect", async (_, how, status, type) => {
    stage.linkai.next(how);
    const answer = await generate(FOX);
    expect(answer.status).toBe(status);
    const { error } = await jsonOf<ErrorBody>(answer);
    expect(error).toEqual({ message: expect.stringMatching(/^linkai/) as string, type });
    const retryAfter = answer.headers.get("retry-after");
    if (status === 503) expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
    else expect(retryAfter).toBe(status === 429 ? "7" : null);
    expect(answer.headers.get("x-should-retry")).toBe(how.status === 429 || how.status === 503 ? null : "false");
  });

  it("an error repeats the vendor's message without the operator's API key", async () => {
    stage.linkai.next({ echoKey: true, error: { message: "接口调用异常" } });
    const text = await (await generate(FOX)).text();
    expect(text).toContain("接口调用异常");
    expect(text).not.toContain(LINKAI_KEY);
  });
});
