import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import errors from "../fixtures/atalk/errors.json" with { type: "json" };
import { disguised, HTML_PAGE, png, startAtalk } from "../sim/index.ts";
import type { Atalk, AtalkBehaviour } from "../sim/index.ts";
import { jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const KEY = "at-key-of-the-operator";
const FLUX = { model: "flux-2-pro", prompt: "a cat" };
const GEMINI = { model: "gemini-2.5-flash-image", prompt: "a cat" };
const URL = "https://example.com/ref.jpg";

let stage: Stage;
let atalk: Atalk;
beforeAll(async () => {
  atalk = await startAtalk({ key: KEY });
  stage = await startStage({ vendors: [], vars: { ATALK_API_KEY: KEY, ATALK_BASE_URL: atalk.origin } });
});
beforeEach(() => atalk.reset());
afterAll(() => Promise.all([stage.stop(), atalk.stop()]));

const postImages = (body: object | string) => stage.post("/images/generate", body);

describe("an invalid request in atalk's dialect", () => {
  const gif = Buffer.from("GIF89a\u0001\u0000\u0001\u0000\u0000\u0000\u0000\u0000;", "latin1").toString("base64");
  const cut = png({ bytes: 9_000 }).bytes.subarray(0, 5_000).toString("base64");
  const cases: [body: object | string, status: number, message: RegExp | string][] = [
    ["{", 400, /not valid JSON/],
    ["", 400, /body is empty/],
    ["[]", 400, /The body must be an object/],
    [{ prompt: "a cat" }, 400, /^model is required/],
    [{ model: "flux-2-pro" }, 400, /^prompt is required/],
    [{ ...FLUX, prompt: " " }, 400, /^prompt must not be empty/],
    [{ ...FLUX, model: "dall-e-3" }, 404, /^The model dall-e-3 is not known; known are .*flux-2-pro/],
    [{ ...FLUX, model: "gpt-image-2" }, 404, /draws gpt-image-2/],
    [{ ...FLUX, aspect_ratio: "4:3" }, 400, errors.aspect_ratio.msg],
    [{ ...GEMINI, aspect_ratio: "16:10" }, 400, errors.aspect_ratio.msg],
    [{ ...FLUX, width: 1000, height: 1000 }, 400, /^width must be .*multiple of 16; nearest: 1008/],
    [{ ...FLUX, width: 1024, height: 1001 }, 400, /^height must be .*multiple of 16; nearest: 1008/],
    [{ ...FLUX, width: 8192, height: 64 }, 400, /^width 8192 .*multiples of 16 from 64 to 4096; nearest: 4096/],
    [{ ...GEMINI, width: 1600, height: 400 }, 400, /^1600x400 has a ratio .*allowed: 1:1, 2:3/],
    [{ ...FLUX, seed: "42" }, 400, /^seed must be a/],
    [{ ...FLUX, safety_tolerance: 6 }, 400, /^safety_tolerance must be a whole number from 0 to 5/],
    [{ ...FLUX, output_format: "webp" }, 400, /^output_format must be one of jpeg, png/],
    [{ ...FLUX, input_image: [URL] }, 400, /^input_image must be a string/],
    [
      { ...FLUX, input_image: URL, input_image_2: "gs://bucket/a.png" },
      400,
      /^input_image_2 must be .*https:\/\/, http/,
    ],
    [{ ...FLUX, input_image_4: gif }, 400, /^input_image_4 must be a PNG, JPEG or WebP picture.*not image\/gif/],
    [{ ...FLUX, input_image_4: Buffer.from(HTML_PAGE).toString("base64") }, 400, /^input_image_4 must be/],
    [{ ...FLUX, input_image: cut }, 400, /^input_image.*cut short/],
    [{ ...FLUX, input_image: URL, input_image_9: URL }, 400, /^input_image_9 is not a field here; there are at most 8/],
  ];
  it.each(cases)("the request body %j is rejected before a vendor is called", async (body, status, message) => {
    const answer = await postImages(body);
    expect(answer.status).toBe(status);
    const { code, msg, ...rest } = await jsonOf<{ code: number; msg: string }>(answer);
    expect([code, rest]).toEqual([-1, {}]);
    if (typeof message === "string") expect(msg).toBe(message);
    else expect(msg).toMatch(message);
    expect(atalk.seen).toEqual([]);
    expect(await stage.keys("references/")).toEqual([]);
  });
});

describe("an error or unusable answer of atalk", () => {
  const moderated = "Request Moderated";
  const failures: [how: AtalkBehaviour, status: number, message: RegExp, retry?: boolean][] = [
    [{ error: { message: errors.key.msg } }, 500, /^atalk refused the gateway's own key: API key is invalid/],
    [{ error: { message: errors.key.msg }, status: 401 }, 500, /^atalk refused the gateway's own key/],
    [{ error: { message: errors.aspect_ratio.msg }, status: 400 }, 400, /^atalk: Invalid aspect_ratio/],
    [{ error: { message: "账户余额不足" } }, 402, /^atalk: 账户余额不足/],
    [{ error: { message: moderated } }, 422, /^atalk: Request Moderated/],
    [{ error: { message: moderated }, status: 500 }, 422, /^atalk: Request Moderated/],
    [{ error: { code: 429, as: "message", message: "slow down" }, headers: { "retry-after": "7" } }, 429, /slow/, true],
    [{ error: { code: 500 } }, 503, /^atalk: Image generation failed/, true],
    [{ error: { code: 503 }, status: 503 }, 503, /^atalk: Image generation failed/, true],
    [{ error: {} }, 500, /^atalk: Image generation failed/],
    [{ body: HTML_PAGE, type: "text/html" }, 500, /^atalk/],
    [{ body: HTML_PAGE, type: "text/html", status: 502 }, 500, /^atalk/],
    [{ pictures: [], usage: { images_generated: 0, images_failed: 1 } }, 500, /^atalk answered without a picture/],
    [{ cdn: { status: 404 } }, 500, /^The picture that atalk points at could not be fetched/],
    [{ pictures: [disguised("svg")] }, 500, /^atalk/],
  ];
  it.each(failures)("the vendor's answer %j becomes an atalk error", async (how, status, message, retry = false) => {
    atalk.next(how);
    const answer = await postImages(FLUX);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ code: -1, msg: expect.stringMatching(message) as string });
    expect(answer.headers.get("x-should-retry")).toBe(retry ? null : "false");
    if (status === 429) expect(answer.headers.get("retry-after")).toBe("7");
    expect(await stage.keys("pictures/")).toEqual([]);
    expect(atalk.generations()).toHaveLength(1);
  });

  it("the operator's key is redacted from a vendor's error message", async () => {
    atalk.next({ echoKey: true });
    const text = await (await postImages(FLUX)).text();
    expect(text).toContain("Image generation failed");
    expect(text).not.toContain(KEY);
  });
});
