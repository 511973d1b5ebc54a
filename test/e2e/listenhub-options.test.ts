import { describe, expect, it } from "vitest";
import { CAT, FLASH, PRO, staged, startStage } from "./stage.ts";

const stage = staged({ vendors: ["listenhub"] });

/** The aspect ratios in ListenHub's document (支持的宽高比). */
const RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9"];
const FLASH_ONLY = ["1:4", "4:1", "1:8", "8:1"];
const SIZES = ["1K", "2K", "4K"];

const cells = [PRO, FLASH].flatMap((model) =>
  [...RATIOS, ...(model === FLASH ? FLASH_ONLY : [])].map((aspectRatio) => [model, aspectRatio] as const),
);

it.each(cells)("%s generates %s in every size", async (model, aspectRatio) => {
  for (const imageSize of SIZES) {
    const body = { ...CAT, model, imageConfig: { aspectRatio, imageSize } };
    const answer = await stage.draw(body);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("easel-model")).toBe(model);
    expect(answer.headers.get("easel-warnings")).toBe("[]");
    expect(stage.listenhub.seen.at(-1)).toMatchObject({ body, status: 200 });
  }
});

it.each(FLASH_ONLY)("the default model rejects the ratio %s before a vendor is called", async (aspectRatio) => {
  for (const model of [undefined, PRO]) {
    const answer = await stage.draw({ ...CAT, model, imageConfig: { aspectRatio } });
    expect(answer.status).toBe(400);
    const { code, message, request_id } = answer.json;
    expect(code).toBe(29003);
    expect(request_id).toBe(answer.headers.get("x-request-id"));
    expect(message).toMatch(/^imageConfig\.aspectRatio /);
    for (const allowed of RATIOS) expect(message).toContain(allowed);
  }
  expect(stage.listenhub.seen).toHaveLength(0);
});

it("the size defaults to 2K, and the vendor chooses the ratio if none is sent", async () => {
  await stage.draw({ ...CAT, imageConfig: { aspectRatio: "21:9" } });
  await stage.draw({ ...CAT, imageConfig: { imageSize: "4K" } });
  await stage.draw({ ...CAT, imageConfig: {} });
  await stage.draw({ ...CAT, model: FLASH });
  expect(stage.listenhub.seen.map(({ body }) => (body as { imageConfig: unknown }).imageConfig)).toEqual([
    { imageSize: "2K", aspectRatio: "21:9" },
    { imageSize: "4K" },
    { imageSize: "2K" },
    { imageSize: "2K" },
  ]);
});

describe("model names", () => {
  it("current model names and names with a vendor select the same models", async () => {
    for (const model of ["gemini-3-pro-image", `listenhub/${PRO}`, "listenhub/nano-banana-pro"]) {
      expect((await stage.draw({ ...CAT, model })).headers.get("easel-model")).toBe(PRO);
    }
    expect((await stage.draw({ ...CAT, model: "gemini-3.1-flash-image" })).headers.get("easel-model")).toBe(FLASH);
    expect(stage.listenhub.seen.map(({ body }) => (body as { model: string }).model)).toEqual([PRO, PRO, PRO, FLASH]);
  });

  it("a model name with a vendor also rejects the ratios that only the flash model has", async () => {
    const answer = await stage.draw({ ...CAT, model: `listenhub/${PRO}`, imageConfig: { aspectRatio: "1:8" } });
    expect([answer.status, answer.json["message"]]).toEqual([400, expect.stringMatching(/^imageConfig\.aspectRatio /)]);
  });

  it("an unknown model is rejected, and the error names the known ones", async () => {
    for (const model of ["dall-e-9", "", "toString", "__proto__"]) {
      const answer = await stage.draw({ ...CAT, model });
      expect(answer.status).toBe(400);
      expect(answer.json["message"]).toContain(PRO);
    }
    const { json } = await stage.draw({ ...CAT, model: `other/${PRO}` });
    expect(json["message"]).toMatch(/^other is no vendor here; .*listenhub/);
    expect(stage.listenhub.seen).toHaveLength(0);
  });
});

it("a ratio outside ListenHub's document is rejected even if another vendor could generate it", async () => {
  const other = await startStage({ vendors: ["linkai"] });
  try {
    const statusFor = async (aspectRatio: string) =>
      (await other.draw({ ...CAT, imageConfig: { aspectRatio } })).status;
    expect([await statusFor("4:5"), other.linkai.generations().length]).toEqual([400, 0]);
    expect([await statusFor("3:4"), other.linkai.generations().length]).toEqual([200, 1]);
  } finally {
    await other.stop();
  }
});
