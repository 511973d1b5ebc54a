import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import requests from "../fixtures/xty/requests.json" with { type: "json" };
import { jpeg, png, startXty, webp, XTY_FORMS } from "../sim/index.ts";
import type { Picture, Xty } from "../sim/index.ts";
import { FLASH, hashOf, jsonOf, lastBody, PRO, startStage, warningsOf } from "./stage.ts";
import type { Stage } from "./stage.ts";

const KEY = "xty-key-of-the-operator";
const PATH = "/v1/chat/completions";

let stage: Stage;
let xty: Xty;
beforeAll(async () => {
  xty = await startXty({ key: KEY });
  stage = await startStage({ vendors: ["linkai"], vars: { XTY_API_KEY: KEY, XTY_BASE_URL: xty.origin } });
});
beforeEach(() => [stage, xty].forEach((each) => each.reset()));
afterAll(() => Promise.all([stage, xty].map((each) => each.stop())));

interface Answer {
  choices: { message: { content: string; images: { image_url: { url: string } }[] } }[];
}

const ask = (body: object | string, path = PATH) => stage.post(path, body);
const sent = () => lastBody(xty.generations());
const user = (content: unknown) => ({ role: "user", content });
const image = (url: string) => ({ type: "image_url", image_url: { url } });
const text = (words: string) => ({ type: "text", text: words });
const dataUri = ({ type, bytes }: Picture) => `data:${type};base64,${bytes.toString("base64")}`;
const seenAs = ({ sha256, bytes, type }: Picture) => ({
  type: "image_url",
  image_url: { url: { sha256, bytes: bytes.length, type } },
});
const shape = (image_config: object) => ({ google: { image_config } });
const CAT = { model: FLASH, messages: [user("a cat")] };

/** The document's code samples: three send this body; Python's SDK merges extra_body into it, which leaves the same. */
const SAMPLES = ["curl", "requests", "openai (Python)", "fetch"].map(
  (name) => [name, requests["请求示例 (curl)"]] as const,
);
/** Node's SDK sends what it is given. */
const NODE = ["openai (Node)", Object.values(requests)[1] ?? {}] as const;

/** The document's answer for pictures of a generation of ours. */
function documented(id: string, n: number, model: string) {
  const choice = (_: unknown, index: number) => {
    const url = `${stage.easel.url}/images/${id}/${index}`;
    const content = `这是第 ${index + 1} 张图片:\n\n![image](${url})`;
    const images = [{ type: "image_url", image_url: { url }, index: 0 }];
    return { index, finish_reason: "stop", message: { role: "assistant", content, images } };
  };
  return {
    id: expect.stringMatching(/^gemini-\d{13}$/) as string,
    object: "chat.completion",
    created: expect.any(Number) as number,
    model,
    choices: Array.from({ length: n }, choice),
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  };
}

describe("the document's requests", () => {
  it.each([...SAMPLES, NODE])("%s, drawn by xty itself", async (_, body) => {
    const pictures = [webp(), jpeg(3)];
    xty.next({ pictures });
    const answer = await ask(body);
    expect(answer.status).toBe(200);
    expect(warningsOf(answer)).toEqual([]);
    expect(answer.headers.get("easel-vendor")).toBe("xty");
    expect(sent()).toEqual(requests["请求示例 (curl)"]);
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await answer.json()).toEqual(documented(id, 2, FLASH));
    for (const [n, { sha256 }] of pictures.entries())
      expect(await hashOf(stage.easel.fetch(`/images/${id}/${n}`))).toBe(sha256);
    for (const { headers } of xty.downloads()) expect(JSON.stringify(headers)).not.toContain(KEY);
  });

  it("each of them, drawn by the sandbox", async () => {
    const bare = await startStage({ vendors: [], vars: { SANDBOX: "fallback" } });
    try {
      for (const [, body] of [...SAMPLES, NODE]) {
        const answer = await bare.post(PATH, body);
        expect(answer.headers.get("easel-vendor")).toBe("sandbox");
        const { choices } = await jsonOf<Answer>(answer);
        expect(choices).toHaveLength(2);
        const picture = await bare.easel.fetch(choices[1]?.message.images[0]?.image_url.url ?? "");
        expect(picture.headers.get("content-type")).toBe("image/png");
      }
    } finally {
      await bare.stop();
    }
  });

  it.each([PATH, "/xty/v1/chat/completions", "/openai/v1/chat/completions"])("at %s", async (path) => {
    expect((await ask(CAT, path)).status).toBe(200);
  });
});

describe("pictures come back", () => {
  it.each(XTY_FORMS)("as %s", async (form) => {
    const pictures = [png({ bytes: 60_001, seed: 5 }), jpeg(6)];
    xty.next({ form, pictures });
    const answer = await ask({ ...CAT, n: 2 });
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await answer.json()).toEqual(documented(id, 2, FLASH));
    const kept = await Promise.all([0, 1].map((n) => hashOf(stage.easel.fetch(`/images/${id}/${n}`))));
    expect(kept).toEqual(pictures.map(({ sha256 }) => sha256));
    // And nothing else: what came in another place as well is not kept twice.
    expect(await stage.keys(`pictures/${id}`)).toHaveLength(2);
  });

  it.each(["markdown with a URL", "markdown with a data URI", "images"] as const)(
    "after drafts, as %s",
    async (form) => {
      const [draft, final] = [png({ seed: 8 }), png({ seed: 9 })];
      xty.next({ form, drafts: [draft], pictures: [final] });
      const id = (await ask(CAT)).headers.get("easel-generation") ?? "";
      expect(await hashOf(stage.easel.fetch(`/images/${id}/0`))).toBe(final.sha256);
      expect(await stage.keys(`pictures/${id}`)).toHaveLength(1);
    },
  );

  it("several in one choice", async () => {
    const pictures = [png({ seed: 1 }), png({ seed: 2 }), png({ seed: 3 })];
    xty.next({ pictures, together: true });
    const answer = await ask({ ...CAT, n: 3 });
    const id = answer.headers.get("easel-generation") ?? "";
    expect(await answer.json()).toEqual(documented(id, 3, FLASH));
    expect(sent()["n"]).toBe(3);
    expect(xty.generations()).toHaveLength(1);
  });

  it("of megabytes", async () => {
    const picture = png({ bytes: 12_000_000 });
    xty.next({ form: "markdown with a data URI", pictures: [picture] });
    const answer = await ask(CAT);
    const { choices } = await jsonOf<Answer>(answer);
    expect(await hashOf(stage.easel.fetch(choices[0]?.message.images[0]?.image_url.url ?? ""))).toBe(picture.sha256);
  });

  it("as data URIs for who asks by modalities", async () => {
    const picture = png({ bytes: 30_000, seed: 4 });
    xty.next({ pictures: [picture] });
    const { choices } = await jsonOf<Answer>(ask({ ...CAT, modalities: ["image", "text"] }));
    expect(choices[0]?.message.images[0]?.image_url.url).toBe(dataUri(picture));
    expect(choices[0]?.message.content).toContain(`](${stage.easel.url}/images/`);
  });
});

describe("what is sent", () => {
  const one = shape({ aspect_ratio: "1:1", image_size: "1K" });
  const cases: [asked: object, expected: object, warnings?: string[]][] = [
    [{}, { extra_body: one }],
    [{ n: 1, temperature: 0.7, user: "u", max_tokens: 1000, stream: false }, { extra_body: one }],
    [{ n: 3 }, { extra_body: one, n: 3 }],
    [
      { image_config: { aspect_ratio: "4:5", image_size: "512" } },
      { extra_body: shape({ aspect_ratio: "4:5", image_size: "512" }) },
    ],
    [
      { google: { image_config: { image_size: "4k" } } },
      { extra_body: shape({ aspect_ratio: "1:1", image_size: "4K" }) },
    ],
    [
      { model: PRO, extra_body: shape({ aspect_ratio: "21:9" }) },
      { model: PRO, extra_body: shape({ aspect_ratio: "21:9", image_size: "1K" }) },
    ],
    [
      { model: "xty/gemini-2.5-flash-image" },
      { model: "gemini-2.5-flash-image", extra_body: shape({ aspect_ratio: "1:1" }) },
    ],
    [
      { size: "2K", seed: 7 },
      { extra_body: one },
      ["size is not a field here and was ignored", `seed was left out: ${FLASH} does not take it here`],
    ],
  ];
  it.each(cases)("%j", async (asked, expected, warnings = []) => {
    const answer = await ask({ ...CAT, ...asked });
    expect(answer.status).toBe(200);
    expect(sent()).toEqual({ ...CAT, ...expected });
    expect(warningsOf(answer)).toEqual(warnings);
  });

  const photo = png({ bytes: 90_000, seed: 3 });
  const elsewhere = "https://example.com/cat.png";

  it("pictures, inline and by URL", async () => {
    await ask({ ...CAT, messages: [user([text("make it night"), image(dataUri(photo)), image(elsewhere)])] });
    const content = [text("make it night"), seenAs(photo), image(elsewhere)];
    expect(sent()).toEqual({ ...CAT, messages: [user(content)] });
  });

  it("a conversation, as the one message that the document allows", async () => {
    const first = await jsonOf<Answer>(ask(CAT));
    const drawn = await hashOf(stage.easel.fetch(first.choices[0]?.message.images[0]?.image_url.url ?? ""));
    const messages = [
      { role: "system", content: "Be bold." },
      ...CAT.messages,
      { role: "assistant", ...first.choices[0]?.message },
      user([text("now with this hat"), image(dataUri(photo))]),
    ];
    const answer = await ask({ ...CAT, messages });
    expect(answer.status).toBe(200);
    const [message] = sent()["messages"] as { content: { text?: string; image_url?: { url: { sha256: string } } }[] }[];
    const [words, ...pictures] = message?.content ?? [];
    expect(words?.text).toMatch(/a cat\n\n.*Be bold\.\n\nnow with this hat$/s);
    expect(pictures.map((part) => part.image_url?.url.sha256)).toEqual([drawn, photo.sha256]);
    expect(Object.keys(sent())).toEqual(["model", "messages"]);
  });

  it("a picture that is not there, by its place", async () => {
    const gone = `${stage.easel.url}/images/${"a".repeat(40)}/0`;
    const answer = await ask({ ...CAT, messages: [user([text("a cat"), image(elsewhere), image(gone)])] });
    expect(answer.status).toBe(400);
    const param = "messages[0].content[2].image_url.url";
    expect(await answer.json()).toMatchObject({ error: { message: `${param} is not a picture that is here.`, param } });
  });

  it("the same to another vendor, which has the document's shape too", async () => {
    const answer = await ask({ ...CAT, model: `linkai/${FLASH}`, messages: [user([text("a cat"), image(elsewhere)])] });
    expect(answer.headers.get("easel-vendor")).toBe("linkai");
    expect(lastBody(stage.linkai.generations())).toMatchObject({ prompt: "a cat", images: [elsewhere] });
    await ask({ ...CAT, model: `linkai/${FLASH}` });
    expect(lastBody(stage.linkai.generations())).toMatchObject({ size: "1K", aspect_ratio: "1:1" });
    expect(xty.seen).toEqual([]);
  });
});
