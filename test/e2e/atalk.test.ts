import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import errors from "../fixtures/atalk/errors.json" with { type: "json" };
import requests from "../fixtures/atalk/requests.json" with { type: "json" };
import { jpeg, png, startAtalk, webp } from "../sim/index.ts";
import type { Atalk, Picture } from "../sim/index.ts";
import { ADMIN, hashOf, jsonOf, lastBody, PRO, startStage, warningsOf } from "./stage.ts";
import type { Stage } from "./stage.ts";

const KEY = "at-key-of-the-operator";
const PATH = "/images/generate";
const FLUX = { model: "flux-2-pro", prompt: "a cat" };
const GEMINI = { model: "gemini-2.5-flash-image", prompt: "a cat" };

let stage: Stage;
let atalk: Atalk;
beforeAll(async () => {
  atalk = await startAtalk({ key: KEY });
  stage = await startStage({
    vendors: ["listenhub"],
    vars: { ATALK_API_KEY: KEY, ATALK_BASE_URL: atalk.origin, SANDBOX: "fallback" },
  });
});
beforeEach(() => {
  stage.reset();
  atalk.reset();
});
afterAll(() => Promise.all([stage.stop(), atalk.stop()]));

interface Image {
  type: string;
  image: string;
  mimeType: string | null;
  revised_prompt: null;
}
interface Answer {
  code: number;
  data: Image[];
  model: string;
  provider: string;
  usage: { cost?: number; images_generated: number; images_failed: number };
}

const postImages = (body: object | string, headers?: Record<string, string>) => stage.post(PATH, body, headers);
const sentBody = () => lastBody(atalk.generations());
const base64 = ({ bytes }: Picture) => bytes.toString("base64");
const seenAs = ({ sha256, bytes, type }: Picture) => ({ sha256, bytes: bytes.length, type });

describe("the example requests of atalk's document", () => {
  const usage = { images_generated: 1, images_failed: 0 };
  it.each(Object.entries(requests))("atalk gets %s unchanged and its answer is as documented", async (_, body) => {
    const picture = png({ bytes: 9_000, seed: 7 });
    atalk.next({ pictures: [picture] });
    const answer = await postImages(body);
    expect(answer.status).toBe(200);
    expect(warningsOf(answer)).toEqual([]);
    expect(sentBody()).toEqual(body);
    const id = answer.headers.get("easel-generation") ?? "";
    const image = `${stage.easel.url}/images/${id}/0`;
    expect(await answer.json()).toEqual({
      code: 0,
      data: [{ type: "url", image, mimeType: null, revised_prompt: null }],
      model: "flux-2-pro",
      provider: "flux",
      usage: { cost: 0.04, ...usage },
    });
    expect(await hashOf(stage.easel.fetch(image))).toBe(picture.sha256);
    expect(await stage.storedHash(`pictures/${id}/0`)).toBe(picture.sha256);
    expect(JSON.stringify(atalk.downloads().map(({ headers }) => headers))).not.toContain(KEY);
  });

  it.each(Object.entries(requests))("the request %s is answered in the same form by the sandbox", async (_, body) => {
    const bare = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      const answer = await bare.post(PATH, body);
      const { code, data, model, usage: used } = await jsonOf<Answer>(answer);
      expect([code, model, used]).toEqual([0, "flux-2-pro", usage]);
      expect(data).toEqual([
        { type: "url", image: expect.any(String) as string, mimeType: null, revised_prompt: null },
      ]);
      expect((await bare.easel.fetch(data[0]?.image ?? "")).headers.get("content-type")).toBe("image/png");
    } finally {
      await bare.stop();
    }
  });
});

describe("pictures in answers", () => {
  it.each([jpeg(4), png({ bytes: 700_000, seed: 5 }), webp()])("Gemini answers in base64: $type", async (picture) => {
    atalk.next({ pictures: [picture] });
    const answer = await postImages({ ...GEMINI, aspect_ratio: "9:16" });
    expect(sentBody()).toEqual({ ...GEMINI, aspect_ratio: "9:16" });
    expect(await answer.json()).toEqual({
      code: 0,
      data: [{ type: "base64", image: base64(picture), mimeType: picture.type, revised_prompt: null }],
      model: "gemini-2.5-flash-image",
      provider: "gemini",
      usage: { cost: 0.02, images_generated: 1, images_failed: 0 },
    });
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await stage.storedHash(`pictures/${id}/0`)).toBe(picture.sha256);
  });

  it("all pictures of an answer are stored and returned in order", async () => {
    const pictures = [jpeg(1), jpeg(2), png()];
    atalk.next({ pictures });
    const { data } = await jsonOf<Answer>(postImages(FLUX));
    const hashes = await Promise.all(data.map(({ image }) => hashOf(stage.easel.fetch(image))));
    expect(hashes).toEqual(pictures.map(({ sha256 }) => sha256));
  });

  it("a model of another vendor is answered in the form of its model family, without a cost in yuan", async () => {
    const picture = webp();
    stage.listenhub.next({ pictures: [picture] });
    const answer = await postImages({ model: PRO, prompt: "a cat", aspect_ratio: "4:3", safety_tolerance: 3 });
    expect(await answer.json()).toEqual({
      code: 0,
      data: [{ type: "base64", image: base64(picture), mimeType: picture.type, revised_prompt: null }],
      model: PRO,
      provider: "gemini",
      usage: { images_generated: 1, images_failed: 0 },
    });
    expect(lastBody(stage.listenhub.seen)).toMatchObject({ imageConfig: { aspectRatio: "4:3" } });
    expect(warningsOf(answer)).toEqual([expect.stringMatching(/^safety_tolerance was left out/)]);
  });
});

describe("the request that atalk receives", () => {
  it.each<[body: object, expected: object, warnings?: unknown[]]>([
    [FLUX, { ...FLUX, aspect_ratio: "1:1" }],
    [
      { ...FLUX, width: 1280, height: 720, aspect_ratio: "1:1" },
      { ...FLUX, width: 1280, height: 720 },
      ["aspect_ratio 1:1 was left out: width and height decide"],
    ],
    [
      { model: "atalk/flux-1.1-pro", prompt: "a cat", seed: 0, safety_tolerance: 0, output_format: "jpeg" },
      {
        model: "flux-1.1-pro",
        prompt: "a cat",
        aspect_ratio: "1:1",
        seed: 0,
        safety_tolerance: 0,
        output_format: "jpeg",
      },
    ],
    [
      {
        ...GEMINI,
        aspect_ratio: "5:4",
        width: 1024,
        height: 1024,
        seed: 42,
        safety_tolerance: 3,
        output_format: "png",
      },
      { ...GEMINI, aspect_ratio: "5:4" },
      ["width and height", "safety_tolerance", "seed", "output_format png"].map(
        (field) =>
          expect.stringMatching(new RegExp(`^${field} (was|were) left out: gemini-2.5-flash-image`)) as unknown,
      ),
    ],
    [
      { ...GEMINI, width: 1344, height: 768 },
      { ...GEMINI, aspect_ratio: "16:9" },
    ],
    [
      { ...FLUX, n: 2, width: null, height: null, seed: null },
      { ...FLUX, aspect_ratio: "1:1" },
      ["n is not a field here and was ignored"],
    ],
  ])("the body %j reaches atalk as documented", async (body, expected, warnings = []) => {
    const answer = await postImages(body);
    expect(await jsonOf<Answer>(answer)).toMatchObject({ code: 0 });
    expect(sentBody()).toEqual(expected);
    expect(warningsOf(answer)).toEqual(warnings);
  });

  it("eight reference pictures are sent, given as URLs, raw base64 or data URIs", async () => {
    const [first, second, third] = [png({ bytes: 30_000, seed: 4 }), jpeg(), webp()];
    const url = (n: number) => `https://example.com/ref${n}.jpg`;
    const body = {
      ...FLUX,
      input_image: base64(first),
      input_image_2: url(2),
      input_image_3: `data:image/jpeg;base64,${base64(second)}`,
      input_image_4: url(4),
      input_image_5: url(5),
      input_image_6: base64(third),
      input_image_7: url(7),
      input_image_8: url(8),
    };
    const answer = await postImages(body);
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(sentBody()).toEqual({
      ...body,
      aspect_ratio: "1:1",
      input_image: seenAs(first),
      input_image_3: seenAs(second),
      input_image_6: seenAs(third),
    });
  });

  it("reference pictures are renumbered if fields between them are missing", async () => {
    await (
      await postImages({ ...GEMINI, input_image_3: base64(webp()), input_image_7: "http://example.com/7.png" })
    ).text();
    expect(sentBody()).toMatchObject({ input_image: seenAs(webp()), input_image_2: "http://example.com/7.png" });
    expect(sentBody()).not.toHaveProperty("input_image_3");
  });

  it("a reference picture may have 20 MB and not one byte more", async () => {
    const largest = png({ bytes: 20_000_000 });
    expect((await jsonOf<Answer>(postImages({ ...FLUX, input_image_2: base64(largest) }))).code).toBe(0);
    expect(sentBody()).toMatchObject({ input_image: seenAs(largest) });
    atalk.reset();
    const answer = await postImages({ ...FLUX, input_image_2: base64(png({ bytes: 20_000_001 })) });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ code: -1, msg: expect.stringMatching(/^input_image_2 .*20 MB/) as string });
    expect(atalk.seen).toEqual([]);
    expect(await stage.keys("references/")).toEqual([]);
  });
});

describe("API keys in atalk's dialect", () => {
  it.each([ADMIN, `Bearer ${ADMIN}`])("a client's key is accepted as %s", async (authorization) => {
    const answer = await postImages(FLUX, { authorization });
    expect(await jsonOf<Answer>(answer)).toMatchObject({ code: 0 });
    expect(atalk.generations()[0]?.headers["authorization"]).toBe(`Bearer ${KEY}`);
  });

  it.each(["", "Bearer", "wrong", "Bearer wrong"])("the key %j gets the 401 of the document", async (authorization) => {
    const answer = await postImages(FLUX, { authorization });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual(errors.key);
    expect(atalk.seen).toEqual([]);
  });

  it("the operator's key is sent without Bearer if ATALK_AUTH is bare", async () => {
    const bare = await startStage({
      vendors: [],
      vars: { ATALK_API_KEY: KEY, ATALK_BASE_URL: atalk.origin, ATALK_AUTH: "bare" },
    });
    try {
      expect(await jsonOf<Answer>(bare.post(PATH, FLUX))).toMatchObject({ code: 0 });
      expect(atalk.generations()[0]?.headers["authorization"]).toBe(KEY);
    } finally {
      await bare.stop();
    }
  });
});
