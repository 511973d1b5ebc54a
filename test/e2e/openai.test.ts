import OpenAI from "openai";
import type { ClientOptions } from "openai";
import { describe, expect, it } from "vitest";
import { jpeg, png, sha256 } from "../sim/index.ts";
import { ADMIN, hashOf, lastBody, PRO, staged, startStage, warningsOf } from "./stage.ts";
import { apiErrorOf } from "./refused.ts";

const stage = staged();

function clientOf(options: ClientOptions & { path?: string } = {}): OpenAI {
  const { path = "/openai/v1", ...rest } = options;
  return new OpenAI({ apiKey: ADMIN, baseURL: stage.easel.url + path, maxRetries: 0, ...rest });
}

/** The SDK sends unknown fields; its types need a cast for them. */
type ImageRequest = OpenAI.ImageGenerateParamsNonStreaming & Record<string, unknown>;
const imageRequest = (more: Record<string, unknown> = {}) =>
  ({ model: "gpt-image-2", prompt: "a cat", ...more }) as ImageRequest;

/** The last request to LinkAI. */
const lastVendorRequest = () => lastBody(stage.linkai.generations());

describe.each(["/v1", "/openai/v1"])("images.generate at %s", (path) => {
  it("the response for gpt-image has base64 and no other field", async () => {
    const picture = png({ bytes: 50_000 });
    stage.linkai.next({ pictures: [picture] });
    const answer = await clientOf({ path }).images.generate(imageRequest());
    expect(Object.keys(answer)).toEqual(["created", "data"]);
    expect(answer.created).toBeGreaterThan(1.7e9);
    expect(Object.keys(answer.data?.[0] ?? {})).toEqual(["b64_json"]);
    expect(sha256(Buffer.from(answer.data?.[0]?.b64_json ?? "", "base64"))).toBe(picture.sha256);
    expect(answer._request_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("the response has a gateway URL and no other field if a URL is requested", async () => {
    const picture = jpeg(4);
    stage.linkai.next({ pictures: [picture] });
    const { data, response } = await clientOf({ path })
      .images.generate(imageRequest({ response_format: "url" }))
      .withResponse();
    expect(Object.keys(data.data?.[0] ?? {})).toEqual(["url"]);
    const id = response.headers.get("easel-generation");
    expect(data.data?.[0]?.url).toBe(`${stage.easel.url}/images/${id}/0`);
    // The AI SDK sends its API key with the download too.
    const headers = { authorization: `Bearer ${ADMIN}` };
    expect(await hashOf(stage.easel.fetch(data.data?.[0]?.url ?? "", { headers }))).toBe(picture.sha256);
  });
});

it("the response for other models has a URL unless base64 is requested", async () => {
  const client = clientOf();
  expect((await client.images.generate(imageRequest({ model: PRO }))).data?.[0]?.url).toMatch(/^http/);
  const inline = await client.images.generate(imageRequest({ model: PRO, response_format: "b64_json" }));
  expect(inline.data?.[0]?.b64_json).toMatch(/^\/9j\//);
  expect(
    (await client.images.generate(imageRequest({ model: "linkai/gpt-image-2" }))).data?.[0]?.b64_json,
  ).toBeDefined();
});

it("a response with pictures has a content-length", async () => {
  const { response } = await clientOf().images.generate(imageRequest()).withResponse();
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(Number(response.headers.get("content-length"))).toBeGreaterThan(1_000);
});

describe("fields of images.generate", () => {
  const cases: [fields: Record<string, unknown>, expected: Record<string, unknown>, warnings?: string[]][] = [
    [{}, {}],
    [{ size: "auto", quality: "auto" }, {}],
    [{ size: "1024x1024" }, { size: "1K", aspect_ratio: "1:1" }],
    [{ size: "1536x1024" }, { size: "1K", aspect_ratio: "3:2" }],
    [{ size: "2048x1152" }, { size: "2K", aspect_ratio: "16:9" }],
    [
      { size: "4k", aspect_ratio: "9:16" },
      { size: "4K", aspect_ratio: "9:16" },
    ],
    [{ aspect_ratio: "3:2" }, { aspect_ratio: "3:2" }],
    [{ aspect_ratio: "auto", size: null, n: null, quality: null, images: null, response_format: null }, {}],
    [{ quality: "high" }, { quality: "high" }],
    [{ quality: "hd" }, { quality: "high" }, ["quality hd is drawn as high"]],
    [{ output_format: "webp" }, {}, ["output_format webp was made from image/png"]],
    [{ seed: 5 }, {}, [expect.stringMatching(/^seed was left out/) as string]],
    [{ style: "vivid", user: "u", background: "auto", moderation: "auto", output_compression: 100 }, {}],
    [
      { style: "natural", background: "opaque", partial_images: 1 },
      {},
      ["background opaque", "partial_images 1", "style natural"].map(
        (what) => `${what} was left out: no vendor here takes it`,
      ),
    ],
    [{ made_up: 1 }, {}, ["made_up is not a field here and was ignored"]],
    [{ contents: [{ role: "user", parts: [{ text: "a cat" }] }] }, {}],
  ];
  it.each(cases)(
    "fields are sent to LinkAI in its format, dropped ones with a warning: %j",
    async (fields, expected, warnings = []) => {
      const { response } = await clientOf().images.generate(imageRequest(fields)).withResponse();
      expect(lastVendorRequest()).toEqual({
        model: "gpt-image-2",
        prompt: "a cat",
        response_format: "url",
        ...expected,
      });
      expect(warningsOf(response)).toEqual(warnings);
    },
  );

  it("images are sent as references, by URL and inline", async () => {
    const inline = png({ bytes: 20_000, seed: 2 });
    const images = ["https://example.com/a.png", `data:image/png;base64,${inline.bytes.toString("base64")}`];
    await clientOf().images.generate(imageRequest({ images }));
    expect(lastVendorRequest()["images"]).toEqual([
      images[0],
      { sha256: inline.sha256, bytes: 20_000, type: "image/png" },
    ]);
  });

  const invalid: [fields: Record<string, unknown>, param: string, message: RegExp][] = [
    [{ prompt: " " }, "prompt", /prompt must not be empty/],
    [{ prompt: null }, "prompt", /prompt must be a string/],
    [{ prompt: undefined }, "prompt", /prompt is required/],
    [{ n: 11 }, "n", /n must be at most 10/],
    [{ n: 0 }, "n", /n must be at least 1/],
    [{ n: 1.5 }, "n", /n must be a whole number/],
    [{ size: "large" }, "size", /size must be one of 512, 1K, 2K, 3K, 4K, pixels as in 1024x1024, or auto/],
    [{ size: "1024x300" }, "size", /allowed: 1:1, 3:2, 2:3, 16:9, 9:16/],
    [{ size: "3K" }, "size", /size 3K .*allowed: 1K, 2K, 4K/],
    [{ aspect_ratio: "5:4" }, "aspect_ratio", /^400 aspect_ratio 5:4 .*allowed: 1:1/],
    [{ quality: "best" }, "quality", /allowed: low, medium, high/],
    [{ response_format: "hex" }, "response_format", /response_format must be one of url, b64_json/],
    [{ images: ["ftp://a/b.png"] }, "images[0]", /images\[0\] must be a PNG, JPEG or WebP picture/],
    [{ images: Array(16).fill("https://example.com/a.png") }, "images", /^400 images has 16 pictures.*at most 15/],
    [{ images: Array(17).fill("https://example.com/a.png") }, "images", /images must be at most 16 pictures/],
    [{ prompt: `data:image/png;base64,${png().bytes.toString("base64")}` }, "prompt", /prompt must be text/],
  ];
  it.each(invalid)("an invalid request is rejected before a vendor is called: %j", async (fields, param, message) => {
    const error = await apiErrorOf(clientOf({ maxRetries: 2 }).images.generate(imageRequest(fields)));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, type: "invalid_request_error" });
    expect(error.message).toMatch(message);
    expect(stage.linkai.seen).toEqual([]);
  });
});

describe("requests for n pictures", () => {
  it("n pictures need n calls of a vendor without n, at most four at once", async () => {
    const pictures = Array.from({ length: 10 }, (_, seed) => png({ bytes: 3_000, seed }));
    stage.linkai.next(...pictures.map((picture) => ({ pictures: [picture], delayMs: 1_000 })));
    const answer = await clientOf().images.generate(imageRequest({ n: 10 }));
    const hashes = answer.data?.map(({ b64_json: data = "" }) => sha256(Buffer.from(data, "base64")));
    expect(new Set(hashes)).toEqual(new Set(pictures.map((picture) => picture.sha256)));
    const calls = stage.linkai.generations();
    expect(calls).toHaveLength(10);
    const concurrency = calls.map(
      ({ at }) => calls.filter((other) => other.at <= at && (other.endedAt ?? 0) > at).length,
    );
    expect(Math.max(...concurrency)).toBeGreaterThan(1);
    expect(Math.max(...concurrency)).toBeLessThanOrEqual(4);
  });

  it("a response has the successful pictures if some fail, with a warning", async () => {
    stage.linkai.next({}, { status: 409, error: { message: "no" } }, {});
    const { data, response } = await clientOf()
      .images.generate(imageRequest({ n: 3 }))
      .withResponse();
    expect(data.data).toHaveLength(2);
    expect(warningsOf(response)).toEqual(["2 of 3 pictures could be made (content_rejected)"]);
  });

  it("a request for n pictures fails if all of them fail", async () => {
    stage.linkai.always({ status: 409, error: { message: "no" } });
    const error = await apiErrorOf(clientOf().images.generate(imageRequest({ n: 3 })));
    expect(error).toMatchObject({ status: 400, code: "moderation_blocked" });
  });

  it("the sandbox is called once for n pictures", async () => {
    const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      const client = new OpenAI({ apiKey: ADMIN, baseURL: `${sandbox.easel.url}/v1` });
      const { data, response } = await client.images.generate(imageRequest({ n: 10, size: "64x64" })).withResponse();
      expect(new Set(data.data?.map(({ b64_json: data }) => data)).size).toBe(10);
      const record = await sandbox.get(`/v1/generations/${response.headers.get("easel-generation")}`);
      expect(await record.json()).toMatchObject({ attempts: [{ vendor: "sandbox" }] });
    } finally {
      await sandbox.stop();
    }
  });
});

it("models.list and models.retrieve work, also with a slash in the id", async () => {
  const client = clientOf({ path: "/v1" });
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  expect(ids).toContain("gpt-image-2");
  expect(ids).not.toContain("flux-2-pro");
  const model = await client.models.retrieve("linkai/gpt-image-2");
  expect(model).toMatchObject({ object: "model", owned_by: "linkai" });
  await expect(client.models.retrieve("flux-2-pro")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  expect((await clientOf().models.retrieve("gpt-image-2")).id).toBe("gpt-image-2");
});
