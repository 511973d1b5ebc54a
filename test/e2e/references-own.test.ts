import { beforeAll, describe, expect, it } from "vitest";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { FLASH, hashOf, lastBody, LISTENHUB_PATH, PRO, readResponse, logText, staged } from "./stage.ts";
import type { ReadResponse } from "./stage.ts";

/** Easel's own origin: a vendor that prefers URLs gets URLs of it, and pictures behind it are read from R2 without a fetch. */
const PUBLIC_URL = "https://img.example.com";
const firstPicture = png({ bytes: 70_000, seed: 3 });
const secondPicture = jpeg(2);

const stage = staged({ vars: { PUBLIC_URL } });

const inlineData = ({ bytes }: { bytes: Buffer }) => ({ data: bytes.toString("base64") });
const postWithReferences = (model: string, ...references: unknown[]): Promise<ReadResponse> =>
  readResponse(stage.post("/v1/generations", { model, prompt: "a cat", references }));

interface FileData {
  fileUri: string;
  mimeType: string;
}

/** Send a request and call `use` with the URLs that ListenHub receives, before ListenHub responds; return the response. */
async function withUrls(
  use: (files: FileData[]) => Promise<void>,
  request: () => Promise<ReadResponse>,
  behaviour: ListenHubBehaviour = {},
): Promise<ReadResponse> {
  const vendor = Promise.withResolvers<void>();
  stage.listenhub.next({ after: vendor.promise, ...behaviour });
  const response = request();
  await until(() => stage.listenhub.seen[0]?.body !== undefined);
  const { referenceImages } = lastBody(stage.listenhub.seen) as { referenceImages: { fileData: FileData }[] };
  await use(referenceImages.map(({ fileData }) => fileData));
  expect(stage.listenhub.seen[0]?.endedAt).toBeUndefined();
  vendor.resolve();
  return response;
}

const pathOf = ({ fileUri }: FileData) => fileUri.slice(PUBLIC_URL.length);
const postInlinePictures = async () =>
  postWithReferences(`listenhub/${PRO}`, inlineData(firstPicture), inlineData(secondPicture));

describe("Easel's reference URLs for a vendor that throttles base64", () => {
  it("each reference URL serves its picture while the vendor generates and returns 404 afterwards", async () => {
    let files: FileData[] = [];
    const response = await withUrls(async (receivedFiles) => {
      files = receivedFiles;
      expect(files.map(({ mimeType }) => mimeType)).toEqual(["image/png", "image/jpeg"]);
      const hashes = await Promise.all(files.map((file) => hashOf(stage.easel.fetch(pathOf(file)))));
      expect(hashes).toEqual([firstPicture.sha256, secondPicture.sha256]);
    }, postInlinePictures);
    expect(response.status).toBe(200);
    await until(async () => (await stage.keys("references/")).length === 0);
    for (const file of files) expect((await readResponse(stage.easel.fetch(pathOf(file)))).status).toBe(404);
  });

  it("a reference URL serves only a picture, without authentication", async () => {
    await withUrls(async ([file]) => {
      const path = file === undefined ? "" : pathOf(file);
      const served = await stage.easel.fetch(path);
      await served.arrayBuffer();
      expect(Object.fromEntries(served.headers)).toMatchObject({
        "content-type": "image/png",
        "content-length": "70000",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
      });
      const head = await readResponse(stage.easel.fetch(path, { method: "HEAD" }));
      expect([head.status, head.body.length, head.headers.get("content-length")]).toEqual([200, 0, "70000"]);
    }, postInlinePictures);
  });

  it("a reference URL cannot be guessed from the generation or from another request's URL", async () => {
    const folders: string[] = [];
    const responses: ReadResponse[] = [];
    for (let request = 0; request < 2; request++) {
      stage.reset();
      responses.push(
        await withUrls(async ([file]) => {
          expect(file?.fileUri).toMatch(/^https:\/\/img\.example\.com\/references\/[0-9a-z]{10}[0-9a-f]{30}\/0$/);
          folders.push(file?.fileUri.split("/").at(-2) ?? "");
          for (const other of [
            `${folders[0]?.slice(0, -1)}/0`,
            `${folders[0]}/2`,
            `${folders[0]}/00`,
            `${folders[0]}/-1`,
          ])
            expect((await readResponse(stage.easel.fetch(`/references/${other}`))).status).toBe(404);
        }, postInlinePictures),
      );
    }
    const random = [...folders, ...responses.map(({ id }) => id)].map((id) => id.slice(10));
    expect(new Set(random).size).toBe(4);
  });

  it.each<[string, ListenHubBehaviour]>([
    ["succeeds", {}],
    ["fails", { error: { message: "no" } }],
  ])(
    "a reference URL appears neither in the response, the record nor the log if the vendor %s [fault 59]",
    async (_, behaviour) => {
      let folder = "";
      const use = async ([file]: FileData[]) => void (folder = file?.fileUri.split("/").at(-2) ?? "");
      const response = await withUrls(use, postInlinePictures, behaviour);
      const record = JSON.stringify(await stage.record(response.id));
      expect(folder).toHaveLength(40);
      expect(record + response.body.toString() + logText(stage.easel)).not.toContain(folder);
    },
  );

  it("no reference URL is created for a reference that is a URL, or for a vendor that prefers inline data", async () => {
    await postWithReferences(`listenhub/${FLASH}`, "https://example.com/a.png", "gs://bucket/b.png");
    expect(lastBody(stage.listenhub.seen)["referenceImages"]).toMatchObject([
      { fileData: { fileUri: "https://example.com/a.png" } },
      { fileData: { fileUri: "gs://bucket/b.png" } },
    ]);
    await postWithReferences(`linkai/gpt-image-2`, inlineData(firstPicture));
    expect(lastBody(stage.linkai.generations())["images"]).toMatchObject([{ sha256: firstPicture.sha256 }]);
  });

  it("a reference URL is created for a request in the vendor's own dialect", async () => {
    const request = {
      provider: "google",
      prompt: "a cat",
      referenceImages: [{ inlineData: { ...inlineData(firstPicture), mimeType: "image/png" } }],
    };
    await withUrls(
      async ([file]) =>
        expect(await hashOf(stage.easel.fetch(file === undefined ? "" : pathOf(file)))).toBe(firstPicture.sha256),
      () => readResponse(stage.post(LISTENHUB_PATH, request)),
    );
  });
});

describe("a reference to firstPicture of Easel's pictures", () => {
  const generatedPicture = png({ bytes: 90_000, seed: 11 });
  let url: string;
  let id: string;
  beforeAll(async () => {
    stage.linkai.next({ pictures: [secondPicture, generatedPicture] });
    const response = await postWithReferences("linkai/gpt-image-2");
    const { images } = response.json as { images: { url: string }[] };
    [id, url] = [response.id, images[1]?.url ?? ""];
  });

  it.each(["", ".png", "?size=large"])(
    "a picture's URL with the suffix '%s' is recognized and the stored picture is sent inline",
    async (more) => {
      expect((await postWithReferences("linkai/gpt-image-2", url + more)).status).toBe(200);
      expect(lastBody(stage.linkai.generations())["images"]).toMatchObject([
        { sha256: generatedPicture.sha256, type: "image/png" },
      ]);
      expect(await stage.storedHash((await stage.keys(`pictures/${id}/`))[1] ?? "")).toBe(
        sha256(generatedPicture.bytes),
      );
    },
  );

  it("a vendor that prefers URLs receives the URL of the picture", async () => {
    await postWithReferences(`listenhub/${PRO}`, `${url}.png`);
    const fileData = { fileUri: `${PUBLIC_URL}/images/${id}/1`, mimeType: "image/png" };
    expect(lastBody(stage.listenhub.seen)["referenceImages"]).toEqual([{ fileData }]);
  });

  it.each([
    ["no such picture", () => `${PUBLIC_URL}/images/${id}/2`],
    ["no such generation", () => `${PUBLIC_URL}/images/${id.slice(0, -1)}z/0`],
    ["an invalid id", () => `${PUBLIC_URL}/images/x/0`],
  ])("a URL of Easel without a picture is rejected: %s", async (_, invalidUrl) => {
    const response = await postWithReferences("linkai/gpt-image-2", inlineData(secondPicture), invalidUrl());
    const message = "references[1] is not a picture that is here.";
    expect([response.status, response.json]).toEqual([
      400,
      { error: { code: "invalid_request", message, field: "references[1]" } },
    ]);
    expect(stage.linkai.seen).toEqual([]);
  });

  it("a URL of a picture that was deleted from R2 is rejected", async () => {
    await stage.easel.bucket.delete((await stage.keys(`pictures/${id}/`))[1] ?? "");
    const response = await postWithReferences("linkai/gpt-image-2", url);
    expect([response.status, (response.json as { error: { code: string } }).error.code]).toEqual([
      400,
      "invalid_request",
    ]);
  });
});
