import { describe, expect, it } from "vitest";
import { jpeg, png, webp } from "../sim/index.ts";
import { hashOf, jsonOf, lastBody, PRO, staged, warningsOf } from "./stage.ts";

const PATH = "/v1/generations";
const stage = staged();

const generate = (more: object = {}, headers?: Record<string, string>) =>
  stage.post(PATH, { prompt: "a cat", ...more }, headers);
const lastLinkAIRequest = () => lastBody(stage.linkai.generations());

it("the response is the generation's record, which stays readable", async () => {
  const picture = png({ bytes: 12_345, width: 40, height: 30 });
  stage.linkai.next({ pictures: [picture] });
  const answer = await generate({ model: "gpt-image-2", size: "2K", aspectRatio: "1:1", quality: "hd" });
  expect(answer.status).toBe(200);
  const id = answer.headers.get("easel-generation") ?? "";
  const record = await jsonOf(answer);
  const time = expect.any(Number) as number;
  expect(record).toEqual({
    id,
    status: "succeeded",
    vendor: "linkai",
    model: "gpt-image-2",
    dialect: "easel",
    images: [{ url: `${stage.easel.url}/images/${id}/0`, type: "image/png", width: 40, height: 30, bytes: 12_345 }],
    warnings: ["quality hd is drawn as high"],
    usage: {
      pictures: 1,
      bytes: 12_345,
      ms: { request: time, references: time, drawing: time, converting: time, total: time },
    },
    error: null,
    attempts: [{ vendor: "linkai", ms: time, waitMs: time, pictures: 1 }],
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    finishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
  });
  expect(answer.headers.get("easel-vendor")).toBe("linkai");
  expect(answer.headers.get("easel-model")).toBe("gpt-image-2");
  expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  expect(warningsOf(answer)).toEqual(record["warnings"]);
  expect(await jsonOf(stage.get(`${PATH}/${id}`))).toEqual(record);
});

it("a request without a model is served with the default model", async () => {
  const answer = await generate();
  expect(answer.headers.get("easel-model")).toBe(PRO);
  expect(await jsonOf(answer)).toMatchObject({ vendor: "listenhub", usage: { vendor: { totalTokenCount: 1302 } } });
});

it("a picture in an unknown field is rejected before a vendor is called", async () => {
  const { bytes } = png({ bytes: 5_000 });
  const data = `data:image/png;base64,${bytes.toString("base64")}`;
  const before = stage.linkai.generations().length;
  const answer = await stage.post("/linkai/v1/images/generations", {
    model: "gpt-image-2",
    prompt: "a cat",
    reference_image: data,
  });
  expect(await jsonOf(answer)).toMatchObject({
    error: { message: "reference_image has a picture, and is not a field that is read here." },
  });
  expect(answer.status).toBe(400);
  const nested = { model: PRO, prompt: "a cat", extra: { deep: [{ image: data }] } };
  expect(await jsonOf(stage.post("/v1/images/generations", nested))).toMatchObject({
    error: { param: "extra.deep[0].image" },
  });
  expect(stage.linkai.generations()).toHaveLength(before);
  // A picture in image_url, which LinkAI's own client sends, is read.
  const accepted = await stage.post("/linkai/v1/images/generations", {
    model: "gpt-image-2",
    prompt: "a cat",
    image_url: data,
  });
  expect(accepted.status).toBe(200);
  expect(lastBody(stage.linkai.generations())["images"]).toHaveLength(1);
});

describe("the Accept header", () => {
  const picture = jpeg(3);
  const asPicture = [
    "image/*",
    "image/png,image/*;q=0.8",
    "image/jpeg",
    "IMAGE/*",
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "application/json;q=0.5, image/*",
    "text/html, image/webp",
  ];
  const asJson = [
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "application/json, image/*",
    "image/*;q=0, */*",
    "image/*;q=0.5, application/json",
    "text/html",
  ];
  it.each(asPicture)("Accept: %s returns the picture itself", async (accept) => {
    stage.listenhub.next({ pictures: [picture] });
    const answer = await generate({}, { accept });
    expect(answer.headers.get("content-type")).toBe("image/jpeg");
    expect(answer.headers.get("content-length")).toBe(String(picture.bytes.length));
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    const id = answer.headers.get("easel-generation");
    expect(answer.headers.get("content-location")).toBe(`${stage.easel.url}/images/${id}/0`);
    expect(await hashOf(answer)).toBe(picture.sha256);
  });
  it.each(asJson)("Accept: %s returns the record", async (accept) => {
    expect(await jsonOf(generate({}, { accept }))).toHaveProperty("images");
  });
  it("Accept: image/* ignores range and if-none-match, and returns JSON for a failure", async () => {
    stage.listenhub.next({ pictures: [picture] }, { finishReason: "IMAGE_SAFETY" });
    const succeeded = await generate({}, { accept: "image/*", range: "bytes=0-9", "if-none-match": "*" });
    expect(succeeded.status).toBe(200);
    expect(await hashOf(succeeded)).toBe(picture.sha256);
    const failed = await generate({}, { accept: "image/*" });
    expect(failed.status).toBe(422);
    expect(await jsonOf(failed)).toMatchObject({ error: { code: "content_rejected" } });
  });
});

describe("references of the native dialect", () => {
  const inline = webp();
  const base64 = inline.bytes.toString("base64");
  const url = "https://example.com/a.png?token=1";
  const seen = { sha256: inline.sha256, bytes: 102, type: "image/webp" };
  const cases: [name: string, reference: unknown, expected: unknown][] = [
    ["a URL", url, url],
    ["{url}", { url }, url],
    ["{url} with a data URI", { url: `data:image/webp;base64,${base64}` }, seen],
    ["a data URI", `data:image/webp;base64,${base64}`, seen],
    ["a data URI with a wrong type", `data:image/png;base64,${base64}`, seen],
    ["base64", base64, seen],
    ["{data}", { data: base64 }, seen],
    ["{data} with a data URI", { data: `data:image/webp;base64,${base64}` }, seen],
  ];
  it.each(cases)("a reference may be %s", async (_, reference, expected) => {
    const answer = await generate({ model: `linkai/${PRO}`, references: [reference] });
    expect(answer.status).toBe(200);
    expect(lastLinkAIRequest()["images"]).toEqual([expected]);
  });

  const invalid: [reference: unknown, message: RegExp][] = [
    ["cat.png", /^references\[0\] must be a PNG, JPEG or WebP picture in base64, or a URL \(https:\/\//],
    [{ data: url }, /^references\[0\]\.data must be a PNG, JPEG or WebP picture in base64\./],
    [{ url: "hoisted:3" }, /^references\[0\]\.url must be/],
    [5, /^references\[0\] must be a URL, a data URI, base64, \{url\} or \{data\}/],
    [{ url, type: "image/png" }, /^references\[0\]\.type is not a field here/],
    [{}, /^references\[0\] must be a URL/],
  ];
  it.each(invalid)("the reference %j is rejected", async (reference, message) => {
    const answer = await generate({ references: [reference] });
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string; field: string } }>(answer);
    expect(error.message).toMatch(message);
    expect(error.field).toMatch(/^references\[0\]/);
  });
});

describe("validation errors", () => {
  const cases: [object, field: string, message: RegExp][] = [
    [{ prompt: "" }, "prompt", /must not be empty/],
    [{ prompt: ["a"] }, "prompt", /must be a string/],
    [{ n: 11 }, "n", /at most 10/],
    [{ n: "2" }, "n", /must be a number/],
    [{ size: "1024x1024" }, "size", /must be one of 512, 1K, 2K, 3K, 4K/],
    [{ size: "512", model: "gpt-image-2" }, "size", /allowed: 1K, 2K, 4K/],
    [{ aspectRatio: "wide" }, "aspectRatio", /not W:H; allowed: 1:1, 2:3/],
    [{ aspectRatio: 1.5 }, "aspectRatio", /must be a string/],
    [{ width: 100 }, "height", /needed beside width/],
    [{ height: 100 }, "width", /needed beside height/],
    [{ width: 0, height: 100 }, "width", /at least 1/],
    [{ width: 1000, height: 100 }, "width", /allowed: 1:1/],
    [{ quality: "best", model: "gpt-image-2" }, "quality", /allowed: low, medium, high/],
    [{ outputFormat: "gif" }, "outputFormat", /one of png, jpeg, webp/],
    [{ seed: 0.5 }, "seed", /whole number/],
    [{ model: "" }, "model", /must not be empty/],
    [{ model: "nobody/gpt-image-2" }, "model", /is no vendor here; .* one of listenhub/],
    [{ model: "__proto__" }, "model", /is not known/],
    [{ model: "linkai/constructor" }, "model", /is not known/],
    [{ negativePrompt: "dogs" }, "negativePrompt", /is not a field here; the fields are model, prompt, n, /],
    [{ aspect_ratio: "1:1" }, "aspect_ratio", /is not a field here/],
    [{ toString: 1 }, "toString", /^toString is not a field here/],
    [{ [`x${"y".repeat(9_999)}`]: 1 }, `x${"y".repeat(39)}...`, /^xy+\.\.\. is not a field/],
  ];
  it.each(cases)("an error names the invalid field and the allowed values (%#): %j", async (more, field, message) => {
    const answer = await generate(more);
    expect([400, 404]).toContain(answer.status);
    const { error } = await jsonOf<{ error: { code: string; message: string; field: string } }>(answer);
    expect(error.code).toBe(answer.status === 404 ? "model_not_found" : "invalid_request");
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
    expect(stage.listenhub.seen.length + stage.linkai.seen.length).toBe(0);
  });

  it("a __proto__ key is an unknown field, and the last of duplicate keys counts", async () => {
    const proto = await stage.post(PATH, '{"prompt":"a cat","__proto__":{"n":9}}');
    expect(await jsonOf(proto)).toMatchObject({ error: { field: "__proto__" } });
    await stage.post(PATH, '{"prompt":"a dog","prompt":"a cat","n":null,"seed":null}');
    expect(stage.listenhub.seen.at(-1)?.body).toMatchObject({ prompt: "a cat" });
  });
});

it("the warnings header stays short for thousands of unknown fields", async () => {
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`unknown-字段-${i}`, i]));
  const answer = await stage.post("/v1/images/generations", { model: PRO, prompt: "a cat", ...many });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("easel-warnings")).toMatch(/^[\x20-\x7e]{100,2000}$/);
  expect(warningsOf(answer)).toHaveLength(11);
  expect(warningsOf(answer)[0]).toBe("unknown-字段-0 is not a field here and was ignored");
  expect(warningsOf(answer).at(-1)).toBe("2990 more fields were ignored");
});
