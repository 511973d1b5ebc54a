import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import atalk from "../fixtures/atalk/requests.json" with { type: "json" };
import linkai from "../fixtures/linkai/requests.json" with { type: "json" };
import listenhub from "../fixtures/listenhub/requests.json" with { type: "json" };
import nebula from "../fixtures/nebula/requests.json" with { type: "json" };
import xty from "../fixtures/xty/requests.json" with { type: "json" };
import { png, startStranger, until } from "../sim/index.ts";
import type { Picture, Stranger } from "../sim/index.ts";
import { DIALECTS, type DialectUse } from "./dialects.ts";
import { hashOf, jsonOf, MODELS, PRO, startStage, VENDORS } from "./stage.ts";
import type { RecordWire, Stage, VendorName } from "./stage.ts";

const generatedPicture = png({ bytes: 300_001, width: 64, height: 32 });
const inlinePicture = png({ bytes: 70_003, seed: 9 });
const remotePicture = png({ bytes: 30_003, seed: 4 });
const base64 = inlinePicture.bytes.toString("base64");

/** Vendors that receive a reference as its URL; the others receive the picture behind it. */
const TAKES_URLS: readonly VendorName[] = ["listenhub", "xty", "atalk", "linkai"];

const allVendorsReturn = (stage: Stage, picture: Picture) =>
  VENDORS.forEach((name) => stage[name].always({ pictures: [picture] }));

/** Return the generation requests that a vendor received. */
function generationRequests(stage: Stage, name: VendorName) {
  return stage[name].seen.filter(({ method }) => method === "POST");
}

/** Return the SHA-256 of each picture and each URL in a request that a vendor received, in order. */
function picturesIn(json: unknown): string[] {
  if (typeof json === "string") return /^https?:\/\//.test(json) ? [json] : [];
  if (typeof json !== "object" || json === null) return [];
  if ("sha256" in json) return [String(json.sha256)];
  return Object.values(json).flatMap(picturesIn);
}

/** A third-party web server that serves a picture. */
let web: Stranger;
let photo: string;
beforeAll(async () => {
  web = await startStranger();
  web.always({ body: remotePicture.bytes, type: remotePicture.type });
  photo = `http://${web.host}/photo.png`;
});
afterAll(() => web.stop());

const startWith = (vendors: VendorName[], more: Record<string, string> = {}) =>
  startStage({ vendors, vars: { TRUSTED_HOSTS: web.host, ...more } });

describe.each(VENDORS)("%s as the only configured vendor", (name) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startWith([name]);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each(Object.entries(DIALECTS))("a %s request returns the picture of the only vendor", async (_, use) => {
    allVendorsReturn(stage, generatedPicture);
    const response = await stage.post(use.path, use.requestBody(MODELS[name]), use.headers);
    expect([response.status, response.headers.get("easel-vendor"), response.headers.get("easel-model")]).toEqual([
      200,
      name,
      MODELS[name],
    ]);
    expect(await use.pictureHashes(response, stage)).toEqual([generatedPicture.sha256]);
    const id = response.headers.get("easel-generation") ?? "";
    expect(await hashOf(stage.easel.fetch(`/images/${id}/0`))).toBe(generatedPicture.sha256);
  });

  it.each(Object.entries(DIALECTS))(
    "a %s request with references is served and the vendor receives every reference",
    async (_, use) => {
      allVendorsReturn(stage, generatedPicture);
      const response = await stage.post(use.path, use.requestBody(MODELS[name], { base64, url: photo }), use.headers);
      expect(response.status).toBe(200);
      expect(await use.pictureHashes(response, stage)).toEqual([generatedPicture.sha256]);
      const received = generationRequests(stage, name);
      expect(received).toHaveLength(1);
      expect(picturesIn(received[0]?.body)).toEqual([
        inlinePicture.sha256,
        TAKES_URLS.includes(name) ? photo : remotePicture.sha256,
      ]);
      await until(async () => (await stage.keys("references/")).length === 0);
    },
  );
});

describe("example requests of the vendors' documents", () => {
  const DOCUMENTS: Record<string, { use: string; path?: string; requests: Record<string, object> }> = {
    listenhub: { use: "listenhub", path: "/openapi/v1/images/generation", requests: listenhub },
    xty: { use: "xty", requests: xty },
    atalk: { use: "atalk", requests: atalk },
    linkai: { use: "linkai", requests: linkai },
    nebula: { use: "nebula", requests: nebula },
  };
  let stage: Stage;
  beforeAll(async () => {
    stage = await startWith([...VENDORS]);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  const cases = Object.entries(DOCUMENTS).flatMap(([dialect, { use, path, requests }]) =>
    Object.entries(requests).flatMap(([title, body]) =>
      VENDORS.map((vendor) => ({ dialect, title, vendor, body, use: { ...DIALECTS[use], ...(path && { path }) } })),
    ),
  );
  it.each(cases)("$vendor serves the documented $dialect request: $title", async ({ vendor, body, use }) => {
    const { n = 1 } = body as { n?: number };
    allVendorsReturn(stage, generatedPicture);
    // xty returns all n pictures from one call.
    stage.xty.always({ pictures: Array<Picture>(n).fill(generatedPicture) });
    // Replace the documents' shortened base64 and example URLs by real pictures.
    const text = JSON.stringify({ ...body, model: `${vendor}/${MODELS[vendor]}` })
      .replace(/<BASE64_ENCODED_IMAGE>|iVBOR[\w.]*/g, base64)
      .replace(/https:\/\/[^"]+/g, photo);
    const response = await stage.post((use as DialectUse).path, text);
    expect(response.headers.get("easel-vendor")).toBe(vendor);
    expect(response.status).toBe(200);
    const pictures = await (use as DialectUse).pictureHashes(response, stage);
    expect(new Set(pictures)).toEqual(new Set([generatedPicture.sha256]));
    const record = await stage.record(response.headers.get("easel-generation") ?? "");
    expect(record.images).toHaveLength(pictures.length);
    expect(pictures).toHaveLength(n);
    // Every reference arrived.
    const sent = text.split(base64).length - 1 + text.split(photo).length - 1;
    for (const { body } of generationRequests(stage, vendor)) expect(picturesIn(body)).toHaveLength(sent);
  });
});

describe("the sandbox without configured vendors", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startWith([], { SANDBOX: "fallback" });
  });
  afterAll(() => stage.stop());

  it.each(Object.entries(DIALECTS))("the sandbox serves a %s request", async (_, use) => {
    const response = await stage.post(
      use.path,
      use.requestBody(undefined, { base64, url: "https://example.com/a.png" }),
      use.headers,
    );
    expect([response.status, response.headers.get("easel-vendor")]).toEqual([200, "sandbox"]);
    const id = response.headers.get("easel-generation") ?? "";
    expect(await use.pictureHashes(response, stage)).toEqual([await hashOf(stage.easel.fetch(`/images/${id}/0`))]);
  });
});

describe("vendor selection", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startWith([...VENDORS], { SANDBOX: "fallback" });
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());
  const vendor = async (path: string, body: object) => (await stage.post(path, body)).headers.get("easel-vendor");

  it("the dialect's own vendor is preferred, then the first vendor that supports the whole request", async () => {
    const body = { model: PRO, prompt: "a cat" };
    expect(await vendor("/linkai/v1/images/generations", body)).toBe("linkai");
    expect(await vendor("/v1/images/generation", { ...body, provider: "google" })).toBe("listenhub");
    expect(await vendor("/v1/generations", body)).toBe("listenhub");
    expect(await vendor("/v1/chat/completions", { model: PRO, messages: [{ role: "user", content: "a cat" }] })).toBe(
      "xty",
    );
    expect(await vendor("/nebula/v1/images/generations", body)).toBe("nebula");
    expect(await vendor("/images/generate", { model: "flux-2-pro", prompt: "a cat" })).toBe("atalk");
    // ListenHub has no 4:5, and xty does not take four references for that model.
    expect(await vendor("/v1/generations", { ...body, aspectRatio: "4:5" })).toBe("xty");
    const older = { model: "gemini-2.5-flash-image", prompt: "a cat" };
    expect(await vendor("/linkai/v1/images/generations", older)).toBe("linkai");
    expect(await vendor("/v1/generations", older)).toBe("xty");
    const references = Array<string>(4).fill("https://example.com/a.png");
    expect(await vendor("/v1/generations", { ...older, references })).toBe("atalk");
  });

  it("a vendor that would drop a field is called only if every vendor would drop it", async () => {
    const body = { model: "gemini-2.5-flash-image", prompt: "a cat" };
    // nebula has no field for a ratio, atalk has no 4:3.
    const response = await stage.post("/nebula/v1/images/generations", { ...body, size: "4:3" });
    expect(response.headers.get("easel-vendor")).toBe("xty");
    const only = await stage.post("/v1/generations", { ...body, model: `nebula/${body.model}`, aspectRatio: "4:3" });
    expect((await jsonOf<RecordWire>(only)).warnings).toEqual([
      "aspectRatio 4:3 was left out: gemini-2.5-flash-image does not take it here",
    ]);
  });

  it("a pinned vendor without an API key returns 404 and no other vendor is called", async () => {
    const only = await startStage({ vendors: ["listenhub"], vars: { SANDBOX: "fallback" } });
    try {
      const response = await only.post("/v1/generations", { model: `linkai/${PRO}`, prompt: "a cat" });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: "model_not_found", field: "model" } });
      expect(only.listenhub.seen).toEqual([]);
    } finally {
      await only.stop();
    }
  });

  it("an error of the vendor's limits names the field as the dialect does", async () => {
    const response = await stage.post("/v1/images/generation", {
      provider: "google",
      model: `linkai/${PRO}`,
      prompt: "a cat",
      referenceImages: [{ fileData: { fileUri: "gs://bucket/a.png", mimeType: "image/png" } }],
    });
    expect(response.status).toBe(400);
    const { message } = await jsonOf<{ message: string }>(response);
    expect(message).toBe("referenceImages[0] has a URL of scheme gs; allowed: https, http");
    const fetched = await stage.post("/images/generate", {
      model: "nebula/gemini-2.5-flash-image",
      prompt: "a cat",
      input_image: photo,
      input_image_5: "http://10.0.0.1/a.png",
    });
    expect(await jsonOf<{ msg: string }>(fetched)).toMatchObject({
      msg: expect.stringMatching(/^input_image_5 could not be fetched/) as string,
    });
  });

  it("an aspect ratio that a pinned vendor does not support is rejected with the supported ratios", async () => {
    const response = await stage.post("/v1/generations", { model: PRO, prompt: "a cat", aspectRatio: "1:8" });
    // nebula drops the aspect ratio instead of rejecting it.
    expect(response.headers.get("easel-vendor")).toBe("nebula");
    const pinned = await stage.post("/v1/generations", {
      model: `listenhub/${PRO}`,
      prompt: "a cat",
      aspectRatio: "1:8",
    });
    expect(pinned.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string; field: string } }>(pinned);
    expect(error.field).toBe("aspectRatio");
    expect(error.message).toContain("21:9");
  });
});
