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
  const response = await fetch(`${xty.origin}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

const dataUri = ({ bytes, type }: Picture, as: string = type) => `data:${as};base64,${bytes.toString("base64")}`;
const userMessage = (content: unknown) => ({ role: "user", content });
const requestWith = (more: object) => ({
  model: "gemini-3.1-flash-image-preview",
  messages: [userMessage("a cat")],
  ...more,
});
const config = (image_config: object) => ({ extra_body: { google: { image_config } } });
const text = { type: "text", text: "a cat" };
const imagePart = (url: string) => ({ type: "image_url", image_url: { url } });

describe("the simulated xty", () => {
  it("the simulator accepts the documented request and responds like the document", async () => {
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

  it("the simulator accepts pictures as parts and records their hashes", async () => {
    const photo = jpeg(1);
    const { sha256, bytes, type } = photo;
    await post(
      requestWith({
        messages: [userMessage([text, imagePart(dataUri(photo)), imagePart("https://example.com/a.png")])],
      }),
    );
    const seen = { type: "image_url", image_url: { url: { sha256, bytes: bytes.length, type } } };
    expect(xty.seen[0]?.body).toEqual(
      requestWith({ messages: [userMessage([text, seen, imagePart("https://example.com/a.png")])] }),
    );
  });

  it.each<[string, object, status?: number]>([
    ["no messages", { messages: [] }],
    ["an unknown role", { messages: [{ role: "assistant", content: "a cat" }] }],
    ["a message with more fields", { messages: [{ ...userMessage("a cat"), name: "me" }] }],
    ["an empty text", { messages: [userMessage(" ")] }],
    ["parts without a text", { messages: [userMessage([imagePart("https://example.com/a.png")])] }],
    ["an unknown part", { messages: [userMessage([text, { type: "input_audio" }])] }],
    ["a part with more fields", { messages: [userMessage([{ ...text, image_url: "a" }])] }],
    ["an invalid URL", { messages: [userMessage([text, imagePart("cat.png")])] }],
    ["bare base64", { messages: [userMessage([text, imagePart(png().bytes.toString("base64"))])] }],
    ["a data URI with a wrong type", { messages: [userMessage([text, imagePart(dataUri(png(), "image/jpeg"))])] }],
    ["broken base64", { messages: [userMessage([text, imagePart(dataUri(png()).slice(0, -1))])] }],
    ["an unknown model", { model: "gpt-4o" }, 404],
    ["no pictures", { n: 0 }],
    ["eleven pictures", { n: 11 }],
    ["a field that is not documented", { stream: false }],
    ["camelCase", config({ aspectRatio: "1:1" })],
    ["a ratio that is not in the table", config({ aspect_ratio: "1:4" })],
    ["a size in lower case", config({ image_size: "1k" })],
    ["a size of another model", { model: "gemini-3-pro-image-preview", ...config({ image_size: "512" }) }],
    ["a size for a model without sizes", { model: "gemini-2.5-flash-image", ...config({ image_size: "1K" }) }],
    ["extra_body in itself", { extra_body: config({}) }],
    ["an empty extra_body", { extra_body: {} }],
  ])("the simulator rejects %s", async (_, more, status = 400) => {
    const message = expect.any(String) as string;
    expect(await post(requestWith(more))).toEqual({
      status,
      body: { error: { message, type: "invalid_request_error", param: null, code: null } },
    });
    expect(xty.seen[0]?.refused).not.toMatch(/simulator failed/);
  });

  it("the simulator rejects a wrong key and returns a configured error with status 200", async () => {
    expect(await post(requestWith({}), "wrong")).toMatchObject({
      status: 401,
      body: { error: { message: "无效的令牌" } },
    });
    xty.next({ status: 200, error: { message: "slow down", code: "rate_limit" } });
    expect(await post(requestWith({}))).toMatchObject({
      status: 200,
      body: { error: { message: "slow down", code: "rate_limit" } },
    });
  });
});
