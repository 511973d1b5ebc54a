import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import type { ClientOptions, Uploadable } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jpeg, png, sha256, until, webp } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { BOUNDARY, field, file, form } from "../stream/forms.ts";
import type { Part } from "../stream/forms.ts";
import { ADMIN, jsonOf, lastBody, PRO, startStage, warningsOf } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { apiErrorOf } from "./refused.ts";

const MiB = 1024 * 1024;

let stage: Stage;
let folder: string;
beforeAll(async () => {
  stage = await startStage();
  folder = await mkdtemp(join(tmpdir(), "easel-edits-"));
});
beforeEach(() => stage.reset());
afterAll(async () => {
  await stage.stop();
  await rm(folder, { recursive: true });
});

function clientOf(options: ClientOptions & { path?: string } = {}): OpenAI {
  const { path = "/v1", ...rest } = options;
  return new OpenAI({ apiKey: ADMIN, baseURL: stage.easel.url + path, maxRetries: 0, ...rest });
}

type EditRequest = OpenAI.ImageEditParamsNonStreaming & Record<string, unknown>;
const editRequest = (image: Uploadable | Uploadable[], more: Record<string, unknown> = {}) =>
  ({ model: "gpt-image-2", prompt: "a cat", image, ...more }) as EditRequest;

/** The last request to LinkAI; its pictures are replaced by their hash, size and type. */
const lastVendorRequest = () => lastBody(stage.linkai.generations());
const seenAs = ({ sha256, bytes, type }: Picture) => ({ sha256, bytes: bytes.length, type });
const blob = ({ bytes }: Picture, type = "") => new Blob([new Uint8Array(bytes)], { type });

describe.each(["/v1", "/openai/v1"])("images.edit at %s", (path) => {
  it("images.edit sends one picture to the vendor and returns the edited one in OpenAI's format", async () => {
    const [given, drawn] = [png({ bytes: 20_000, seed: 2 }), png({ bytes: 30_000, seed: 3 })];
    stage.linkai.next({ pictures: [drawn] });
    const image = await toFile(given.bytes, "otter.png", { type: "image/png" });
    const answer = await clientOf({ path }).images.edit(editRequest(image));
    expect(Object.keys(answer)).toEqual(["created", "data"]);
    expect(sha256(Buffer.from(answer.data?.[0]?.b64_json ?? "", "base64"))).toBe(drawn.sha256);
    expect(lastVendorRequest()).toEqual({
      model: "gpt-image-2",
      prompt: "a cat",
      response_format: "url",
      images: [seenAs(given)],
    });
  });
});

describe("pictures uploaded by the SDK", () => {
  const given = jpeg(5);
  const uploads: [name: string, upload: () => Promise<Uploadable> | Uploadable][] = [
    ["a Buffer, by toFile", () => toFile(given.bytes, "a.jpg")],
    ["a Uint8Array, by toFile", () => toFile(new Uint8Array(given.bytes))],
    ["a Blob without name and type", () => blob(given) as Uploadable],
    ["a File declared as text", () => new File([blob(given)], '猫 "1".txt', { type: "text/plain" })],
    ["a Response", () => new Response(blob(given))],
    [
      "a file on disk, as a stream",
      async () => {
        await writeFile(join(folder, "a.jpg"), given.bytes);
        return createReadStream(join(folder, "a.jpg"));
      },
    ],
  ];
  it.each(uploads)("the SDK uploads a picture given as %s", async (_, upload) => {
    await clientOf().images.edit(editRequest(await upload()));
    expect(lastVendorRequest()["images"]).toEqual([seenAs(given)]);
  });
});

it("several pictures of different sizes and types are sent in order", async () => {
  const given = [png({ bytes: 6 * MiB }), jpeg(1), webp(), png({ bytes: 999, seed: 4 })];
  await clientOf().images.edit(editRequest(given.map((picture) => blob(picture) as Uploadable)));
  expect(lastVendorRequest()["images"]).toEqual(given.map(seenAs));
  await until(async () => (await stage.keys("references/")).length === 0);
});

it("the fields of a form are read from text and checked like those of JSON", async () => {
  const { data, response } = await clientOf()
    .images.edit(
      editRequest(blob(jpeg()) as Uploadable, {
        model: `linkai/${PRO}`,
        n: 2,
        size: "2K",
        aspect_ratio: "16:9",
        quality: "auto",
        response_format: "url",
        user: "u",
        input_fidelity: "high",
        o: { a: 1 },
      }),
    )
    .withResponse();
  expect(data.data).toHaveLength(2);
  expect(data.data?.[0]?.url).toMatch(/\/images\//);
  expect(lastVendorRequest()).toMatchObject({ model: PRO, size: "2K", aspect_ratio: "16:9" });
  expect(warningsOf(response)).toEqual([
    "o[a] is not a field here and was ignored",
    "input_fidelity high was left out: no vendor here takes it",
  ]);
});

describe("invalid edits", () => {
  const image = blob(png()) as Uploadable;
  const cut = blob({ ...png({ bytes: 5_000 }), bytes: png({ bytes: 5_000 }).bytes.subarray(0, 4_000) }) as Uploadable;
  const html = new Blob(["<!DOCTYPE html>"], { type: "image/png" }) as Uploadable;
  const cases: [name: string, body: EditRequest, param: string, message: RegExp][] = [
    ["a mask", editRequest(image, { mask: image }), "mask", /^400 mask is not taken by gpt-image-2 here/],
    ["markup", editRequest(image, { markup: image }), "markup", /^400 markup must be left out/],
    ["no picture", editRequest([]), "image", /^400 image is required: a PNG, JPEG or WebP picture, or several\.$/],
    [
      "text instead of a picture",
      editRequest([image, "a cat" as never]),
      "image[1]",
      /^400 image\[1\] must be a PNG, JPEG or WebP picture/,
    ],
    [
      "HTML declared as a picture",
      editRequest([image, html]),
      "image[1]",
      /^400 image\[1\] is of no known format: not PNG/,
    ],
    ["a picture that is cut short", editRequest(cut), "image", /^400 image \(image\/png\) is cut short/],
    ["an empty file", editRequest(new File([], "a.png")), "image", /^400 image is an empty file\.$/],
    ["no prompt", editRequest(image, { prompt: undefined }), "prompt", /^400 prompt is required/],
    [
      "a picture as prompt",
      editRequest(image, { prompt: image }),
      "prompt",
      /^400 prompt must be text, without pictures/,
    ],
    [
      "too many pictures for the model",
      editRequest(Array<Uploadable>(4).fill(image), { model: `linkai/${PRO}` }),
      "image",
      /^400 image has 4 pictures; .*at most 3/,
    ],
    [
      "too many pictures for any model",
      editRequest(Array<Uploadable>(17).fill(image)),
      "image",
      /^400 image must be at most 16 pictures/,
    ],
    ["a word for a number", editRequest(image, { n: "two" }), "n", /^400 n must be a number/],
    ["an unknown size", editRequest(image, { size: "large" }), "size", /^400 size must be one of/],
  ];
  it.each(cases)("an edit with %s is rejected before a vendor is called", async (_, body, param, message) => {
    const error = await apiErrorOf(clientOf({ maxRetries: 2 }).images.edit(body));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param, type: "invalid_request_error" });
    expect(error.message).toMatch(message);
    expect(stage.linkai.seen).toEqual([]);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("an edit over a size or time limit is rejected before a vendor is called", async () => {
    const limits = { referenceBytes: 50_000, requestBytes: 90_000, requestJsonBytes: 900, requestMs: 3_000 };
    const small = await startStage({ limits });
    try {
      const client = new OpenAI({ apiKey: ADMIN, baseURL: `${small.easel.url}/v1`, maxRetries: 0 });
      const [one, large] = [png({ bytes: 40_000 }), png({ bytes: 60_000 })].map(
        (picture) => blob(picture) as Uploadable,
      );
      const over: [body: EditRequest, message: string][] = [
        [editRequest(large as Uploadable), "413 image is over 50000 bytes."],
        [editRequest([one, one, one] as Uploadable[]), "413 The body is over the limit of 90000 bytes."],
        [
          editRequest(one as Uploadable, { prompt: "x".repeat(900) }),
          "413 prompt is too long: the text of a form may have 900 bytes in all.",
        ],
      ];
      for (const [body, message] of over) expect((await apiErrorOf(client.images.edit(body))).message).toBe(message);
      const slow = new ReadableStream<Uint8Array>({
        start: (stream) =>
          stream.enqueue(form([field("prompt", "a cat"), file("image", "x".repeat(9))]).subarray(0, -20)),
      });
      const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
      const late = await jsonOf<{ error: object }>(small.post("/v1/images/edits", slow, headers));
      expect(late.error).toMatchObject({ message: "The body did not arrive within 3 s." });
      expect(small.linkai.seen).toEqual([]);
      expect(await small.keys("references/")).toEqual([]);
    } finally {
      await small.stop();
    }
  });
});

describe("errors of edits", () => {
  const image = blob(png()) as Uploadable;
  it("a refusal by moderation is a 400 that the SDK does not retry", async () => {
    stage.linkai.always({ status: 409, error: { message: "no" } });
    const error = await apiErrorOf(clientOf({ maxRetries: 2 }).images.edit(editRequest(image)));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: "moderation_blocked", type: "image_generation_user_error" });
    expect(stage.linkai.generations()).toHaveLength(1);
  });

  it("a wrong API key and an unknown model become the SDK's matching errors", async () => {
    const key = await apiErrorOf(clientOf({ apiKey: "sk-wrong" }).images.edit(editRequest(image)));
    expect(key).toBeInstanceOf(OpenAI.AuthenticationError);
    const model = await apiErrorOf(clientOf().images.edit(editRequest(image, { model: "dall-e-2" })));
    expect(model).toBeInstanceOf(OpenAI.NotFoundError);
    expect(model).toMatchObject({ code: "model_not_found", param: "model" });
  });

  it("the references of a client that disconnects during its upload are deleted", async () => {
    const [one, two] = [png({ bytes: 100_000 }), png({ bytes: 300_000 })].map(({ bytes }) => new Uint8Array(bytes));
    const complete = form([file("image[]", one ?? ""), file("image[]", two ?? "")]);
    const controller = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      pull: async (stream) => {
        stream.enqueue(complete.subarray(0, 200_000));
        await until(async () => (await stage.keys("references/")).length === 1);
        controller.abort();
      },
    });
    const headers = { authorization: `Bearer ${ADMIN}`, "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
    const init = { method: "POST", headers, body, signal: controller.signal };
    await expect(stage.easel.fetch("/v1/images/edits", init)).rejects.toThrow();
    await until(async () => (await stage.keys("references/")).length === 0);
    expect(stage.linkai.seen).toEqual([]);
  });
});

describe("edits of large pictures", () => {
  it("fourteen pictures of 7 MB are sent to the vendor unchanged", async () => {
    const given = Array.from({ length: 14 }, (_, seed) => png({ bytes: 7_000_000, seed }));
    const images = given.map((picture, n) => new File([blob(picture)], `${n}.png`));
    await clientOf().images.edit(editRequest(images));
    expect(lastVendorRequest()["images"]).toEqual(given.map(seenAs));
  });

  it("a picture of 50 MB is sent to the vendor unchanged", async () => {
    const given = png({ bytes: 50_000_000 });
    await clientOf().images.edit(editRequest(blob(given) as Uploadable));
    expect(lastVendorRequest()["images"]).toEqual([seenAs(given)]);
  });
});

describe("edits without an SDK", () => {
  const picture = new Uint8Array(jpeg(7).bytes);
  const post = (
    parts: readonly Part[],
    path = "/v1/images/edits",
    type = `multipart/form-data; boundary=${BOUNDARY}`,
  ) => stage.post(path, form(parts), { "content-type": type });

  it("a browser's form with an empty file field is accepted", async () => {
    const parts = [file("mask", "", ""), file("image", picture, "C:\\a.jpg"), field("prompt", "a cat"), field("n", "")];
    expect((await post(parts)).status).toBe(200);
    expect(lastVendorRequest()["images"]).toEqual([seenAs(jpeg(7))]);
  });

  it("an edit is accepted as JSON, with pictures as URLs and inline", async () => {
    const inline = `data:image/jpeg;base64,${jpeg(7).bytes.toString("base64")}`;
    const url = "https://example.com/a.png";
    const images = [{ image_url: url }, { image_url: inline }, url];
    const answer = await stage.post("/v1/images/edits", { model: "gpt-image-2", prompt: "a cat", images });
    expect(answer.status).toBe(200);
    expect(lastVendorRequest()["images"]).toEqual([url, seenAs(jpeg(7)), url]);
  });

  it("a form is accepted at the generations path and in other dialects", async () => {
    await post([file("image[]", picture), field("prompt", "a cat")], "/v1/images/generations");
    expect(lastVendorRequest()["images"]).toEqual([seenAs(jpeg(7))]);
    const parts = [file("images[]", picture), field("prompt", "a cat"), field("model", "gpt-image-2")];
    expect((await post(parts, "/linkai/v1/images/generations")).status).toBe(200);
    expect(lastVendorRequest()["images"]).toEqual([seenAs(jpeg(7))]);
    const other = await jsonOf(post([field("prompt", "a cat"), field("n", "2")], "/v1/generations"));
    expect(other).toEqual({ error: { code: "invalid_request", message: "n must be a number.", field: "n" } });
  });

  it("an invalid form is rejected with the reason", async () => {
    const message = async (answer: Promise<Response>) =>
      (await jsonOf<{ error: { message: string } }>(answer)).error.message;
    const parts = [field("prompt", "a cat")];
    expect(await message(post(parts, undefined, "multipart/form-data"))).toMatch(
      /^content-type must name the boundary/,
    );
    expect(await message(post(parts, undefined, "multipart/form-data; boundary=B"))).toMatch(
      /^The boundary that content-type/,
    );
    const broken = form(parts).subarray(0, -4);
    const type = `multipart/form-data; boundary=${BOUNDARY}`;
    expect(await message(stage.post("/v1/images/edits", broken, { "content-type": type }))).toBe("The body broke off.");
    const many = Array.from({ length: 101 }, (_, n) => field(`f${n}`, "1"));
    expect(await message(post(many))).toBe("The form has more than 100 parts.");
  });
});

it("the sandbox's picture depends on the reference pictures, also in a stream", async () => {
  const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
  try {
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${sandbox.easel.url}/v1`, maxRetries: 0 });
    const body = { model: "gpt-image-2", prompt: "a cat", size: "64x48" };
    const [one, two] = [jpeg(1), png()].map((picture) => blob(picture) as Uploadable) as [Uploadable, Uploadable];
    const drawn: (string | undefined)[] = [];
    for (const image of [one, two, [one, two]]) {
      drawn.push((await client.images.edit({ ...body, image })).data?.[0]?.b64_json);
    }
    drawn.push((await client.images.generate(body)).data?.[0]?.b64_json);
    expect(new Set(drawn).size).toBe(4);
    for await (const event of await client.images.edit({ ...body, image: one, stream: true })) {
      expect(event).toMatchObject({ type: "image_edit.completed", b64_json: drawn[0], size: "64x48" });
    }
    expect((await client.models.retrieve("gpt-image-2")).owned_by).toBe("sandbox");
  } finally {
    await sandbox.stop();
  }
});
