import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { ADMIN, FLASH, waitForLog, jsonOf, lastBody, PRO, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

interface Model {
  id: string;
  object: string;
  created: number;
  owned_by: string;
  aliases: string[];
  vendors: ({ id: string } & Record<string, unknown>)[];
}

/** Run `use` with a stage that has the var MODELS. */
async function withModels(models: unknown, use: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await startStage({ vars: { MODELS: JSON.stringify(models) } });
  try {
    await use(stage);
  } finally {
    await stage.stop();
  }
}

const listModels = async (stage: Stage, path = "/v1/models") => (await jsonOf<{ data: Model[] }>(stage.get(path))).data;
const getModel = (stage: Stage, id: string) => jsonOf<Model>(stage.get(`/v1/models/${id}`));

const stage = staged();

describe("GET /v1/models", () => {
  it("the list has the models that are available, with their vendors", async () => {
    const { object, data } = await jsonOf<{ object: string; data: Model[] }>(stage.get("/v1/models"));
    expect(object).toBe("list");
    const pro = data.find(({ id }) => id === PRO);
    expect(pro).toMatchObject({
      object: "model",
      created: 0,
      owned_by: "listenhub",
      aliases: ["gemini-3-pro-image", "nano-banana-pro"],
    });
    expect(pro?.vendors.map(({ id }) => id)).toEqual([`listenhub/${PRO}`, `linkai/${PRO}`]);
    expect(data.every(({ vendors }) => vendors.length > 0)).toBe(true);
    const ids = data.map(({ id }) => id);
    // No configured vendor has flux-2-pro; `sandbox` belongs to the sandbox, which is off.
    expect(ids).not.toContain("flux-2-pro");
    expect(ids).not.toContain("sandbox");
  });

  it("a model describes everything that each vendor supports", async () => {
    const { vendors } = await getModel(stage, PRO);
    expect(vendors[0]).toEqual({
      id: `listenhub/${PRO}`,
      wireName: PRO,
      sizes: ["1K", "2K", "4K"],
      defaultSize: "2K",
      aspectRatios: ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"],
      pixels: {
        "1K": expect.objectContaining({ "16:9": "1376x768" }) as unknown,
        "2K": expect.objectContaining({ "16:9": "2752x1536" }) as unknown,
        "4K": expect.objectContaining({ "16:9": "5504x3072" }) as unknown,
      },
      references: { max: 14, urls: ["https", "http", "gs"] },
      mask: false,
      turns: false,
      qualities: [],
      outputFormats: [],
      seed: false,
      picturesPerCall: 1,
      output: { kind: "base64" },
      price: { currency: "credits", amount: { "1K": 15, "2K": 15, "4K": 30 } },
    });
    expect(vendors[1]).toMatchObject({ defaultSize: "1K", references: { max: 3 }, output: { kind: "url" } });
    expect(vendors[1]).not.toHaveProperty("price");
  });

  it("a model lists pixel sizes only for what the vendor supports", async () => {
    const rows = async (id: string) => {
      const [vendor] = (await getModel(stage, id)).vendors;
      return Object.entries(vendor?.["pixels"] as Record<string, object>).map(
        ([tier, row]) => [tier, Object.keys(row).length] as const,
      );
    };
    expect(await rows(`listenhub/${FLASH}`)).toEqual(["1K", "2K", "4K"].map((tier) => [tier, 12]));
    expect(await rows(`linkai/${FLASH}`)).toEqual(["512", "1K", "2K", "4K"].map((tier) => [tier, 10]));
    // This model accepts no size, and generates 1K.
    expect(await rows("linkai/gemini-2.5-flash-image")).toEqual([["1K", 10]]);
  });

  it.each(["linkai/gpt-image-2", "linkai%2Fgpt-image-2", "nano-banana-pro", "linkai/nano-banana-pro"])(
    "the model %s is found",
    async (id) => {
      const model = await getModel(stage, id);
      expect(model.id).toBe(decodeURIComponent(id));
      expect(model.vendors.length).toBe(id === "nano-banana-pro" ? 2 : 1);
    },
  );

  it.each(["flux-2-pro", "nobody/gpt-image-2", "listenhub/gpt-image-2", "sandbox", "%"])(
    "the model %s is not found",
    async (id) => {
      const answer = await stage.get(`/v1/models/${id}`);
      expect(answer.status).toBe(404);
      expect(await jsonOf(answer)).toMatchObject({ error: { code: "model_not_found", field: "model" } });
    },
  );

  it("with the sandbox as fallback, the list has every model and requires an API key", async () => {
    const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      const data = await listModels(sandbox, "/openai/v1/models");
      expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(["flux-2-pro", "gpt-image-2", "sandbox"]));
      expect(new Set(data.map(({ owned_by }) => owned_by))).toEqual(new Set(["sandbox"]));
      expect((await sandbox.easel.fetch("/v1/models")).status).toBe(401);
    } finally {
      await sandbox.stop();
    }
  });
});

describe.each(["/v1", "/openai/v1", "/linkai/v1"])("models of OpenAI's SDK at %s", (at) => {
  const client = () => new OpenAI({ apiKey: ADMIN, baseURL: stage.easel.url + at, maxRetries: 0 });

  it("the SDK lists the same models as /v1/models", async () => {
    const ids: string[] = [];
    for await (const { id, created } of client().models.list()) {
      ids.push(id);
      expect(created).toBe(0);
    }
    expect(ids).toEqual((await listModels(stage)).map(({ id }) => id));
  });

  it("the SDK retrieves a model by name, alias and vendor, and reports an unknown one", async () => {
    for (const id of [PRO, "nano-banana-pro", `linkai/${PRO}`])
      expect(await client().models.retrieve(id)).toMatchObject({ id, object: "model", created: 0 });
    await expect(client().models.retrieve("nobody-at-all")).rejects.toThrow(
      expect.objectContaining({ status: 404, message: expect.stringContaining("nobody-at-all") as string }),
    );
  });
});

describe("the var MODELS", () => {
  it("MODELS can change the name under which a vendor has a model", () =>
    withModels({ linkai: { [PRO]: { wireName: FLASH } } }, async (stage) => {
      const answer = await stage.post("/v1/generations", { prompt: "a cat", model: `linkai/${PRO}` });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("easel-model")).toBe(PRO);
      expect(lastBody(stage.linkai.generations())).toMatchObject({ model: FLASH });
      expect((await getModel(stage, PRO)).vendors[1]).toMatchObject({ wireName: FLASH });
    }));

  it("MODELS can add a model with aliases", () =>
    withModels(
      { linkai: { "nano-banana-2.1": { like: FLASH, wireName: FLASH, aliases: ["banana"], defaultSize: "2K" } } },
      async (stage) => {
        for (const model of ["nano-banana-2.1", "banana", "linkai/banana"]) {
          const answer = await stage.post("/v1/images/generations", { prompt: "a cat", model });
          expect(answer.status).toBe(200);
          expect(answer.headers.get("easel-model")).toBe("nano-banana-2.1");
          expect(lastBody(stage.linkai.generations())).toMatchObject({ model: FLASH });
        }
        expect((await listModels(stage)).find(({ id }) => id === "nano-banana-2.1")).toMatchObject({
          aliases: ["banana"],
          vendors: [{ id: "linkai/nano-banana-2.1", defaultSize: "2K" }],
        });
      },
    ));

  it("MODELS can remove a model from a vendor, or switch one on", () =>
    withModels({ listenhub: { [PRO]: null, "gpt-image-2": { off: false } } }, async (stage) => {
      expect((await getModel(stage, PRO)).owned_by).toBe("linkai");
      const answer = await stage.post("/openapi/v1/images/generation", { provider: "google", prompt: "a cat" });
      expect(answer.headers.get("easel-vendor")).toBe("linkai");
      const ids = (await getModel(stage, "gpt-image-2")).vendors.map(({ id }) => id);
      expect(ids).toEqual(["listenhub/gpt-image-2", "linkai/gpt-image-2"]);
    }));

  it("the limits in MODELS are checked before a vendor is called", () =>
    withModels({ linkai: { [PRO]: { sizes: ["1K"] } } }, async (stage) => {
      const body = { prompt: "a cat", model: `linkai/${PRO}`, size: "4K" };
      const answer = await stage.post("/v1/generations", body);
      expect(answer.status).toBe(400);
      expect(await jsonOf(answer)).toMatchObject({
        error: { code: "invalid_request", message: expect.stringContaining("allowed: 1K") as string },
      });
      expect(stage.linkai.generations()).toEqual([]);
    }));

  it("an invalid MODELS is an error in the dialect's format, and the log says where it is invalid", () =>
    withModels({ linkai: { [PRO]: { sizes: ["5K"] } } }, async (stage) => {
      const generation = await stage.post("/v1/images/generations", { prompt: "a cat" });
      expect(generation.status).toBe(500);
      expect(await jsonOf(generation)).toMatchObject({ error: { type: "server_error", code: "internal" } });
      const listed = await stage.get("/v1/models");
      expect(listed.status).toBe(500);
      expect(await jsonOf(listed)).toMatchObject({ error: { code: "internal" } });
      await waitForLog(stage.easel, `MODELS.linkai.${PRO}: sizes[0] must be one of 512, 1K, 2K, 3K, 4K`);
      expect(stage.linkai.generations()).toEqual([]);
    }));
});
