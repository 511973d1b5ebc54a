import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import requests from "../fixtures/xty/requests.json" with { type: "json" };
import { jpeg, png, sha256, startXty } from "../sim/index.ts";
import type { Picture, Xty } from "../sim/index.ts";

let xty: Xty;
beforeAll(async () => {
  xty = await startXty();
});
beforeEach(() => xty.reset());
afterAll(() => xty.stop());

async function post(body: object, key = "xty-key"): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(`${xty.origin}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

const dataUri = ({ bytes, type }: Picture, as: string = type) => `data:${as};base64,${bytes.toString("base64")}`;
const user = (content: unknown) => ({ role: "user", content });
const ask = (more: object) => ({ model: "gemini-3.1-flash-image-preview", messages: [user("a cat")], ...more });
const config = (image_config: object) => ({ extra_body: { google: { image_config } } });
const text = { type: "text", text: "a cat" };
const image = (url: string) => ({ type: "image_url", image_url: { url } });

describe("xty", () => {
  it("takes the document's request, and answers as the document does, with a picture", async () => {
    const picture = png({ seed: 5 });
    xty.next({ pictures: [picture, picture] });
    const { status, body } = await post(requests["请求示例 (curl)"]);
    expect(status).toBe(200);
    const { choices, ...rest } = body as { choices: { message: { content: string } }[] };
    expect(rest).toEqual({
      id: "gemini-1704067200000",
      object: "chat.completion",
      created: 1_704_067_200,
      model: "gemini-3.1-flash-image-preview",
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    });
    expect(choices).toHaveLength(2);
    const [, sentence, url = ""] = /^(.*)\n\n!\[image\]\((.*)\)$/.exec(choices[0]?.message.content ?? "") ?? [];
    expect(sentence).toBe("这是第 1 张图片:");
    const file = await fetch(url);
    expect(sha256(new Uint8Array(await file.arrayBuffer()))).toBe(picture.sha256);
  });

  it("takes pictures as parts, and notes what they were", async () => {
    const photo = jpeg(1);
    const { sha256, bytes, type } = photo;
    await post(ask({ messages: [user([text, image(dataUri(photo)), image("https://example.com/a.png")])] }));
    const seen = { type: "image_url", image_url: { url: { sha256, bytes: bytes.length, type } } };
    expect(xty.seen[0]?.body).toEqual(ask({ messages: [user([text, seen, image("https://example.com/a.png")])] }));
  });

  it.each<[string, object, status?: number]>([
    ["no messages", { messages: [] }],
    ["another role", { messages: [{ role: "assistant", content: "a cat" }] }],
    ["a message with more fields", { messages: [{ ...user("a cat"), name: "me" }] }],
    ["an empty text", { messages: [user(" ")] }],
    ["parts without a text", { messages: [user([image("https://example.com/a.png")])] }],
    ["an unknown part", { messages: [user([text, { type: "input_audio" }])] }],
    ["a part with more fields", { messages: [user([{ ...text, image_url: "a" }])] }],
    ["a URL that is none", { messages: [user([text, image("cat.png")])] }],
    ["bare base64", { messages: [user([text, image(png().bytes.toString("base64"))])] }],
    ["another type", { messages: [user([text, image(dataUri(png(), "image/jpeg"))])] }],
    ["broken base64", { messages: [user([text, image(dataUri(png()).slice(0, -1))])] }],
    ["an unknown model", { model: "gpt-4o" }, 404],
    ["no pictures", { n: 0 }],
    ["eleven pictures", { n: 11 }],
    ["a field that is not documented", { stream: false }],
    ["camelCase", config({ aspectRatio: "1:1" })],
    ["a ratio that is not in the table", config({ aspect_ratio: "1:4" })],
    ["a size in lower case", config({ image_size: "1k" })],
    ["a size of another model", { model: "gemini-3-pro-image-preview", ...config({ image_size: "512" }) }],
    ["a size for a model without", { model: "gemini-2.5-flash-image", ...config({ image_size: "1K" }) }],
    ["extra_body in itself", { extra_body: config({}) }],
    ["an extra_body without anything", { extra_body: {} }],
  ])("refuses %s", async (_, more, status = 400) => {
    const message = expect.any(String) as string;
    expect(await post(ask(more))).toEqual({
      status,
      body: { error: { message, type: "invalid_request_error", param: null, code: null } },
    });
    expect(xty.seen[0]?.refused).not.toMatch(/simulator failed/);
  });

  it("refuses a wrong key, and says a scripted error in a 200", async () => {
    expect(await post(ask({}), "wrong")).toMatchObject({ status: 401, body: { error: { message: "无效的令牌" } } });
    xty.next({ status: 200, error: { message: "slow down", code: "rate_limit" } });
    expect(await post(ask({}))).toMatchObject({
      status: 200,
      body: { error: { message: "slow down", code: "rate_limit" } },
    });
  });
});
