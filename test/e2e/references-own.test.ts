import { beforeAll, describe, expect, it } from "vitest";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { FLASH, hashOf, lastBody, LISTENHUB_PATH, PRO, read, said, staged } from "./stage.ts";
import type { Answered } from "./stage.ts";

/** A vendor that would rather have URLs gets ours; for pictures that we have nobody is asked. */
const PUBLIC_URL = "https://img.example.com";
const one = png({ bytes: 70_000, seed: 3 });
const two = jpeg(2);

const stage = staged({ vars: { PUBLIC_URL } });

const data = ({ bytes }: { bytes: Buffer }) => ({ data: bytes.toString("base64") });
const ask = (model: string, ...references: unknown[]): Promise<Answered> =>
  read(stage.post("/v1/generations", { model, prompt: "a cat", references }));

interface File {
  fileUri: string;
  mimeType: string;
}

/** The URLs that ListenHub gets for the references of the next request, and its answer, which waits until they are used. */
async function withUrls(
  use: (files: File[]) => Promise<void>,
  request: () => Promise<Answered>,
  how: ListenHubBehaviour = {},
): Promise<Answered> {
  const vendor = Promise.withResolvers<void>();
  stage.listenhub.next({ after: vendor.promise, ...how });
  const answer = request();
  await until(() => stage.listenhub.seen[0]?.body !== undefined);
  const { referenceImages } = lastBody(stage.listenhub.seen) as { referenceImages: { fileData: File }[] };
  await use(referenceImages.map(({ fileData }) => fileData));
  expect(stage.listenhub.seen[0]?.endedAt).toBeUndefined();
  vendor.resolve();
  return answer;
}

const pathOf = ({ fileUri }: File) => fileUri.slice(PUBLIC_URL.length);
const inline = async () => ask(`listenhub/${PRO}`, data(one), data(two));

describe("a URL of ours for a vendor that throttles base64", () => {
  it("leads to each picture while the vendor draws, and nowhere after", async () => {
    let files: File[] = [];
    const answer = await withUrls(async (given) => {
      files = given;
      expect(files.map(({ mimeType }) => mimeType)).toEqual(["image/png", "image/jpeg"]);
      const hashes = await Promise.all(files.map((file) => hashOf(stage.easel.fetch(pathOf(file)))));
      expect(hashes).toEqual([one.sha256, two.sha256]);
    }, inline);
    expect(answer.status).toBe(200);
    await until(async () => (await stage.keys("references/")).length === 0);
    for (const file of files) expect((await read(stage.easel.fetch(pathOf(file)))).status).toBe(404);
  });

  it("serves a picture and nothing else, to whoever has it", async () => {
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
      const head = await read(stage.easel.fetch(path, { method: "HEAD" }));
      expect([head.status, head.body.length, head.headers.get("content-length")]).toEqual([200, 0, "70000"]);
    }, inline);
  });

  it("is not to be guessed: not from the generation, nor from another's", async () => {
    const folders: string[] = [];
    const answers: Answered[] = [];
    for (let request = 0; request < 2; request++) {
      stage.reset();
      answers.push(
        await withUrls(async ([file]) => {
          expect(file?.fileUri).toMatch(/^https:\/\/img\.example\.com\/references\/[0-9a-z]{10}[0-9a-f]{30}\/0$/);
          folders.push(file?.fileUri.split("/").at(-2) ?? "");
          for (const other of [
            `${folders[0]?.slice(0, -1)}/0`,
            `${folders[0]}/2`,
            `${folders[0]}/00`,
            `${folders[0]}/-1`,
          ])
            expect((await read(stage.easel.fetch(`/references/${other}`))).status).toBe(404);
        }, inline),
      );
    }
    const random = [...folders, ...answers.map(({ id }) => id)].map((id) => id.slice(10));
    expect(new Set(random).size).toBe(4);
  });

  it.each<[string, ListenHubBehaviour]>([
    ["succeeds", {}],
    ["fails", { error: { message: "no" } }],
  ])("59. is told to nobody else where the vendor %s: not in the answer, the record, the log", async (_, how) => {
    let folder = "";
    const use = async ([file]: File[]) => void (folder = file?.fileUri.split("/").at(-2) ?? "");
    const answer = await withUrls(use, inline, how);
    const record = JSON.stringify(await stage.record(answer.id));
    expect(folder).toHaveLength(40);
    expect(record + answer.body.toString() + said(stage.easel)).not.toContain(folder);
  });

  it("is not made for URLs, nor for a vendor that has no such wish", async () => {
    await ask(`listenhub/${FLASH}`, "https://example.com/a.png", "gs://bucket/b.png");
    expect(lastBody(stage.listenhub.seen)["referenceImages"]).toMatchObject([
      { fileData: { fileUri: "https://example.com/a.png" } },
      { fileData: { fileUri: "gs://bucket/b.png" } },
    ]);
    await ask(`linkai/gpt-image-2`, data(one));
    expect(lastBody(stage.linkai.generations())["images"]).toMatchObject([{ sha256: one.sha256 }]);
  });

  it("is made in the vendor's own dialect too", async () => {
    const request = {
      provider: "google",
      prompt: "a cat",
      referenceImages: [{ inlineData: { ...data(one), mimeType: "image/png" } }],
    };
    await withUrls(
      async ([file]) =>
        expect(await hashOf(stage.easel.fetch(file === undefined ? "" : pathOf(file)))).toBe(one.sha256),
      () => read(stage.post(LISTENHUB_PATH, request)),
    );
  });
});

describe("a picture of ours", () => {
  const drawn = png({ bytes: 90_000, seed: 11 });
  let url: string;
  let id: string;
  beforeAll(async () => {
    stage.linkai.next({ pictures: [two, drawn] });
    const answer = await ask("linkai/gpt-image-2");
    const { images } = answer.json as { images: { url: string }[] };
    [id, url] = [answer.id, images[1]?.url ?? ""];
  });

  it.each(["", ".png", "?size=large"])("is known by its URL (and %s)", async (more) => {
    expect((await ask("linkai/gpt-image-2", url + more)).status).toBe(200);
    expect(lastBody(stage.linkai.generations())["images"]).toMatchObject([{ sha256: drawn.sha256, type: "image/png" }]);
    expect(await stage.stored((await stage.keys(`pictures/${id}/`))[1] ?? "")).toBe(sha256(drawn.bytes));
  });

  it("is told by its URL where URLs are preferred", async () => {
    await ask(`listenhub/${PRO}`, `${url}.png`);
    const fileData = { fileUri: `${PUBLIC_URL}/images/${id}/1`, mimeType: "image/png" };
    expect(lastBody(stage.listenhub.seen)["referenceImages"]).toEqual([{ fileData }]);
  });

  it.each([
    ["no such picture", () => `${PUBLIC_URL}/images/${id}/2`],
    ["no such generation", () => `${PUBLIC_URL}/images/${id.slice(0, -1)}z/0`],
    ["nothing of the kind", () => `${PUBLIC_URL}/images/x/0`],
  ])("that is not here is refused: %s", async (_, wrong) => {
    const answer = await ask("linkai/gpt-image-2", data(two), wrong());
    const message = "references[1] is not a picture that is here.";
    expect([answer.status, answer.json]).toEqual([
      400,
      { error: { code: "invalid_request", message, field: "references[1]" } },
    ]);
    expect(stage.linkai.seen).toEqual([]);
  });

  it("that is no longer in R2 is refused as well", async () => {
    await stage.easel.bucket.delete((await stage.keys(`pictures/${id}/`))[1] ?? "");
    const answer = await ask("linkai/gpt-image-2", url);
    expect([answer.status, (answer.json as { error: { code: string } }).error.code]).toEqual([400, "invalid_request"]);
  });
});
