import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { ADMIN, FLASH, heard, jsonOf, lastBody, PRO, staged, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

interface Model {
  id: string;
  object: string;
  created: number;
  owned_by: string;
  aliases: string[];
  vendors: ({ id: string } & Record<string, unknown>)[];
}

/** A stage with the var MODELS, for as long as `use` takes. */
async function withModels(models: unknown, use: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await startStage({ vars: { MODELS: JSON.stringify(models) } });
  try {
    await use(stage);
  } finally {
    await stage.stop();
  }
}

const listOf = async (stage: Stage, path = "/v1/models") => (await jsonOf<{ data: Model[] }>(stage.get(path))).data;
const modelOf = (stage: Stage, id: string) => jsonOf<Model>(stage.get(`/v1/models/${id}`));

const stage = staged();

describe("GET /v1/models", () => {
  it("lists what is drawn here, and by whom", async () => {
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
    // Nobody with a key here draws the one; the other is the sandbox's, which is off.
    expect(ids).not.toContain("flux-2-pro");
    expect(ids).not.toContain("sandbox");
  });

  it("says all that a vendor can do", async () => {
    const { vendors } = await modelOf(stage, PRO);
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

  it("has the pixels of what a vendor draws, not of all that the model could", async () => {
    const rows = async (id: string) => {
      const [vendor] = (await modelOf(stage, id)).vendors;
      return Object.entries(vendor?.["pixels"] as Record<string, object>).map(
        ([tier, row]) => [tier, Object.keys(row).length] as const,
      );
    };
    expect(await rows(`listenhub/${FLASH}`)).toEqual(["1K", "2K", "4K"].map((tier) => [tier, 12]));
    expect(await rows(`linkai/${FLASH}`)).toEqual(["512", "1K", "2K", "4K"].map((tier) => [tier, 10]));
    // No size can be asked for there, and one is drawn all the same.
    expect(await rows("linkai/gemini-2.5-flash-image")).toEqual([["1K", 10]]);
  });

  it.each(["linkai/gpt-image-2", "linkai%2Fgpt-image-2", "nano-banana-pro", "linkai/nano-banana-pro"])(
    "has %s",
    async (id) => {
      const model = await modelOf(stage, id);
      expect(model.id).toBe(decodeURIComponent(id));
      expect(model.vendors.length).toBe(id === "nano-banana-pro" ? 2 : 1);
    },
  );

  it.each(["flux-2-pro", "nobody/gpt-image-2", "listenhub/gpt-image-2", "sandbox", "%"])("has no %s", async (id) => {
    const answer = await stage.get(`/v1/models/${id}`);
    expect(answer.status).toBe(404);
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "model_not_found", field: "model" } });
  });

  it("has everything where the sandbox stands in, and asks for a key", async () => {
    const sandbox = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      const data = await listOf(sandbox, "/openai/v1/models");
      expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(["flux-2-pro", "gpt-image-2", "sandbox"]));
      expect(new Set(data.map(({ owned_by }) => owned_by))).toEqual(new Set(["sandbox"]));
      expect((await sandbox.easel.fetch("/v1/models")).status).toBe(401);
    } finally {
      await sandbox.stop();
    }
  });
});

describe.each(["/v1", "/openai/v1", "/linkai/v1"])("OpenAI's SDK at %s", (at) => {
  const client = () => new OpenAI({ apiKey: ADMIN, baseURL: stage.easel.url + at, maxRetries: 0 });

  it("lists models", async () => {
    const ids: string[] = [];
    for await (const { id, created } of client().models.list()) {
      ids.push(id);
      expect(created).toBe(0);
    }
    expect(ids).toEqual((await listOf(stage)).map(({ id }) => id));
  });

  it("retrieves one by name, alias and vendor, and says what is missing", async () => {
    for (const id of [PRO, "nano-banana-pro", `linkai/${PRO}`])
      expect(await client().models.retrieve(id)).toMatchObject({ id, object: "model", created: 0 });
    await expect(client().models.retrieve("nobody-at-all")).rejects.toThrow(
      expect.objectContaining({ status: 404, message: expect.stringContaining("nobody-at-all") as string }),
    );
  });
});

describe("the var MODELS", () => {
  it("has a vendor draw a model under another name", () =>
    withModels({ linkai: { [PRO]: { wireName: FLASH } } }, async (stage) => {
      const answer = await stage.post("/v1/generations", { prompt: "a cat", model: `linkai/${PRO}` });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("easel-model")).toBe(PRO);
      expect(lastBody(stage.linkai.generations())).toMatchObject({ model: FLASH });
      expect((await modelOf(stage, PRO)).vendors[1]).toMatchObject({ wireName: FLASH });
    }));

  it("adds a model with its aliases", () =>
    withModels(
      { linkai: { "nano-banana-2.1": { like: FLASH, wireName: FLASH, aliases: ["banana"], defaultSize: "2K" } } },
      async (stage) => {
        for (const model of ["nano-banana-2.1", "banana", "linkai/banana"]) {
          const answer = await stage.post("/v1/images/generations", { prompt: "a cat", model });
          expect(answer.status).toBe(200);
          expect(answer.headers.get("easel-model")).toBe("nano-banana-2.1");
          expect(lastBody(stage.linkai.generations())).toMatchObject({ model: FLASH });
        }
        expect((await listOf(stage)).find(({ id }) => id === "nano-banana-2.1")).toMatchObject({
          aliases: ["banana"],
          vendors: [{ id: "linkai/nano-banana-2.1", defaultSize: "2K" }],
        });
      },
    ));

  it("takes a model away from a vendor, or switches one on", () =>
    withModels({ listenhub: { [PRO]: null, "gpt-image-2": { off: false } } }, async (stage) => {
      expect((await modelOf(stage, PRO)).owned_by).toBe("linkai");
      const answer = await stage.post("/openapi/v1/images/generation", { provider: "google", prompt: "a cat" });
      expect(answer.headers.get("easel-vendor")).toBe("linkai");
      const ids = (await modelOf(stage, "gpt-image-2")).vendors.map(({ id }) => id);
      expect(ids).toEqual(["listenhub/gpt-image-2", "linkai/gpt-image-2"]);
    }));

  it("is checked before a vendor is asked", () =>
    withModels({ linkai: { [PRO]: { sizes: ["1K"] } } }, async (stage) => {
      const body = { prompt: "a cat", model: `linkai/${PRO}`, size: "4K" };
      const answer = await stage.post("/v1/generations", body);
      expect(answer.status).toBe(400);
      expect(await jsonOf(answer)).toMatchObject({
        error: { code: "invalid_request", message: expect.stringContaining("allowed: 1K") as string },
      });
      expect(stage.linkai.generations()).toEqual([]);
    }));

  it("being wrong is an error in the dialect's words, and the log says where", () =>
    withModels({ linkai: { [PRO]: { sizes: ["5K"] } } }, async (stage) => {
      const drawn = await stage.post("/v1/images/generations", { prompt: "a cat" });
      expect(drawn.status).toBe(500);
      expect(await jsonOf(drawn)).toMatchObject({ error: { type: "server_error", code: "internal" } });
      const listed = await stage.get("/v1/models");
      expect(listed.status).toBe(500);
      expect(await jsonOf(listed)).toMatchObject({ error: { code: "internal" } });
      await heard(stage.easel, `MODELS.linkai.${PRO}: sizes[0] must be one of 512, 1K, 2K, 3K, 4K`);
      expect(stage.linkai.generations()).toEqual([]);
    }));
});
