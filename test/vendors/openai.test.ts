import { describe, expect, it } from "vitest";
import type { Usage } from "../../src/image/record.ts";
import type { Dialect } from "../../src/vendors/vendor.ts";
import { openai, openaiEdits } from "../../src/vendors/openai/index.ts";
import edits from "../fixtures/openai/edits.json" with { type: "json" };
import requests from "../fixtures/openai/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, sampleRecord } from "./specimens.ts";

const prompt = "A cute baby sea otter";
const pixels = { width: 1024, height: 1024 };
const model = "gpt-image-2";
// Moderation has neither 409 nor 422: OpenAI's SDKs retry a 409.
const statuses = [400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 504];

/** A generation's usage, of which only the vendor's own part matters. */
function usageWith(vendor?: Usage["vendor"]): Usage {
  return { pictures: 2, bytes: 1, ms: { request: 0, references: 0, drawing: 0, converting: 0, total: 0 }, vendor };
}

const [generationsDialect, editsDialect] = [openai, openaiEdits].map(({ dialect }) => dialect) as [Dialect, Dialect];
const FORM = new Headers({ "content-type": "multipart/form-data; boundary=B" });

describe("OpenAI, generations", () => {
  contract({
    vendor: openai,
    requests,
    meanings: {
      "openai-node README: images.generate": { request: { model, prompt }, responseFormat: "base64" },
      "API reference: POST /images/generations": { request: { model, prompt, ...pixels }, responseFormat: "base64" },
      "AI SDK, a model that is not gpt-image": {
        request: { model: "gemini-3-pro-image-preview", prompt, ...pixels },
        responseFormat: "base64",
      },
      "LangChain DallEAPIWrapper": {
        request: { model, prompt, ...pixels, quality: "standard" },
        responseFormat: "url",
      },
      "extra_body, as relays document it": {
        request: { model, prompt, size: "2K", aspectRatio: "16:9" },
        references: ["https://example.com/otter.png", "inline"],
        responseFormat: "base64",
      },
      "API reference: a stream with partial images": {
        request: { model, prompt: requests["API reference: a stream with partial images"].prompt },
        warnings: ["partial_images 2 was left out: no vendor here takes it"],
        responseFormat: "base64",
      },
      "API reference: options of gpt-image": {
        request: { model, prompt, quality: "auto", outputFormat: "webp" },
        warnings: [
          "background transparent was left out: no vendor here takes it",
          "moderation low was left out: no vendor here takes it",
          "output_compression 80 was left out: no vendor here takes it",
        ],
        responseFormat: "base64",
      },
      "contents, as a relay documents it": {
        request: { model: "gemini-2.5-flash-image-preview", prompt: "Now at night, in the snow" },
        turns: [
          { role: "user", text: "Draw the tower from above", references: ["inline"] },
          { role: "model", text: "Here is one picture", references: [] },
        ],
        responseFormat: "base64",
      },
    },
    statuses,
  });
});

describe("OpenAI, edits", () => {
  contract({
    vendor: openaiEdits,
    requests: edits,
    meanings: {
      "API reference: POST /images/edits, JSON": {
        request: { model, prompt: edits["API reference: POST /images/edits, JSON"].prompt },
        references: ["https://example.com/body-lotion.png", "inline"],
        responseFormat: "base64",
      },
      "API reference: a mask, JSON": {
        request: {
          model,
          prompt: edits["API reference: a mask, JSON"].prompt,
          width: 1536,
          height: 1024,
          quality: "high",
          outputFormat: "jpeg",
          mask: { url: "https://example.com/mask.png" },
        },
        references: ["https://example.com/lounge.png"],
        warnings: ["input_fidelity high was left out: no vendor here takes it"],
        responseFormat: "base64",
      },
      "the multipart field as JSON, as some clients have it": {
        request: { model: "gemini-3-pro-image-preview", prompt: "A cute baby sea otter wearing a beret", n: 2 },
        references: ["inline"],
        responseFormat: "url",
      },
    },
    statuses,
  });

  it("an edit must have a picture, in any of its fields", () => {
    const url = "https://example.com/a.png";
    const parts = [{ text: "a cat" }, { image: url }];
    for (const body of [
      { prompt, image: url },
      { prompt, image: [url] },
      { prompt, images: [{ image_url: url }] },
    ]) {
      expect(editsDialect.decode(body, [], new Headers()).request.references).toEqual([{ url }]);
    }
    const turns = [
      { role: "user", parts },
      { role: "user", parts: [{ text: "a dog" }] },
    ];
    expect(editsDialect.decode({ contents: turns }, [], new Headers()).request.turns).toHaveLength(1);
    for (const body of [{ prompt }, { prompt, image: [], images: null }, { prompt, mask: url }]) {
      const error = {
        code: "invalid_request",
        field: "image",
        message: expect.stringMatching(/^image is required/) as string,
      };
      expect(() => editsDialect.decode(body, [], new Headers())).toThrow(expect.objectContaining(error) as Error);
    }
  });
});

describe("OpenAI, a form", () => {
  const image = "https://example.com/a.png";
  const decode = (form: Record<string, unknown>) => editsDialect.decode({ prompt, image, ...form }, [], FORM);

  it("a form has numbers and booleans as text, and an empty field counts as absent", () => {
    const parsed = decode({ n: "3", seed: "-5", stream: "True", partial_images: "0", output_compression: "100" });
    expect(parsed).toMatchObject({ request: { n: 3, seed: -5 }, stream: true, warnings: [] });
    const empty = decode({ n: "", size: "", quality: "null", model: "null", stream: "false", mask: "" });
    expect(empty.request).toEqual({ ...decode({}).request });
    expect(empty).toMatchObject({ stream: false, warnings: [] });
  });

  it.each([
    [{ n: "two" }, "n must be a number."],
    [{ n: "1.5" }, "n must be a whole number."],
    [{ n: "0" }, "n must be at least 1."],
    [{ stream: "yes" }, "stream must be a boolean."],
    [{ output_compression: "101" }, "output_compression must be at most 100."],
    [{ partial_images: "4" }, "partial_images must be at most 3."],
    [{ prompt: "" }, "prompt must not be empty."],
    [{ n: ["1", "2"] }, "n must be a number."],
  ])("the form %j is rejected", (form, message) => {
    expect(() => decode(form)).toThrow(expect.objectContaining({ code: "invalid_request", message }) as Error);
  });

  it("JSON must have numbers as numbers", () => {
    const json = () =>
      editsDialect.decode({ prompt, image, n: "3" }, [], new Headers({ "content-type": "application/json" }));
    expect(json).toThrow("n must be a number.");
  });
});

describe("OpenAI, a stream", () => {
  const types = [
    [generationsDialect, "image_generation.completed"],
    [editsDialect, "image_edit.completed"],
  ] as const;
  it.each(types)("stream %# has one event per picture, with all fields of the SDK's types", async (dialect, type) => {
    const store = new PictureStore();
    const tokens = { promptTokenCount: 9, candidatesTokenCount: 1_290, totalTokenCount: 1_299 };
    const modalities = [
      { modality: "TEXT", tokenCount: 4 },
      { modality: "IMAGE", tokenCount: 5 },
    ];
    const record = { ...sampleRecord(store), usage: usageWith({ ...tokens, promptTokensDetails: modalities }) };
    const request = { ...SAMPLE_REQUEST.request, quality: "high" };
    const events = dialect.events?.(record, { ...SAMPLE_REQUEST, request }) ?? [];
    expect(events.map(({ event }) => event)).toEqual([type, type]);
    const [first, second] = await Promise.all(events.map(({ data }) => sendAndReceive(data, store)));
    const common = { type, b64_json: "hoisted:0", created_at: 1_795_132_801, quality: "high", background: "auto" };
    expect(first?.wire).toEqual({
      ...common,
      size: "20x10",
      output_format: "png",
      usage: {
        input_tokens: 9,
        output_tokens: 1_290,
        total_tokens: 1_299,
        input_tokens_details: { image_tokens: 5, text_tokens: 4 },
      },
    });
    expect(second?.wire).toEqual({
      ...common,
      size: "30x20",
      output_format: "webp",
      usage: {
        input_tokens: 0,
        output_tokens: 0,
        total_tokens: 0,
        input_tokens_details: { image_tokens: 0, text_tokens: 0 },
      },
    });
    expect([first, second].map((event) => store.get(event?.pictures[0] as never))).toEqual(
      record.images.map((image) => store.get(image)),
    );
  });

  it("an event has auto for unknown values, and for values that are not OpenAI's", () => {
    const store = new PictureStore();
    const record = sampleRecord(store);
    record.images.forEach((image) => Object.assign(image, { width: 0, height: 0 }));
    const [event] =
      generationsDialect.events?.(record, {
        ...SAMPLE_REQUEST,
        request: { ...SAMPLE_REQUEST.request, quality: "standard" },
      }) ?? [];
    expect(event?.data).toMatchObject({ size: "auto", quality: "auto" });
  });

  it("a request for a stream with URLs gets a warning", () => {
    const parsed = generationsDialect.decode({ prompt, stream: true, response_format: "url" }, [], new Headers());
    expect(parsed.stream).toBe(true);
    expect(parsed.warnings).toEqual(["response_format url was left out: events have their pictures in base64"]);
  });
});

describe("OpenAI", () => {
  it("the response has token usage in OpenAI's format, and none if the vendor reports none", () => {
    const usageOf = (vendor?: Usage["vendor"]) => {
      const record = { ...sampleRecord(new PictureStore()), usage: usageWith(vendor) };
      return (generationsDialect.encode(record, SAMPLE_REQUEST) as { usage: unknown }).usage;
    };
    const openaiUsage = {
      input_tokens: 5,
      output_tokens: 7,
      total_tokens: 12,
      input_tokens_details: { image_tokens: 2, text_tokens: 3 },
    };
    expect(usageOf(openaiUsage)).toEqual(openaiUsage);
    const none = { image_tokens: 0, text_tokens: 5 };
    expect(usageOf({ prompt_tokens: 5, completion_tokens: 7 })).toEqual({ ...openaiUsage, input_tokens_details: none });
    for (const other of [undefined, {}, { images_generated: 1 }, { prompt_tokens: "5" }]) {
      expect(usageOf(other)).toBeUndefined();
    }
  });

  it("the dialect names the client's field of each picture", () => {
    const url = "https://example.com/a.png";
    const contents = [{ role: "user", parts: [{ text: "a cat" }, { image: url }] }];
    const { fields } = editsDialect.decode(
      { contents, image: url, images: [{ image_url: url }, url] },
      [],
      new Headers(),
    );
    expect(fields).toEqual({
      references: "image",
      "references[0]": "contents[0].parts[1].image",
      "references[1]": "image",
      "references[2]": "images[0]",
      "references[3]": "images[1]",
    });
    const json = editsDialect.decode({ prompt, images: [url] }, [], new Headers());
    expect(json.fields).toEqual({ references: "images", "references[0]": "images[0]" });
  });

  it("the dialect rejects fields that would change the picture and that no vendor supports", () => {
    const markup = () => editsDialect.decode({ prompt, image: "hoisted:0", markup: "hoisted:1" }, [], FORM);
    expect(markup).toThrow("markup must be left out: no vendor here takes it.");
    const file = () => editsDialect.decode({ prompt, images: [{ file_id: "file-1" }] }, [], new Headers());
    expect(file).toThrow(/^images\[0\] must be a URL, a data URI, or either as \{image_url\}; ids of uploaded files/);
  });

  it("moderation and insufficient credit have a status that OpenAI's SDKs do not retry", () => {
    for (const code of ["content_rejected", "insufficient_credit"] as const) {
      const status = generationsDialect.encodeError({ code, message: "no" } as never, "req-1").status;
      expect([408, 409, 429].includes(status) || status >= 500).toBe(false);
    }
  });
});
