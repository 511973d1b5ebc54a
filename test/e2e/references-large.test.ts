import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { png, startStranger, until } from "../sim/index.ts";
import type { Picture, Stranger } from "../sim/index.ts";
import { hashOf, lastBody, LISTENHUB_PATH, PRO, readResponse, startStage } from "./stage.ts";
import type { ReadResponse, Stage } from "./stage.ts";

/** Fourteen pictures of 7 MB: 98 MB, or 131 MB of base64 in one body. An isolate has 128 MB of memory in total. */
const pictures = Array.from({ length: 14 }, (_, seed) => png({ bytes: 7_000_000, seed: seed + 1 }));
const hashes = pictures.map(({ sha256 }) => sha256);
const base64 = ({ bytes }: Picture) => bytes.toString("base64");

let stage: Stage;
beforeEach(() => stage.reset());

/** Build a JSON body from one piece per picture and postBodyWith it, as a client with such a large body would. */
function postBodyWith(path: string, before: string, wrap: (picture: Picture) => [string, string], after: string) {
  const parts = pictures.flatMap((picture, index) => {
    const [head, tail] = wrap(picture);
    return [index === 0 ? before : ",", head, base64(picture), tail];
  });
  return readResponse(stage.post(path, Buffer.concat([...parts, after].map((text) => Buffer.from(text)))));
}

const postInline = (provider = '"provider":"google"') =>
  postBodyWith(
    LISTENHUB_PATH,
    `{${provider},"model":"${PRO}","prompt":"a cat","referenceImages":[`,
    ({ type }) => [`{"inlineData":{"mimeType":"${type}","data":"`, '"}}'],
    "]}",
  );
const postDataUris = (path: string, model: string) =>
  postBodyWith(
    path,
    `{"model":"${model}","prompt":"a cat","images":[`,
    ({ type }) => [`"data:${type};base64,`, '"'],
    "]}",
  );

describe("large postInline references", () => {
  beforeAll(async () => {
    stage = await startStage();
  });
  afterAll(() => stage.stop());

  it("98 MB of inline references reach ListenHub from its own dialect", async () => {
    expect((await postInline()).status).toBe(200);
    const { referenceImages } = lastBody(stage.listenhub.seen) as { referenceImages: Inline[] };
    expect(referenceImages.map(({ inlineData }) => inlineData.data.sha256)).toEqual(hashes);
  });
  it("98 MB of inline references reach ListenHub from another dialect", async () => {
    expect((await postDataUris("/v1/images/generations", `listenhub/${PRO}`)).status).toBe(200);
    const { referenceImages } = lastBody(stage.listenhub.seen) as { referenceImages: Inline[] };
    expect(referenceImages.map(({ inlineData }) => inlineData.data.sha256)).toEqual(hashes);
  });
  it("98 MB of inline references reach LinkAI as data URIs", async () => {
    expect((await postDataUris("/linkai/v1/images/generations", "gpt-image-2")).status).toBe(200);
    const { images } = lastBody(stage.linkai.generations()) as { images: { sha256: string }[] };
    expect(images.map(({ sha256 }) => sha256)).toEqual(hashes);
  });
});

interface Inline {
  inlineData: { data: { sha256: string } };
}

describe("large references behind URLs", () => {
  let host: Stranger;
  beforeAll(async () => {
    host = await startStranger();
    const vars = { TRUSTED_HOSTS: host.host, PUBLIC_URL: "https://img.example.com" };
    stage = await startStage({ vendors: ["listenhub", "nebula"], vars });
  });
  afterAll(() => Promise.all([stage, host].map((server) => server.stop())));

  it("98 MB of inline references are served by Easel's URLs to a vendor that prefers URLs", async () => {
    const vendor = Promise.withResolvers<void>();
    stage.listenhub.next({ after: vendor.promise });
    const pending: Promise<ReadResponse> = postInline();
    await until(() => stage.listenhub.seen[0]?.body !== undefined);
    const { referenceImages } = lastBody(stage.listenhub.seen) as {
      referenceImages: { fileData: { fileUri: string } }[];
    };
    const served: string[] = [];
    for (const { fileData } of referenceImages) {
      served.push(await hashOf(stage.easel.fetch(new URL(fileData.fileUri).pathname)));
    }
    expect(served).toEqual(hashes);
    vendor.resolve();
    expect((await pending).status).toBe(200);
  });

  it("98 MB of references are fetched from another host for a vendor that accepts no URLs", async () => {
    pictures.forEach(({ bytes }) => host.next({ body: bytes, type: "image/png" }));
    const references = pictures.map((_, index) => `${host.origin}/${index}.png`);
    const model = `nebula/${PRO}`;
    expect((await readResponse(stage.post("/v1/generations", { model, prompt: "a cat", references }))).status).toBe(
      200,
    );
    const { contents } = lastBody(stage.nebula.seen) as { contents: { parts: { image?: { sha256: string } }[] }[] };
    const arrived = contents.flatMap(({ parts }) => parts.flatMap(({ image }) => image?.sha256 ?? []));
    const order = host.seen.map(({ path }) => Number.parseInt(path.slice(1), 10));
    expect(arrived).toEqual(pictures.map((_, index) => hashes[order.indexOf(index)]));
  });
});
