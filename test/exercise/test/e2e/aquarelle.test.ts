import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startAquarelle } from "../sim/aquarelle.ts";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { ADMIN, hashOf, jsonOf, lastBody, startStage, warningsOf } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

const KEY = "aq-key-of-the-operator";
const PATH = "/v2/paint";
const KITE = { engine: "gpt-image-2", text: "A red kite in the sky" };

let aquarelle: Awaited<ReturnType<typeof startAquarelle>>;
let stage: Stage;
const start = (options: StageOptions = {}) =>
  startStage({
    vendors: ["linkai"],
    ...options,
    vars: { AQUARELLE_API_KEY: KEY, AQUARELLE_BASE_URL: aquarelle.origin, ...options.vars },
  });
beforeAll(async () => {
  aquarelle = await startAquarelle(KEY);
  stage = await start();
});
beforeEach(() => [stage, aquarelle].forEach((part) => part.reset()));
afterAll(() => Promise.all([stage, aquarelle].map((part) => part.stop())));

const result = png({ bytes: 300_001, width: 64, height: 32 });
const source = png({ bytes: 70_003, seed: 9 });
const stencil = png({ bytes: 5_003, seed: 4 });
const asData = ({ bytes, type }: Picture) => ({ kind: "data", value: bytes.toString("base64"), media: type });
const seenAs = ({ bytes, sha256, type }: Picture) => ({
  kind: "data",
  value: { sha256, bytes: bytes.length, type },
  media: type,
});
const asFile = ({ bytes }: Picture, name: string) => toFile(bytes, name, { type: "image/png" });

interface Sheets {
  ok: boolean;
  sheets: { media: string; data: string }[];
}
const hashesOf = ({ sheets }: Sheets) => sheets.map(({ data }) => sha256(Buffer.from(data, "base64")));

/** Run `use` with a stage that has other vars, then stop that stage. */
async function withStage(vars: Record<string, string>, use: (stage: Stage) => Promise<void>): Promise<void> {
  const other = await start({ vars });
  try {
    await use(other);
  } finally {
    await other.stop();
  }
}

describe("Aquarelle's dialect", () => {
  it.each([PATH, `/aquarelle${PATH}`])("a request to %s is served by Aquarelle", async (path) => {
    const other = jpeg(2);
    aquarelle.next({ pictures: [result, other] });
    const answer = await stage.post(path, {
      ...KITE,
      sheets: 2,
      sources: [asData(source), { kind: "uri", value: "https://example.com/sky.jpg" }],
      stencil: asData(stencil),
      random: 7,
    });
    expect(answer.headers.get("easel-vendor")).toBe("aquarelle");
    expect(warningsOf(answer)).toEqual([]);
    const body = await jsonOf<Sheets>(answer);
    expect(body).toMatchObject({ ok: true, sheets: [{ media: "image/png" }, { media: "image/jpeg" }] });
    expect(hashesOf(body)).toEqual([result.sha256, other.sha256]);
    expect(lastBody(aquarelle.seen)).toEqual({
      ...KITE,
      sheets: 2,
      format: { ratio: "1:1", tier: "1K" },
      sources: [seenAs(source), { kind: "uri", value: "https://example.com/sky.jpg" }],
      stencil: seenAs(stencil),
      random: 7,
    });
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await hashOf(stage.easel.fetch(`/images/${id}/1`))).toBe(other.sha256);
    expect((await stage.record(id)).usage).toMatchObject({ cost: [{ amount: 4, currency: "credits" }] });
  });

  it("a request in Aquarelle's format is served by LinkAI", async () => {
    stage.linkai.next({ pictures: [result] });
    const answer = await stage.post(PATH, { ...KITE, engine: "linkai/gpt-image-2", sources: [asData(source)] });
    expect(answer.headers.get("easel-vendor")).toBe("linkai");
    expect(hashesOf(await jsonOf<Sheets>(answer))).toEqual([result.sha256]);
    const { value } = seenAs(source);
    expect(lastBody(stage.linkai.generations())).toMatchObject({ model: "gpt-image-2", images: [value] });
    expect(aquarelle.seen).toEqual([]);
  });

  const mask = { stencil: asData(stencil) };
  it.each<[string, object, number, kind: string, words: string]>([
    ["an unknown engine", { engine: "flux-9" }, 404, "no_engine", "The model flux-9 is not known"],
    ["empty text", { text: " " }, 400, "bad_field", "text must not be empty"],
    ["another ratio", { format: { ratio: "4:5" } }, 400, "bad_field", "format.ratio 4:5 "],
    ["a fifth source", { sources: Array(5).fill(asData(source)) }, 400, "bad_field", "sources has 5 pictures"],
    ["a stencil for another engine", { ...mask, engine: "aquarelle-1" }, 400, "bad_field", "stencil is not taken"],
    ["a stencil for LinkAI", { ...mask, engine: "linkai/gpt-image-2" }, 400, "bad_field", "stencil is not taken"],
  ])("the dialect rejects %s", async (_, more, status, kind, words) => {
    const answer = await stage.post(PATH, { ...KITE, ...more });
    expect(answer.status).toBe(status);
    const why = { kind, words: expect.stringMatching(`^${words}`) as string };
    expect(await answer.json()).toEqual({ ok: false, why });
    expect([...aquarelle.seen, ...stage.linkai.seen]).toEqual([]);
  });

  it("a client gets the vendor's own errors with the vendor's message", async () => {
    aquarelle.next({ status: 422, error: { message: "No kites." } });
    const answer = await stage.post(PATH, KITE);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toEqual({ ok: false, why: { kind: "bad_motif", words: "aquarelle: No kites." } });
  });
});

describe("Aquarelle as the provider", () => {
  it("Aquarelle serves OpenAI's images.edit with a mask, and the vendor without masks is skipped", async () => {
    aquarelle.next({ pictures: [result] });
    const client = new OpenAI({ apiKey: ADMIN, baseURL: `${stage.easel.url}/v1`, maxRetries: 0 });
    const [image, mask] = await Promise.all([asFile(source, "otter.png"), asFile(stencil, "mask.png")]);
    const answer = await client.images.edit({ model: "gpt-image-2", prompt: KITE.text, image, mask });
    expect(sha256(Buffer.from(answer.data?.[0]?.b64_json ?? "", "base64"))).toBe(result.sha256);
    expect(lastBody(aquarelle.seen)).toEqual({ ...KITE, sources: [seenAs(source)], stencil: seenAs(stencil) });
    expect(stage.linkai.seen).toEqual([]);
    await until(async () => (await stage.keys("references/")).length === 0);
  });

  it("Aquarelle serves Easel's own request for an engine that no other vendor has", async () => {
    aquarelle.next({ pictures: [result] });
    const request = { model: "aquarelle-1", prompt: KITE.text, aspectRatio: "3:2", seed: 3 };
    const answer = await stage.post("/v1/generations", request, { accept: "image/*" });
    expect(await hashOf(answer)).toBe(result.sha256);
    expect(lastBody(aquarelle.seen)).toEqual({
      engine: "aquarelle-1",
      text: KITE.text,
      format: { ratio: "3:2" },
      random: 3,
    });
  });
});

describe("Aquarelle's configuration", () => {
  const linkai = { id: "linkai/gpt-image-2", mask: false };
  const offers = async (on: Stage) =>
    (await jsonOf<{ vendors: { id: string }[] }>(on.get("/v1/models/gpt-image-2"))).vendors;

  it("GET /v1/models has Aquarelle next to the other vendors", async () => {
    expect(await offers(stage)).toMatchObject([linkai, { id: "aquarelle/gpt-image-2", mask: true }]);
    const { data } = await jsonOf<{ data: { id: string }[] }>(stage.get("/v1/models"));
    expect(data).toContainEqual(expect.objectContaining({ id: "aquarelle-1", owned_by: "aquarelle" }));
  });

  it("without AQUARELLE_API_KEY, Aquarelle is not called and LinkAI serves the request", async () => {
    await withStage({ AQUARELLE_API_KEY: "" }, async (off) => {
      expect(await offers(off)).toMatchObject([linkai]);
      expect((await off.post(PATH, KITE)).headers.get("easel-vendor")).toBe("linkai");
      const pinned = await off.post(PATH, { ...KITE, engine: "aquarelle/gpt-image-2" });
      expect(pinned.status).toBe(404);
      expect(await pinned.text()).toContain("AQUARELLE_API_KEY is not set");
      expect(aquarelle.seen).toEqual([]);
    });
  });

  it("MODELS changes the specs of Aquarelle's models", async () => {
    const MODELS = JSON.stringify({ aquarelle: { "gpt-image-2": { wireName: "aquarelle-1", mask: null, n: 1 } } });
    await withStage({ MODELS }, async (other) => {
      expect(await offers(other)).toMatchObject([linkai, { wireName: "aquarelle-1", mask: false, picturesPerCall: 1 }]);
      expect((await other.post(PATH, { ...KITE, sheets: 2 })).status).toBe(200);
      const once = { engine: "aquarelle-1", text: KITE.text, format: { ratio: "1:1", tier: "1K" } };
      expect(aquarelle.seen.map(({ body }) => body)).toEqual([once, once]);
    });
  });
});
