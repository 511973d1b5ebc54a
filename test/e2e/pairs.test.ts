import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { png, sha256, until } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { hashOf, jsonOf, PRO, startStage } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

const drawn = png({ bytes: 300_001, width: 64, height: 32 });
const inline = png({ bytes: 70_003, seed: 9 });
const elsewhere = "https://example.com/reference.jpg";

/** How each dialect asks for a picture, with both kinds of reference, and where its answer has the picture. */
interface DialectUse {
  path: string;
  headers?: Record<string, string>;
  ask(model: string | undefined, withReferences: boolean): object;
  picture(answer: Response, stage: Stage): Promise<string>;
}

const base64 = inline.bytes.toString("base64");
const dataUri = `data:image/png;base64,${base64}`;
const fetched = async (stage: Stage, url: string | undefined) => hashOf(stage.easel.fetch(url ?? "no url"));

const DIALECTS: Record<string, DialectUse> = {
  listenhub: {
    path: "/v1/images/generation",
    ask: (model, withReferences) => ({
      provider: "google",
      model,
      prompt: "a cat",
      ...(withReferences && {
        referenceImages: [
          { inlineData: { data: base64, mimeType: "image/png" } },
          { fileData: { fileUri: elsewhere, mimeType: "image/jpeg" } },
        ],
      }),
    }),
    picture: async (answer) => {
      const { candidates } = await jsonOf<{
        candidates: { content: { parts: { inlineData?: { data: string } }[] } }[];
      }>(answer);
      return sha256(Buffer.from(candidates[0]?.content.parts[0]?.inlineData?.data ?? "", "base64"));
    },
  },
  linkai: {
    path: "/linkai/v1/images/generations",
    ask: (model = PRO, withReferences) => ({
      model,
      prompt: "a cat",
      ...(withReferences && { images: [dataUri, elsewhere] }),
    }),
    picture: async (answer, stage) => fetched(stage, (await jsonOf<Data>(answer)).data[0]?.url),
  },
  "openai as base64": {
    path: "/v1/images/generations",
    ask: (model = PRO, withReferences) => ({
      model,
      prompt: "a cat",
      response_format: "b64_json",
      ...(withReferences && { images: [dataUri, elsewhere] }),
    }),
    picture: async (answer) =>
      sha256(Buffer.from((await jsonOf<Data>(answer)).data[0]?.b64_json ?? "no base64", "base64")),
  },
  "openai as URL": {
    path: "/openai/v1/images/generations",
    ask: (model = PRO, withReferences) => ({
      model,
      prompt: "a cat",
      response_format: "url",
      ...(withReferences && { images: [dataUri, elsewhere] }),
    }),
    picture: async (answer, stage) => fetched(stage, (await jsonOf<Data>(answer)).data[0]?.url),
  },
  "easel as JSON": {
    path: "/v1/generations",
    ask: (model = PRO, withReferences) => ({
      model,
      prompt: "a cat",
      ...(withReferences && { references: [{ data: base64 }, { url: elsewhere }] }),
    }),
    picture: async (answer, stage) => fetched(stage, (await jsonOf<{ images: Data["data"] }>(answer)).images[0]?.url),
  },
  "easel as picture": {
    path: "/easel/v1/generations",
    headers: { accept: "image/*" },
    ask: (model = PRO, withReferences) => ({
      model,
      prompt: "a cat",
      ...(withReferences && { references: [dataUri, elsewhere] }),
    }),
    picture: async (answer) => hashOf(answer),
  },
};

interface Data {
  data: { url?: string; b64_json?: string }[];
}

/** References as each vendor must have got them. */
const seen = { sha256: inline.sha256, bytes: inline.bytes.length, type: "image/png" };
const REFERENCES = {
  listenhub: [
    { inlineData: { data: seen, mimeType: "image/png" } },
    { fileData: { fileUri: elsewhere, mimeType: "image/jpeg" } },
  ],
  linkai: [seen, elsewhere],
};

const PROVIDERS: { name: "listenhub" | "linkai" | "sandbox"; options: StageOptions }[] = [
  { name: "listenhub", options: { vendors: ["listenhub"] } },
  { name: "linkai", options: { vendors: ["linkai"], cdnElsewhere: true } },
  { name: "sandbox", options: { vendors: [], vars: { SANDBOX: "fallback" } } },
];

function vendorDraws(stage: Stage, picture: Picture): void {
  stage.listenhub.next({ pictures: [picture] });
  stage.linkai.next({ pictures: [picture] });
}

function vendorGot(stage: Stage, name: "listenhub" | "linkai"): unknown {
  const requests = name === "listenhub" ? stage.listenhub.seen : stage.linkai.generations();
  expect(requests).toHaveLength(1);
  const body = requests[0]?.body as Record<string, unknown>;
  return name === "listenhub" ? body["referenceImages"] : body["images"];
}

describe.each(PROVIDERS)("drawn by $name, the only one there is", ({ name, options }) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(options);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each(Object.keys(DIALECTS))("asked as %s", async (dialect) => {
    const use = DIALECTS[dialect] as DialectUse;
    vendorDraws(stage, drawn);
    const answer = await stage.post(use.path, use.ask(undefined, false), use.headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-vendor")).toBe(name);
    expect(answer.headers.get("easel-model")).toBe(PRO);
    const id = answer.headers.get("easel-generation") ?? "";
    const got = await use.picture(answer, stage);
    // What the sandbox drew is known only by what is stored.
    const stored = await hashOf(stage.easel.fetch(`/images/${id}/0`));
    expect(got).toBe(stored);
    if (name !== "sandbox") expect(got).toBe(drawn.sha256);
  });

  it.each(Object.keys(DIALECTS))("asked as %s, with references", async (dialect) => {
    const use = DIALECTS[dialect] as DialectUse;
    vendorDraws(stage, drawn);
    const answer = await stage.post(use.path, use.ask(undefined, true), use.headers);
    expect(answer.status).toBe(200);
    const got = await use.picture(answer, stage);
    if (name !== "sandbox") {
      expect(got).toBe(drawn.sha256);
      expect(vendorGot(stage, name)).toEqual(REFERENCES[name]);
    }
    await until(async () => (await stage.keys("references/")).length === 0);
  });
});

describe("pinned by vendor/model", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ vars: { SANDBOX: "fallback" } });
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  const pairs = Object.keys(DIALECTS).flatMap((dialect) =>
    PROVIDERS.map(({ name }) => [dialect, name] as [string, string]),
  );
  it.each(pairs)("asked as %s, drawn by %s", async (dialect, name) => {
    const use = DIALECTS[dialect] as DialectUse;
    vendorDraws(stage, drawn);
    const answer = await stage.post(use.path, use.ask(`${name}/${PRO}`, true), use.headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-vendor")).toBe(name);
    const got = await use.picture(answer, stage);
    if (name !== "sandbox") expect(got).toBe(drawn.sha256);
    expect(stage.listenhub.seen.length + stage.linkai.generations().length).toBe(name === "sandbox" ? 0 : 1);
  });

  it("is not drawn by another, nor by the sandbox", async () => {
    const only = await startStage({ vendors: ["listenhub"], vars: { SANDBOX: "fallback" } });
    try {
      const answer = await only.post("/v1/generations", { model: `linkai/${PRO}`, prompt: "a cat" });
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: "model_not_found", field: "model" } });
      expect(only.listenhub.seen).toEqual([]);
    } finally {
      await only.stop();
    }
  });
});

describe("of two vendors", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage();
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  it("the dialect's own is asked, else the first that can", async () => {
    const vendor = async (path: string, body: object) => (await stage.post(path, body)).headers.get("easel-vendor");
    const body = { model: PRO, prompt: "a cat" };
    expect(await vendor("/linkai/v1/images/generations", body)).toBe("linkai");
    expect(await vendor("/v1/images/generation", { ...body, provider: "google" })).toBe("listenhub");
    expect(await vendor("/v1/generations", body)).toBe("listenhub");
    // 4:5 is LinkAI's alone, four references are ListenHub's.
    expect(await vendor("/v1/generations", { ...body, aspectRatio: "4:5" })).toBe("linkai");
    expect(await vendor("/v1/generations", { ...body, references: Array(4).fill(elsewhere) })).toBe("listenhub");
  });

  it("an error of the vendor's limits names the field as the dialect does", async () => {
    const answer = await stage.post("/v1/images/generation", {
      provider: "google",
      model: `linkai/${PRO}`,
      prompt: "a cat",
      referenceImages: [{ fileData: { fileUri: "gs://bucket/a.png", mimeType: "image/png" } }],
    });
    expect(answer.status).toBe(400);
    const { message } = await jsonOf<{ message: string }>(answer);
    expect(message).toBe("referenceImages[0] has a URL of scheme gs; allowed: https, http");
  });

  it("none can: the first says what it would take", async () => {
    const answer = await stage.post("/v1/generations", { model: PRO, prompt: "a cat", aspectRatio: "1:8" });
    expect(answer.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string; field: string } }>(answer);
    expect(error.field).toBe("aspectRatio");
    expect(error.message).toContain("21:9");
  });
});
