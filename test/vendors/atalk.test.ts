import { describe, expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import type { GenerationRecord } from "../../src/image/record.ts";
import type { ImageRequest } from "../../src/image/request.ts";
import { atalk } from "../../src/vendors/atalk/index.ts";
import type { ParsedRequest, Dialect } from "../../src/vendors/vendor.ts";
import answers from "../fixtures/atalk/answers.json" with { type: "json" };
import errors from "../fixtures/atalk/errors.json" with { type: "json" };
import requests from "../fixtures/atalk/requests.json" with { type: "json" };
import { contract } from "./contract.ts";
import { thrownBy } from "./junk.ts";
import { sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, decodeFixture, sampleRecord, INLINE, referenceName } from "./specimens.ts";

const dialect = atalk.dialect as Dialect;
const flux = { model: "flux-2-pro", prompt: "a cat" };
const gemini = { model: "gemini-2.5-flash-image", prompt: "a cat" };
const example = (name: keyof typeof requests) => ({ model: "flux-2-pro", prompt: requests[name].prompt });

describe("atalk", () => {
  contract({
    vendor: atalk,
    requests,
    meanings: {
      基础文生图示例: { request: { ...example("基础文生图示例"), aspectRatio: "16:9" } },
      "使用 Flux 高级参数示例(图生图 + 自定义尺寸)": {
        request: {
          ...example("使用 Flux 高级参数示例(图生图 + 自定义尺寸)"),
          aspectRatio: "2:3",
          seed: 42,
          outputFormat: "png",
          providerOptions: { atalk: { safety_tolerance: 3 } },
        },
        references: ["https://example.com/input.jpg"],
      },
      使用多参考图像: {
        request: { ...example("使用多参考图像"), aspectRatio: "16:9" },
        references: ["https://example.com/ref1.jpg", "https://example.com/ref2.jpg", "https://example.com/ref3.jpg"],
      },
    },
    answers,
    // The document has no statuses: these are the usual ones, and of 5xx only 500 and 503.
    statuses: [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503],
    words: { unauthorized: errors.key.msg },
    readBack: {
      // The key that the vendor rejects is the operator's.
      unauthorized: "vendor_error",
      forbidden: "vendor_error",
      model_not_found: "vendor_error",
      // The document has no status for it, so only the message can show it.
      content_rejected: "invalid_request",
      idempotency_conflict: "vendor_error",
      vendor_timeout: "vendor_error",
      no_image: "vendor_error",
      internal: "vendor_error",
    },
  });

  describe("the dialect of atalk", () => {
    const decode = (wire: object): ParsedRequest => decodeFixture(dialect, wire, new PictureStore());

    it.each<[wire: object, request: Partial<ImageRequest>, warnings?: string[]]>([
      [flux, { aspectRatio: "1:1" }],
      [
        { ...flux, width: 1280, aspect_ratio: "16:9" },
        { width: 1280, height: 720 },
      ],
      [
        { ...flux, height: 1024, width: null },
        { width: 1024, height: 1024 },
      ],
      [
        { ...flux, width: 1280, height: 720 },
        { width: 1280, height: 720 },
      ],
      [
        { ...flux, width: 1280, height: 720, aspect_ratio: "1:1" },
        { width: 1280, height: 720 },
        ["aspectRatio 1:1 was left out: width and height decide"],
      ],
      [
        { ...flux, width: null, height: null, seed: null, input_image_9: null, aspect_ratio: "21:9" },
        { aspectRatio: "21:9" },
      ],
      [
        { ...flux, seed: -7, safety_tolerance: 0 },
        { aspectRatio: "1:1", seed: -7, providerOptions: { atalk: { safety_tolerance: 0 } } },
      ],
      [{ ...gemini, width: 1344, height: 768 }, { aspectRatio: "16:9" }],
      [
        { ...gemini, width: 1344, height: 768, aspect_ratio: "4:5" },
        { aspectRatio: "4:5" },
        ["width and height were left out: gemini-2.5-flash-image does not take them here"],
      ],
      [
        { ...gemini, seed: 1, safety_tolerance: 5, output_format: "jpeg" },
        { aspectRatio: "1:1" },
        [
          "safety_tolerance was left out: gemini-2.5-flash-image does not take it here",
          "seed was left out: gemini-2.5-flash-image does not take it here",
          "outputFormat jpeg was left out: gemini-2.5-flash-image does not take it here; the format is not selectable",
        ],
      ],
      // A model of another vendor keeps its own ratios.
      [{ model: "gpt-image-2", prompt: "a cat", aspect_ratio: "4:3" }, { aspectRatio: "4:3" }],
    ])("the dialect reads %j", (wire, request, warnings = []) => {
      const { model, prompt } = wire as typeof flux;
      expect(decode(wire)).toMatchObject({ request: { model, prompt, n: 1, references: [], ...request }, warnings });
    });

    it.each<[more: object, field: string, message: RegExp | string]>([
      [{ aspect_ratio: "4:3" }, "aspect_ratio", errors.aspect_ratio.msg],
      [{ aspect_ratio: "" }, "aspect_ratio", errors.aspect_ratio.msg],
      [{ ...gemini, aspect_ratio: "4:3" }, "aspect_ratio", errors.aspect_ratio.msg],
      [
        { width: 1000, height: 1024 },
        "width",
        /^width must be a whole number of pixels, a multiple of 16; nearest: 1008\.$/,
      ],
      [{ width: 1024, height: 0.5 }, "height", /^height must be .* nearest: 64\.$/],
      [{ width: 1024, height: -16 }, "height", /nearest: 64\.$/],
      [{ width: 1e99, height: 1024 }, "width", /width/],
      [{ width: "1024", height: 1024 }, "width", /^width must be a number\.$/],
      [{ width: 48, height: 1024 }, "width", /from 64 to 4096; nearest: 64/],
      [{ width: 4096, height: 2048 }, "width", /4194304 pixels in all/],
      [{ seed: 1.5 }, "seed", /^seed must be a whole number/],
      [{ safety_tolerance: 6 }, "safety_tolerance", /^safety_tolerance must be a whole number from 0 to 5\.$/],
      [{ safety_tolerance: -1 }, "safety_tolerance", /from 0 to 5/],
      [{ safety_tolerance: 2.5 }, "safety_tolerance", /from 0 to 5/],
      [{ output_format: "webp" }, "output_format", /^output_format must be one of jpeg, png\.$/],
      [
        { input_image_9: "https://example.com/9.png" },
        "input_image_9",
        /^input_image_9 .* at most 8: input_image, input_image_2/,
      ],
      [{ input_image_1: "https://example.com/1.png" }, "input_image_1", /^input_image_1 is not a field/],
      [
        { input_image_3: "cat.png" },
        "input_image_3",
        /^input_image_3 must be a PNG, JPEG or WebP picture in base64, or a URL/,
      ],
      [{ input_image_8: ["x"] }, "input_image_8", /^input_image_8 must be a string/],
    ])("the dialect rejects %j", (more, field, message) => {
      const error = thrownBy(() => decode({ ...flux, ...more }));
      expect(error).toMatchObject({ code: "invalid_request", field });
      expect((error as Error).message).toMatch(message);
    });

    it("the dialect reads references from the eight fields in order, as base64 or data URI", () => {
      const base64 = INLINE.toBase64();
      const url = (n: number) => `https://example.com/${n}.png`;
      const { request } = decode({
        ...flux,
        input_image_8: url(8),
        input_image_3: `data:image/png;base64,${base64}`,
        input_image: base64,
        input_image_5: url(5),
        input_image_4: null,
      });
      expect(request.references.map(referenceName)).toEqual(["inline", "inline", url(5), url(8)]);
    });

    it.each([
      [{ bytes: 20_000_000 }, true],
      [{ bytes: 20_000_001 }, false],
      [{ width: 5_000, height: 4_000 }, true],
      [{ width: 5_000, height: 4_001 }, false],
    ])("a reference of %j is accepted: %s", (size, isAccepted) => {
      const picture = { key: "k", type: "image/png", width: 0, height: 0, bytes: 1, ...size };
      const decodePicture = () => dialect.decode({ ...flux, input_image_2: "hoisted:0" }, [picture], new Headers());
      const error = thrownBy(decodePicture);
      if (isAccepted) expect(error).toBeUndefined();
      else
        expect(error).toMatchObject({
          field: "input_image_2",
          message: expect.stringMatching(/^input_image_2 .*20 MB/) as string,
        });
    });

    it("the dialect names the field of each reference", () => {
      expect(dialect.fields).toMatchObject({ "references[0]": "input_image", "references[7]": "input_image_8" });
    });

    const encodeFor = async (model: string, more: Partial<GenerationRecord> = {}) => {
      const store = new PictureStore();
      const record = { ...sampleRecord(store), model: "flux-2-pro", ...more };
      const parsed = { request: { ...SAMPLE_REQUEST.request, model, n: 1 }, warnings: [] };
      return (await sendAndReceive(dialect.encode({ ...record, images: record.images.slice(0, 1) }, parsed), store))
        .wire;
    };

    it.each(["flux-2-pro", "atalk/flux-1.1-pro", "gpt-image-2"])(
      "a request for %s gets its picture by URL",
      async (model) => {
        expect(await encodeFor(model)).toEqual({
          code: 0,
          data: [{ type: "url", image: "https://easel.example/images/id/0", mimeType: null, revised_prompt: null }],
          model: "flux-2-pro",
          provider: "flux",
          usage: { images_generated: 1, images_failed: 0 },
        });
      },
    );

    it.each(["gemini-2.5-flash-image", "atalk/gemini-2.5-flash-image", "nano-banana", "gemini-3-pro-image-preview"])(
      "a request for %s gets its picture in base64",
      async (model) => {
        expect(await encodeFor(model, { model: "gemini-2.5-flash-image" })).toMatchObject({
          data: [{ type: "base64", image: "hoisted:0", mimeType: "image/png", revised_prompt: null }],
          provider: "gemini",
        });
      },
    );

    it("the response has the cost in yuan, and no other currency", async () => {
      const costs = (...currencies: string[]) => ({
        attempts: [
          { vendor: "a", ms: 1, error: "vendor_error" },
          ...currencies.map((currency) => ({ vendor: "b", ms: 1, cost: { amount: 0.25, currency } })),
        ],
      });
      const usage = { images_generated: 1, images_failed: 0 };
      expect(await encodeFor("flux-2-pro", costs("CNY"))).toMatchObject({ usage: { cost: 0.25, ...usage } });
      expect(await encodeFor("flux-2-pro", costs("CNY", "CNY"))).toMatchObject({ usage: { cost: 0.5 } });
      expect(await encodeFor("flux-2-pro", costs("CNY", "USD"))).toMatchObject({ usage });
      for (const more of [costs(), costs("USD"), costs("CNY", "credits")])
        expect(((await encodeFor("flux-2-pro", more)) as { usage: object }).usage).toEqual(usage);
    });

    it("the response counts the pictures that were not generated", () => {
      const record = sampleRecord(new PictureStore());
      const usage = (n: number, images = record.images) =>
        dialect.encode({ ...record, images }, { ...SAMPLE_REQUEST, request: { ...SAMPLE_REQUEST.request, n } });
      expect(usage(2, [])).toMatchObject({ data: [], usage: { images_generated: 0, images_failed: 2 } });
      expect(usage(1)).toMatchObject({ usage: { images_generated: 2, images_failed: 0 } });
    });

    it("an error has status 503 only if a retry may help", () => {
      const status = (retryable: boolean) =>
        dialect.encodeError(new GatewayError("vendor_error", "no", { retryable }), "req-1").status;
      expect([status(true), status(false)]).toEqual([503, 500]);
    });
  });
});
