import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import documentedResponses from "../fixtures/atalk/answers.json" with { type: "json" };
import errors from "../fixtures/atalk/errors.json" with { type: "json" };
import requests from "../fixtures/atalk/requests.json" with { type: "json" };
import { png, sha256, startAtalk, webp } from "../sim/index.ts";
import type { Atalk } from "../sim/index.ts";

let atalk: Atalk;
beforeAll(async () => {
  atalk = await startAtalk();
});
beforeEach(() => atalk.reset());
afterAll(() => atalk.stop());

const FLUX = { model: "flux-2-pro", prompt: "a cat" };
const GEMINI = { model: "gemini-2.5-flash-image", prompt: "a cat" };
const base64 = (picture: { bytes: Buffer }) => picture.bytes.toString("base64");
const postToAtalk = (body: unknown, authorization = "at-key") =>
  fetch(`${atalk.origin}/images/generate`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

describe("the simulated atalk", () => {
  it.each(Object.entries(requests))("the simulator accepts the documented request: %s", async (_, body) => {
    expect(await (await postToAtalk(body)).json()).toMatchObject({ code: 0 });
    expect(atalk.seen[0]?.body).toEqual(body);
  });

  it("the simulator responds like the document, with a URL or base64", async () => {
    const [byUrl, inBase64] = Object.values(documentedResponses);
    const [picture] = [png({ bytes: 3_000 })];
    atalk.always({ pictures: [picture] });
    const flux = (await (await postToAtalk(FLUX)).json()) as typeof byUrl;
    const [item] = flux?.data ?? [];
    expect(flux).toEqual({
      ...byUrl,
      data: [{ ...byUrl?.data[0], image: item?.image, revised_prompt: "A cute kitten" }],
    });
    const downloaded = await (await fetch(item?.image ?? "")).arrayBuffer();
    expect(sha256(new Uint8Array(downloaded))).toBe(picture.sha256);
    const data = [{ ...inBase64?.data[0], image: base64(picture) }];
    expect(await (await postToAtalk(GEMINI)).json()).toEqual({ ...inBase64, data });
  });

  it.each<[body: unknown, status?: number]>([
    [[]],
    [{ prompt: "a cat" }],
    [{ ...FLUX, prompt: "" }],
    [{ ...FLUX, model: "flux-3" }, 404],
    [{ ...FLUX, n: 1 }],
    [{ ...FLUX, size: "1K" }],
    [{ ...FLUX, input_image_9: "https://example.com/9.png" }],
    [{ ...FLUX, aspect_ratio: "4:3" }],
    [{ ...FLUX, aspect_ratio: null }],
    [{ ...FLUX, width: 1000 }],
    [{ ...FLUX, height: 0 }],
    [{ ...FLUX, seed: 1.5 }],
    [{ ...FLUX, safety_tolerance: 6 }],
    [{ ...FLUX, output_format: "webp" }],
    [{ ...GEMINI, seed: 1 }],
    [{ ...GEMINI, width: 1024, height: 1024 }],
    [{ ...GEMINI, output_format: "png" }],
    [{ ...FLUX, input_image: null }],
    [{ ...FLUX, input_image: "cat.png" }],
    [{ ...FLUX, input_image: `data:image/webp;base64,${base64(webp())}` }],
    [{ ...FLUX, input_image: `${base64(webp())} ` }],
    [{ ...FLUX, input_image: base64(png({ bytes: 20_000_001 })) }],
  ])("the simulator rejects a request that the document does not allow (%#)", async (body, status = 400) => {
    const response = await postToAtalk(body);
    expect([response.status, await response.json()]).toEqual([status, { code: -1, msg: expect.any(String) as string }]);
    expect(atalk.seen[0]?.refused).toBeTypeOf("string");
  });

  it("the simulator's errors have the document's messages", async () => {
    expect(await (await postToAtalk({ ...FLUX, aspect_ratio: "4:3" })).json()).toEqual(errors.aspect_ratio);
    expect(await (await postToAtalk(FLUX, "Bearer wrong")).json()).toEqual(errors.key);
  });

  it("the simulator accepts its key with and without Bearer", async () => {
    const status = async (key: string) => (await postToAtalk(FLUX, key)).status;
    const keys = ["at-key", "Bearer at-key", "", "x", "Basic at-key", "bearer"];
    expect(await Promise.all(keys.map(status))).toEqual([200, 200, 401, 401, 401, 401]);
  });
});
