import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jpeg, png, startNebula } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";

let nebula: Awaited<ReturnType<typeof startNebula>>;
beforeAll(async () => {
  nebula = await startNebula();
});
beforeEach(() => nebula.reset());
afterAll(() => nebula.stop());

async function post(body: object, key = "nb-key"): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const url = `${nebula.origin}/v1/images/generations`;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

const dataUri = ({ bytes, type }: Picture, as: string = type) => `data:${as};base64,${bytes.toString("base64")}`;
const userTurn = (...parts: unknown[]) => ({ role: "user", parts });
const requestWith = (more: object) => ({ model: "gemini-2.5-flash-image-preview", ...more });
const textPart = { text: "a cat" };

describe("the simulated ai-nebula", () => {
  it("the simulator accepts a prompt, contents or both and responds in its envelope", async () => {
    const photo = jpeg(1);
    const contents = [userTurn(textPart, { image: dataUri(photo) })];
    for (const more of [
      { prompt: "a cat" },
      { contents },
      { prompt: "a cat", contents, response_format: "b64_json" },
    ]) {
      const picture = png({ seed: 5 });
      nebula.next({ pictures: [picture] });
      expect(await post(requestWith(more))).toEqual({
        status: 200,
        body: {
          code: 200,
          msg: "操作成功",
          data: {
            data: [{ url: "", b64_json: picture.bytes.toString("base64"), revised_prompt: "" }],
            created: 1_757_320_007,
          },
        },
      });
    }
    const image = { sha256: photo.sha256, bytes: photo.bytes.length, type: "image/jpeg" };
    expect(nebula.seen[1]?.body).toEqual(requestWith({ contents: [userTurn(textPart, { image })] }));
  });

  it.each<[string, object]>([
    ["neither prompt nor contents", {}],
    ["an empty prompt", { prompt: " " }],
    ["a field that is not documented", { prompt: "a cat", size: "16:9" }],
    ["an unknown model", { prompt: "a cat", model: "gemini-2.5-flash" }],
    ["an unknown format", { prompt: "a cat", response_format: "base64" }],
    ["no turns", { contents: [] }],
    ["a turn without parts", { contents: [userTurn()] }],
    ["a turn with more fields", { contents: [{ ...userTurn(textPart), name: "me" }] }],
    ["an unknown role", { contents: [{ role: "assistant", parts: [textPart] }, userTurn(textPart)] }],
    ["the model's turn as the last", { contents: [userTurn(textPart), { role: "model", parts: [textPart] }] }],
    ["a last turn without a text", { contents: [userTurn({ image: dataUri(png()) })] }],
    ["text and image in one part", { contents: [userTurn({ ...textPart, image: dataUri(png()) })] }],
    ["an unknown part", { contents: [userTurn(textPart, { inlineData: {} })] }],
    ["a URL", { contents: [userTurn(textPart, { image: "https://example.com/a.png" })] }],
    ["bare base64", { contents: [userTurn(textPart, { image: png().bytes.toString("base64") })] }],
    ["another type", { contents: [userTurn(textPart, { image: dataUri(png(), "image/jpeg") })] }],
    ["broken base64", { contents: [userTurn(textPart, { image: dataUri(png()).slice(0, -1) })] }],
    ["over 7 MB", { contents: [userTurn(textPart, { image: dataUri(png({ bytes: 7 * 1024 * 1024 + 1 })) })] }],
  ])("the simulator rejects %s", async (_, more) => {
    const { status, body } = await post(requestWith(more));
    expect({ status, body }).toEqual({
      status: 400,
      body: { code: 400, msg: expect.any(String) as string, data: null },
    });
    expect(nebula.seen[0]?.refused).not.toMatch(/simulator failed/);
  });

  it("the simulator rejects a wrong key and returns a configured error with status 200", async () => {
    expect(await post(requestWith({ prompt: "a cat" }), "wrong")).toMatchObject({ status: 401, body: { code: 401 } });
    nebula.next({ status: 200, error: { code: 429, message: "slow down" } });
    expect(await post(requestWith({ prompt: "a cat" }))).toEqual({
      status: 200,
      body: { code: 429, msg: "slow down", data: null },
    });
  });
});
