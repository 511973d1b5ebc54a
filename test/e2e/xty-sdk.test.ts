import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jpeg, png, sha256, startXty } from "../sim/index.ts";
import type { Xty, XtyBehaviour } from "../sim/index.ts";
import { ADMIN, FLASH, hashOf, lastBody, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { apiErrorOf } from "./refused.ts";

const KEY = "xty-key-of-the-operator";
let stage: Stage;
let xty: Xty;
beforeAll(async () => {
  xty = await startXty({ key: KEY });
  const vars = { XTY_API_KEY: KEY, XTY_BASE_URL: xty.origin };
  stage = await startStage({ vendors: [], vars, limits: { streamQuietMs: 500 } });
});
beforeEach(() => [stage, xty].forEach((each) => each.reset()));
afterAll(() => Promise.all([stage, xty].map((each) => each.stop())));

type Completion = OpenAI.ChatCompletion;
type Chunk = OpenAI.ChatCompletionChunk;
/** Where today's clients look for pictures; OpenAI's own types have no such field. */
interface Shown {
  images?: { type: string; image_url: { url: string }; index: number }[];
}

const chat = (at = "/v1", options: object = {}) =>
  new OpenAI({ apiKey: ADMIN, baseURL: stage.easel.url + at, maxRetries: 0, ...options }).chat.completions;
const CAT = { model: FLASH, messages: [{ role: "user" as const, content: "a cat" }] };
const shown = (message: unknown) => (message as Shown).images?.map(({ image_url }) => image_url.url) ?? [];
const hashes = (urls: string[]) => Promise.all(urls.map((url) => hashOf(stage.easel.fetch(url))));
const markdown = (content: string | null | undefined) => /!\[image\]\((.+)\)$/.exec(content ?? "")?.[1] ?? "";

async function all(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe.each(["/v1", "/xty/v1", "/openai/v1"])("chat.completions.create at %s", (at) => {
  it("draws n pictures, with extra_body in both forms that the document has", async () => {
    const pictures = [png({ bytes: 20_000, seed: 1 }), jpeg(2), png({ seed: 3 })];
    const config = { google: { image_config: { aspect_ratio: "16:9", image_size: "2K" } } };
    for (const extra_body of [config, { extra_body: config }]) {
      xty.next({ pictures });
      const body = { ...CAT, n: 3, extra_body };
      const answer: Completion = await chat(at).create(body);
      expect(lastBody(xty.generations())).toMatchObject({ n: 3, extra_body: config });
      expect(answer.choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
        [0, "stop"],
        [1, "stop"],
        [2, "stop"],
      ]);
      const messages = answer.choices.map(({ message }) => message);
      expect(await hashes(messages.flatMap(shown))).toEqual(pictures.map((picture) => picture.sha256));
      expect(messages.map(({ content }) => markdown(content))).toEqual(messages.flatMap(shown));
    }
  });

  it("streams the same", async () => {
    const pictures = [png({ bytes: 20_000, seed: 1 }), jpeg(2)];
    xty.next({ pictures });
    const chunks = await all(await chat(at).create({ ...CAT, n: 2, stream: true }));
    expect(new Set(chunks.map(({ id, object, model, created }) => [id, object, model, created].join())).size).toBe(1);
    const deltas = [0, 1].map((n) => chunks.flatMap(({ choices }) => choices.filter(({ index }) => index === n)));
    for (const [n, own] of deltas.entries()) {
      expect(own[0]?.delta.role).toBe("assistant");
      expect(own.map(({ finish_reason }) => finish_reason)).toEqual([null, null, null, "stop"]);
      const content = own.map(({ delta }) => delta.content ?? "").join("");
      expect(content).toMatch(new RegExp(`^这是第 ${n + 1} 张图片:`));
      const urls = own.flatMap(({ delta }) => shown(delta));
      expect(urls).toEqual([markdown(content)]);
      expect(await hashes(urls)).toEqual([pictures[n]?.sha256]);
    }
  });
});

it("streams pictures themselves, what was used, and while the vendor takes its time", async () => {
  const picture = png({ bytes: 3_000_000, seed: 5 });
  xty.next({ pictures: [picture], delayMs: 1_800 });
  const options = { stream: true, stream_options: { include_usage: true }, modalities: ["image", "text"] } as object;
  const chunks = await all((await chat().create({ ...CAT, ...options })) as unknown as AsyncIterable<Chunk>);
  const [url = ""] = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => shown(delta)));
  expect(url).toMatch(/^data:image\/png;base64,/);
  expect(sha256(Buffer.from(url.slice(url.indexOf(",") + 1), "base64"))).toBe(picture.sha256);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 0 } });
  expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual(Array(chunks.length - 1).fill(null));
});

it("the SDK's own reader of streams puts them together", async () => {
  const completion = await chat()
    .stream({ ...CAT, n: 2 })
    .finalChatCompletion();
  expect(completion.choices.map(({ message, finish_reason }) => [message.role, finish_reason])).toEqual([
    ["assistant", "stop"],
    ["assistant", "stop"],
  ]);
  expect(await hashes(completion.choices.map(({ message }) => markdown(message.content)))).toEqual(
    [0, 1].map((seed) => png({ seed }).sha256),
  );
});

it("takes pictures, and its own answer back", async () => {
  const photo = png({ bytes: 50_000, seed: 7 });
  const first = await chat().create(CAT);
  const [drawn] = shown(first.choices[0]?.message);
  await chat().create({
    model: FLASH,
    messages: [
      ...CAT.messages,
      ...first.choices.map(({ message }) => message),
      {
        role: "user",
        content: [
          { type: "text", text: "put this hat on it" },
          {
            type: "image_url",
            image_url: { url: `data:image/png;base64,${photo.bytes.toString("base64")}`, detail: "high" },
          },
        ],
      },
    ],
  });
  const [message] = lastBody(xty.generations())["messages"] as {
    content: { image_url?: { url: { sha256: string } } }[];
  }[];
  const pictures = message?.content.flatMap((part) => part.image_url?.url.sha256 ?? []);
  expect(pictures).toEqual([...(await hashes([drawn ?? ""])), photo.sha256]);
});

type Case = [string, XtyBehaviour, new (...args: never[]) => Error, object];
const cases: Case[] = [
  ["400", { status: 400 }, OpenAI.BadRequestError, { status: 400, code: null, type: "invalid_request_error" }],
  ["401", { status: 401 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  ["402", { status: 402 }, OpenAI.APIError, { status: 402, code: "insufficient_quota" }],
  ["500", { status: 500 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
  [
    "refusal",
    { finishReason: "content_filter", text: "" },
    OpenAI.BadRequestError,
    { code: "content_policy_violation" },
  ],
  ["words alone", { text: "image upload err" }, OpenAI.InternalServerError, { status: 502, code: "no_image" }],
  ["error in a 200", { status: 200 }, OpenAI.InternalServerError, { status: 502, code: "vendor_error" }],
];
it.each(cases)("the vendor's %s, tried once, streamed or not", async (_, how, type, expected) => {
  const failing = "text" in how ? how : { error: { message: "as the test says" }, ...how };
  for (const stream of [false, true]) {
    xty.reset();
    xty.next(failing);
    const error = await apiErrorOf(chat("/v1", { maxRetries: 2 }).create({ ...CAT, stream }));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ ...expected, requestID: expect.any(String) as string });
    expect(xty.generations()).toHaveLength(1);
  }
});

it("an error after the stream began is an error in it", async () => {
  xty.next({ status: 400, error: { message: "as the test says" }, delayMs: 1_500 });
  const stream = await chat().create({ ...CAT, stream: true });
  const error = await apiErrorOf(all(stream));
  expect(error.message).toContain("as the test says");
});

it("our own refusals", async () => {
  const key = await apiErrorOf(chat("/v1", { apiKey: "sk-wrong" }).create(CAT));
  expect(key).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(key).toMatchObject({ code: "invalid_api_key" });
  const model = await apiErrorOf(chat().create({ ...CAT, model: "gpt-9" }));
  expect(model).toBeInstanceOf(OpenAI.NotFoundError);
  expect(model).toMatchObject({ code: "model_not_found", param: "model" });
  const ratio = { ...CAT, extra_body: { google: { image_config: { aspect_ratio: "1:4" } } } };
  expect(await apiErrorOf(chat().create(ratio))).toMatchObject({
    status: 400,
    param: "extra_body.google.image_config.aspect_ratio",
    message: expect.stringMatching(
      /^400 extra_body\.google\.image_config\.aspect_ratio 1:4 .*allowed: 1:1, 2:3/,
    ) as string,
  });
  const tool = { ...CAT, messages: [{ role: "tool" as const, content: "5", tool_call_id: "t" }] };
  expect(await apiErrorOf(chat().create(tool))).toMatchObject({ status: 400, param: "messages[0].role" });
  expect(xty.seen).toEqual([]);
});
