import OpenAI from "openai";
import type { ClientOptions, Uploadable } from "openai";
import { describe, expect, it } from "vitest";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import { ADMIN, lastBody, PRO, readResponse, logText, staged, warningsOf } from "./stage.ts";
import { apiErrorOf } from "./refused.ts";

const QUIET_MS = 400;

const stage = staged({ faulty: true, limits: { streamQuietMs: QUIET_MS } });

function clientOf(options: ClientOptions = {}): OpenAI {
  return new OpenAI({ apiKey: ADMIN, baseURL: `${stage.easel.url}/v1`, maxRetries: 0, ...options });
}

const streamRequest = { model: "gpt-image-2", prompt: "a cat", stream: true } as const;
const rawStream = () => stage.post("/v1/images/generations", streamRequest);

/** Collect the events of a stream. */
async function collectEvents<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const zeros = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { image_tokens: 0, text_tokens: 0 },
};

describe("streams of OpenAI's dialect", () => {
  it("a stream of images.generate has the picture in one event", async () => {
    const picture = png({ bytes: 300_000 });
    stage.linkai.next({ pictures: [picture] });
    const { data, response } = await clientOf()
      .images.generate({ ...streamRequest, partial_images: 2, quality: "high" })
      .withResponse();
    const [event, ...others] = await collectEvents(data);
    expect(others).toEqual([]);
    const { b64_json, created_at, ...rest } = event as OpenAI.ImageGenCompletedEvent;
    expect(sha256(Buffer.from(b64_json, "base64"))).toBe(picture.sha256);
    expect(Math.abs(created_at - Date.now() / 1000)).toBeLessThan(60);
    expect(rest).toEqual({
      type: "image_generation.completed",
      size: `${picture.width}x${picture.height}`,
      quality: "high",
      background: "auto",
      output_format: "png",
      usage: zeros,
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("easel-vendor")).toBe("linkai");
    expect(warningsOf(response)).toEqual(["partial_images 2 was left out: no vendor here takes it"]);
    const record = await stage.record(response.headers.get("easel-generation") ?? "");
    expect(record).toMatchObject({ status: "succeeded", images: [{ bytes: 300_000 }] });
  });

  it("a stream of images.edit, requested by a form, has its own event type", async () => {
    const [given, drawn] = [png({ bytes: 5_000 }), jpeg(3)];
    stage.linkai.next({ pictures: [drawn] });
    const image = new File([new Uint8Array(given.bytes)], "a.png") as Uploadable;
    const [event, ...others] = await collectEvents(await clientOf().images.edit({ ...streamRequest, image }));
    expect(others).toEqual([]);
    expect(event).toMatchObject({ type: "image_edit.completed", size: "24x16", output_format: "jpeg" });
    expect(sha256(Buffer.from(event?.b64_json ?? "", "base64"))).toBe(drawn.sha256);
    expect(lastBody(stage.linkai.generations())["images"]).toMatchObject([{ sha256: given.sha256 }]);
  });

  it("a stream has an event for each picture, and a warning counts the failed ones", async () => {
    stage.linkai.next({}, { status: 409, error: { message: "no" } }, {});
    const { data, response } = await clientOf()
      .images.generate({ ...streamRequest, n: 3 })
      .withResponse();
    expect(await collectEvents(data)).toHaveLength(2);
    expect(warningsOf(response)).toEqual(["2 of 3 pictures could be made (content_rejected)"]);
  });

  it("a stream is framed as in OpenAI's document, and a fast one has a content-length", async () => {
    const picture = jpeg(9);
    stage.linkai.next({ pictures: [picture] });
    const { body, headers } = await readResponse(rawStream());
    const [text, ...rest] = body.toString().split("\n\n");
    expect(rest).toEqual([""]);
    const [event, data = "", ...lines] = (text ?? "").split("\n");
    expect([event, lines]).toEqual(["event: image_generation.completed", []]);
    expect(data).toMatch(/^data: \{"type":"image_generation\.completed","b64_json":"\/9j\//);
    expect(headers.get("content-length")).toBe(String(body.length));
  });

  it("with stream: false the response is not a stream", async () => {
    const answer = await clientOf().images.generate({
      model: streamRequest.model,
      prompt: streamRequest.prompt,
      stream: false,
    });
    expect(answer.data).toHaveLength(1);
  });
});

describe("errors before the first byte of a stream", () => {
  it("an error before the first byte is the same as without a stream", async () => {
    const invalid = await apiErrorOf(clientOf().images.generate({ ...streamRequest, size: "large" }));
    expect(invalid).toBeInstanceOf(OpenAI.BadRequestError);
    expect(invalid).toMatchObject({ param: "size" });
    stage.linkai.always({ status: 409, error: { message: "no" } });
    const moderated = await apiErrorOf(clientOf({ maxRetries: 2 }).images.generate(streamRequest));
    expect(moderated).toBeInstanceOf(OpenAI.BadRequestError);
    expect(moderated).toMatchObject({ code: "moderation_blocked" });
    expect(stage.linkai.generations()).toHaveLength(1);
    const answer = await rawStream();
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-should-retry")).toBe("false");
  });
});

describe("streams of a slow picture", () => {
  it("a stream sends keep-alive comments until a slow picture is ready", async () => {
    const picture = png({ bytes: 400_000, seed: 8 });
    const vendor = Promise.withResolvers<void>();
    stage.linkai.next({ pictures: [picture], after: vendor.promise });
    const { data, response } = await clientOf().images.generate(streamRequest).withResponse();
    vendor.resolve();
    for (const [name, value] of Object.entries({ "easel-vendor": "linkai", "easel-model": "gpt-image-2" })) {
      expect(response.headers.get(name)).toBe(value);
    }
    expect(response.headers.get("easel-generation")).toMatch(/^\w{40}$/);
    const [event, ...others] = await collectEvents(data);
    expect(others).toEqual([]);
    expect(sha256(Buffer.from(event?.b64_json ?? "", "base64"))).toBe(picture.sha256);

    const thrice = Promise.withResolvers<void>();
    stage.linkai.next({ pictures: [picture], after: thrice.promise });
    let text = "";
    const decoder = new TextDecoder();
    for await (const part of (await rawStream()).body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(part, { stream: true });
      if (text.startsWith(": drawing\n\n".repeat(3))) thrice.resolve();
    }
    expect(text).toMatch(/^(?:: drawing\n\n){3,}event: image_generation\.completed\ndata: \{.*\}\n\n$/);
  });

  it("a slow picture that fails is an error event, which the SDK throws", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.linkai.next({ after: vendor.promise, status: 409, error: { message: "no" } });
    const stream = await clientOf({ maxRetries: 2 }).images.generate(streamRequest);
    vendor.resolve();
    const error = await apiErrorOf(collectEvents(stream));
    expect(error).toMatchObject({ code: "moderation_blocked", type: "image_generation_user_error", status: undefined });
    expect(error.message).toContain("linkai: no");
    expect(stage.linkai.generations()).toHaveLength(1);
    const again = Promise.withResolvers<void>();
    stage.linkai.next({ after: again.promise, status: 409, error: { message: "no" } });
    const answer = await rawStream();
    again.resolve();
    const { status, body } = await readResponse(answer);
    expect(status).toBe(200);
    expect(body.toString()).toMatch(/^(?:: drawing\n\n)+event: error\ndata: \{"error":\{"message":.*\}\}\n\n$/);
  });

  it("a slow generation is completed after its client disconnects", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.linkai.next({ after: vendor.promise });
    const controller = new AbortController();
    const call = clientOf().images.generate(streamRequest, { signal: controller.signal });
    const { data, response } = await call.withResponse();
    controller.abort();
    expect(await collectEvents(data)).toEqual([]);
    vendor.resolve();
    const record = await stage.ended(response.headers.get("easel-generation") ?? "");
    expect(record).toMatchObject({ status: "succeeded", images: [{ type: "image/png" }] });
    expect(stage.linkai.generations()).toHaveLength(1);
  });

  it("a slow generation can fail over to another vendor after the response started", async () => {
    const picture = jpeg(7);
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise, status: 402, error: { message: "no credits" } });
    stage.linkai.next({ pictures: [picture] });
    const { data, response } = await clientOf()
      .images.generate({ ...streamRequest, model: PRO })
      .withResponse();
    expect(response.headers.get("easel-vendor")).toBe("listenhub");
    vendor.resolve();
    const [event] = await collectEvents(data);
    expect(sha256(Buffer.from(event?.b64_json ?? "", "base64"))).toBe(picture.sha256);
    const record = await stage.record(response.headers.get("easel-generation") ?? "");
    expect(record).toMatchObject({ vendor: "linkai", attempts: [{ vendor: "listenhub" }, { vendor: "linkai" }] });
  });

  it("the stream breaks off if the picture cannot be read from storage, slow or not", async () => {
    for (const delayMs of [0, 2 * QUIET_MS]) {
      stage.linkai.next({ delayMs });
      await stage.easel.fault("BUCKET.get", { times: 1, prefix: "pictures/" });
      const stream = await clientOf().images.generate(streamRequest);
      await expect(collectEvents(stream)).rejects.toThrow();
    }
    // The Worker broke the stream off; the runtime did not cancel the Worker as hung.
    expect(logText(stage.easel)).not.toContain("hung");
  });
});

it("a client that disconnects in the middle of a picture causes no uncaught error", async () => {
  stage.linkai.next({ pictures: [png({ bytes: 8_000_000 })] });
  const { data, response } = await clientOf().images.generate(streamRequest).withResponse();
  data.controller.abort();
  expect(await collectEvents(data)).toEqual([]);
  const record = await stage.ended(response.headers.get("easel-generation") ?? "");
  expect(record.status).toBe("succeeded");
  await until(() => stage.easel.logs.every(({ level }) => level !== "uncaught"));
});
