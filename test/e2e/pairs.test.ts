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

const drawn = png({ bytes: 300_001, width: 64, height: 32 });
const inline = png({ bytes: 70_003, seed: 9 });
const elsewhere = png({ bytes: 30_003, seed: 4 });
const base64 = inline.bytes.toString("base64");

/** Who takes a reference as a URL gets the URL, the other the picture behind it. */
const TAKES_URLS: readonly VendorName[] = ["listenhub", "xty", "atalk", "linkai"];

const allDraw = (stage: Stage, picture: Picture) =>
  VENDORS.forEach((name) => stage[name].always({ pictures: [picture] }));

/** The requests for pictures that a vendor got. */
function generations(stage: Stage, name: VendorName) {
  return stage[name].seen.filter(({ method }) => method === "POST");
}

/** The SHA-256 of each picture, and each URL, in what a vendor got, in order. */
function picturesIn(json: unknown): string[] {
  if (typeof json === "string") return /^https?:\/\//.test(json) ? [json] : [];
  if (typeof json !== "object" || json === null) return [];
  if ("sha256" in json) return [String(json.sha256)];
  return Object.values(json).flatMap(picturesIn);
}

/** Somebody's web server, with a picture on it. */
let web: Stranger;
let photo: string;
beforeAll(async () => {
  web = await startStranger();
  web.always({ body: elsewhere.bytes, type: elsewhere.type });
  photo = `http://${web.host}/photo.png`;
});
afterAll(() => web.stop());

const start = (vendors: VendorName[], more: Record<string, string> = {}) =>
  startStage({ vendors, vars: { TRUSTED_HOSTS: web.host, ...more } });

describe.each(VENDORS)("drawn by %s, the only one there is", (name) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await start([name]);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  it.each(Object.entries(DIALECTS))("asked as %s", async (_, use) => {
    allDraw(stage, drawn);
    const answer = await stage.post(use.path, use.ask(MODELS[name]), use.headers);
    expect([answer.status, answer.headers.get("easel-vendor"), answer.headers.get("easel-model")]).toEqual([
      200,
      name,
      MODELS[name],
    ]);
    expect(await use.pictures(answer, stage)).toEqual([drawn.sha256]);
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await hashOf(stage.easel.fetch(`/images/${id}/0`))).toBe(drawn.sha256);
  });

  it.each(Object.entries(DIALECTS))("asked as %s, with references", async (_, use) => {
    allDraw(stage, drawn);
    const answer = await stage.post(use.path, use.ask(MODELS[name], { base64, url: photo }), use.headers);
    expect(answer.status).toBe(200);
    expect(await use.pictures(answer, stage)).toEqual([drawn.sha256]);
    const got = generations(stage, name);
    expect(got).toHaveLength(1);
    expect(picturesIn(got[0]?.body)).toEqual([inline.sha256, TAKES_URLS.includes(name) ? photo : elsewhere.sha256]);
    await until(async () => (await stage.keys("references/")).length === 0);
  });
});

describe("the documents' own requests", () => {
  const DOCUMENTS: Record<string, { use: string; path?: string; requests: Record<string, object> }> = {
    listenhub: { use: "listenhub", path: "/openapi/v1/images/generation", requests: listenhub },
    xty: { use: "xty", requests: xty },
    atalk: { use: "atalk", requests: atalk },
    linkai: { use: "linkai", requests: linkai },
    nebula: { use: "nebula", requests: nebula },
  };
  let stage: Stage;
  beforeAll(async () => {
    stage = await start([...VENDORS]);
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());

  const cases = Object.entries(DOCUMENTS).flatMap(([dialect, { use, path, requests }]) =>
    Object.entries(requests).flatMap(([title, body]) =>
      VENDORS.map((vendor) => ({ dialect, title, vendor, body, use: { ...DIALECTS[use], ...(path && { path }) } })),
    ),
  );
  it.each(cases)("$dialect: $title, drawn by $vendor", async ({ vendor, body, use }) => {
    const { n = 1 } = body as { n?: number };
    allDraw(stage, drawn);
    // Who draws several at once is asked once.
    stage.xty.always({ pictures: Array<Picture>(n).fill(drawn) });
    // What documents leave out of base64, and whom they would fetch pictures from.
    const text = JSON.stringify({ ...body, model: `${vendor}/${MODELS[vendor]}` })
      .replace(/<BASE64_ENCODED_IMAGE>|iVBOR[\w.]*/g, base64)
      .replace(/https:\/\/[^"]+/g, photo);
    const answer = await stage.post((use as DialectUse).path, text);
    expect(answer.headers.get("easel-vendor")).toBe(vendor);
    expect(answer.status).toBe(200);
    const pictures = await (use as DialectUse).pictures(answer, stage);
    expect(new Set(pictures)).toEqual(new Set([drawn.sha256]));
    const record = await stage.record(answer.headers.get("easel-generation") ?? "");
    expect(record.images).toHaveLength(pictures.length);
    expect(pictures).toHaveLength(n);
    // Every reference arrived.
    const sent = text.split(base64).length - 1 + text.split(photo).length - 1;
    for (const { body } of generations(stage, vendor)) expect(picturesIn(body)).toHaveLength(sent);
  });
});

describe("drawn by the sandbox, where nobody is configured", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await start([], { SANDBOX: "fallback" });
  });
  afterAll(() => stage.stop());

  it.each(Object.entries(DIALECTS))("asked as %s", async (_, use) => {
    const answer = await stage.post(
      use.path,
      use.ask(undefined, { base64, url: "https://example.com/a.png" }),
      use.headers,
    );
    expect([answer.status, answer.headers.get("easel-vendor")]).toEqual([200, "sandbox"]);
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await use.pictures(answer, stage)).toEqual([await hashOf(stage.easel.fetch(`/images/${id}/0`))]);
  });
});

describe("who is asked", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await start([...VENDORS], { SANDBOX: "fallback" });
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());
  const vendor = async (path: string, body: object) => (await stage.post(path, body)).headers.get("easel-vendor");

  it("the dialect's own, else the first that can do all of it", async () => {
    const body = { model: PRO, prompt: "a cat" };
    expect(await vendor("/linkai/v1/images/generations", body)).toBe("linkai");
    expect(await vendor("/v1/images/generation", { ...body, provider: "google" })).toBe("listenhub");
    expect(await vendor("/v1/generations", body)).toBe("listenhub");
    expect(await vendor("/v1/chat/completions", { model: PRO, messages: [{ role: "user", content: "a cat" }] })).toBe(
      "xty",
    );
    expect(await vendor("/nebula/v1/images/generations", body)).toBe("nebula");
    expect(await vendor("/images/generate", { model: "flux-2-pro", prompt: "a cat" })).toBe("atalk");
    // 4:5 is not ListenHub's, and four references to that model are not xty's.
    expect(await vendor("/v1/generations", { ...body, aspectRatio: "4:5" })).toBe("xty");
    const older = { model: "gemini-2.5-flash-image", prompt: "a cat" };
    expect(await vendor("/linkai/v1/images/generations", older)).toBe("linkai");
    expect(await vendor("/v1/generations", older)).toBe("xty");
    const references = Array<string>(4).fill("https://example.com/a.png");
    expect(await vendor("/v1/generations", { ...older, references })).toBe("atalk");
  });

  it("one that would leave something out only where all would", async () => {
    const body = { model: "gemini-2.5-flash-image", prompt: "a cat" };
    // nebula has no field for a ratio, atalk has no 4:3.
    const answer = await stage.post("/nebula/v1/images/generations", { ...body, size: "4:3" });
    expect(answer.headers.get("easel-vendor")).toBe("xty");
    const only = await stage.post("/v1/generations", { ...body, model: `nebula/${body.model}`, aspectRatio: "4:3" });
    expect((await jsonOf<RecordWire>(only)).warnings).toEqual([
      "aspectRatio 4:3 was left out: gemini-2.5-flash-image does not take it here",
    ]);
  });

  it("nobody else where a vendor is pinned", async () => {
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

  it("none can: the first says what it would take", async () => {
    const answer = await stage.post("/v1/generations", { model: PRO, prompt: "a cat", aspectRatio: "1:8" });
    // nebula would have left it out.
    expect(answer.headers.get("easel-vendor")).toBe("nebula");
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
