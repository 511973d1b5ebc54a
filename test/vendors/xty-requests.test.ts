import { describe, expect, it } from "vitest";
import type { StoredPicture } from "../../src/image/request.ts";
import { dialect } from "../../src/vendors/xty/dialect.ts";
import { thrownBy } from "./junk.ts";

const FLASH = "gemini-3.1-flash-image-preview";
const picture: StoredPicture = { key: "k", type: "image/png", width: 9, height: 9, bytes: 99 };
const cat = "https://example.com/cat.png";
const HOISTED = "data:image/png;base64,hoisted:0";
const user = (content: unknown) => ({ role: "user", content });
const image = (image_url: unknown) => ({ type: "image_url", image_url });
const text = (words: unknown) => ({ type: "text", text: words });

const decodeWith = (more: object = {}) =>
  dialect.decode({ model: FLASH, messages: [user("a cat")], ...more }, [picture], new Headers());
const decodeMessages = (...messages: unknown[]) => decodeWith({ messages }).request;

describe("image_config", () => {
  const config = { aspect_ratio: "16:9", image_size: "2k" };
  it.each([
    { extra_body: { google: { image_config: config } } },
    { extra_body: { extra_body: { google: { image_config: config } } } },
    { google: { image_config: config } },
    { extra_body: { image_config: config } },
    { extra_body: { extra_body: { image_config: config } } },
    { image_config: config },
    { image_config: { aspect_ratio: "1:1" }, extra_body: { google: { image_config: config } } },
    { extra_body: { google: null, image_config: null }, image_config: config },
  ])("the dialect finds image_config in %j", (more) => {
    const parsed = decodeWith(more);
    expect(parsed.request).toMatchObject({ size: "2K", aspectRatio: "16:9" });
    expect(parsed.warnings).toEqual([]);
  });

  it.each<[object, field: string, allowed: string]>([
    [
      { extra_body: { google: { image_config: { aspectRatio: "1:1" } } } },
      "aspectRatio",
      "is called aspect_ratio here.",
    ],
    [{ image_config: { imageSize: "1K" } }, "image_config.imageSize", "is called image_size here."],
    [{ extra_body: { google: { imageConfig: {} } } }, "google.imageConfig", "is called image_config here."],
    [{ google: { image_config: { image_size: "big" } } }, "google.image_config.image_size", "one of 512, 1K, 2K, 4K."],
    [{ image_config: { image_size: 512 } }, "image_config.image_size", "must be a string"],
    [{ image_config: { image_size: "3K" } }, "size", "allowed: 512, 1K, 2K, 4K"],
    [{ image_config: { aspect_ratio: "1:4" } }, "aspectRatio", "allowed: 1:1, 2:3, 3:2"],
    [{ image_config: { aspect_ratio: "wide" } }, "aspectRatio", "allowed: 1:1, 2:3, 3:2"],
    [{ model: "gemini-3-pro-image-preview", image_config: { image_size: "512" } }, "size", "allowed: 1K, 2K, 4K"],
    [{ model: "flux-2-pro", image_config: { image_size: "big" } }, "image_size", "one of 512, 1K, 2K, 3K, 4K."],
  ])("the dialect rejects the image_config in %j", (more, field, allowed) => {
    expect(thrownBy(() => decodeWith(more))).toMatchObject({
      code: "invalid_request",
      field: expect.stringMatching(new RegExp(`${field}$`)) as string,
      message: expect.stringContaining(allowed) as string,
    });
  });

  it("a request without a shape gets a square of 1K, or no default if it has a picture", () => {
    expect(decodeWith().request).toMatchObject({ size: "1K", aspectRatio: "1:1" });
    for (const withPicture of [
      decodeMessages(user([text("a cat"), image(cat)])),
      decodeMessages(user([text("a dog"), image(cat)]), user("a cat")),
    ])
      expect(withPicture).toMatchObject({ size: undefined, aspectRatio: undefined });
    // Models of other vendors are not in this document.
    expect(decodeWith({ model: "gpt-image-2" }).request).toMatchObject({ size: undefined, aspectRatio: undefined });
    expect(decodeWith({ model: "gemini-2.5-flash-image" }).request).toMatchObject({
      size: undefined,
      aspectRatio: "1:1",
    });
    // A default for any vendor, which a vendor may drop because the client did not set it.
    const pinned = decodeWith({ model: "linkai/nano-banana-2" });
    expect(pinned.request).toMatchObject({ size: "1K", aspectRatio: "1:1" });
    expect(pinned.defaulted).toEqual(["size", "aspectRatio"]);
  });
});

describe("messages", () => {
  it.each<[string, unknown[], object]>([
    ["a text", [user("a cat")], { prompt: "a cat" }],
    ["texts", [user([text("a"), text("cat")])], { prompt: "a\ncat" }],
    [
      "pictures in all forms",
      [
        user([
          text("a cat"),
          image({ url: cat, detail: "high" }),
          image(cat),
          image({ url: HOISTED }),
          image("hoisted:0"),
        ]),
      ],
      { prompt: "a cat", references: [{ url: cat }, { url: cat }, { picture }, { picture }] },
    ],
    [
      "system messages",
      [{ role: "system", content: "Be brief." }, { role: "developer", content: [text("No text.")] }, user("a cat")],
      { prompt: "Be brief.\n\nNo text.\n\na cat" },
    ],
    [
      "empty messages",
      [{ role: "system", content: "" }, { role: "assistant", content: null }, user("a cat")],
      { prompt: "a cat" },
    ],
    [
      "earlier turns",
      [user("a dog"), { role: "assistant", content: "Which?" }, user([image(cat)]), user("this")],
      {
        prompt: "this",
        turns: [
          { role: "user", text: "a dog", references: [] },
          { role: "model", text: "Which?", references: [] },
          { role: "user", references: [{ url: cat }] },
        ],
      },
    ],
    [
      "a response of this gateway, sent back",
      [
        user("a dog"),
        {
          role: "assistant",
          content: `这是第 1 张图片:\n\n![image](${cat})`,
          images: [{ type: "image_url", image_url: { url: cat }, index: 0 }],
        },
        user("a cat"),
      ],
      {
        prompt: "a cat",
        turns: [
          { role: "user", text: "a dog", references: [] },
          { role: "model", references: [{ url: cat }] },
        ],
      },
    ],
    [
      "a response of another relay, sent back",
      [user("a dog"), { role: "assistant", content: `Here it is:\n![](${HOISTED})` }, user("a cat")],
      {
        prompt: "a cat",
        turns: [
          { role: "user", text: "a dog", references: [] },
          { role: "model", text: "Here it is:", references: [{ picture }] },
        ],
      },
    ],
  ])("the dialect reads messages with %s", (_, messages, request) => {
    const hasPicture = /"(?:url|key)"/.test(JSON.stringify(request));
    const shape = hasPicture ? {} : { size: "1K", aspectRatio: "1:1" };
    expect(decodeMessages(...messages)).toEqual({ model: FLASH, n: 1, references: [], ...shape, ...request });
  });

  it.each<[unknown[], field: string, allowed: string]>([
    [[], "messages", "must have at least 1"],
    [["a cat"], "messages[0]", "must be an object"],
    [[{ content: "a cat" }], "messages[0].role", "must be one of user, system, developer, assistant"],
    [[{ role: "tool", content: "a cat" }], "messages[0].role", "must be one of user, system, developer, assistant"],
    [[user(undefined)], "messages[0].content", "must have text"],
    [[user(" \n")], "messages[0].content", "must have text"],
    [[user([image(cat)])], "messages[0].content", "must have text"],
    [[user([text(" "), image(cat)])], "messages[0].content", "must have text"],
    [[user("a cat"), { role: "assistant", content: "Which?" }], "messages[1].role", "must be user"],
    [[user("a cat"), { role: "system", content: "Be brief." }], "messages[1].role", "must be user"],
    [[user(5)], "messages[0].content", "must be text, or a list"],
    [[user([5])], "messages[0].content", "must be text, or a list"],
    [[user([{ type: "input_audio" }])], "messages[0].content[0].type", "one of text, image_url"],
    [[user([text(undefined)])], "messages[0].content[0].text", "is required"],
    [[user([text("a cat"), image(undefined)])], "messages[0].content[1].image_url", "is required"],
    [
      [user([text("a cat"), image({ url: "gs://a/b.png" })])],
      "messages[0].content[1].image_url.url",
      "https://, http://",
    ],
    [[user([text("a cat"), image("cat.png")])], "messages[0].content[1].image_url", "https://, http://"],
    [[user(`a cat ![](${HOISTED})`)], "messages[0].content", "must be text: a picture is a part"],
    [[user([text("hoisted:0")]), user("a cat")], "messages[0].content[0].text", "must be text: a picture is a part"],
    [[{ role: "system", content: HOISTED }, user("a cat")], "messages[0].content", "must be text"],
    [[{ role: "system", content: [text("a"), image(cat)] }, user("a cat")], "messages[0].content", "must be text"],
  ])("the dialect rejects the messages %j", (messages, field, allowed) => {
    const message = expect.stringContaining(allowed) as string;
    expect(thrownBy(() => decodeMessages(...messages))).toMatchObject({ code: "invalid_request", field, message });
  });

  it("the dialect names the field of each picture and turn", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      user("a dog"),
      { role: "assistant", content: null },
      { role: "assistant", content: "Which?" },
      user([image(cat), text("this"), image({ url: cat })]),
    ];
    expect(decodeWith({ messages }).fields).toEqual({
      "turns[0]": "messages[1]",
      "turns[1]": "messages[3]",
      "references[0]": "messages[4].content[0].image_url",
      "references[1]": "messages[4].content[2].image_url.url",
    });
  });

  it("the dialect rejects a picture of an unsupported type in an earlier response", () => {
    const gif = { ...picture, type: "image/gif" };
    const messages = [user("a dog"), { role: "assistant", content: `![](${HOISTED})` }, user("a cat")];
    expect(thrownBy(() => dialect.decode({ model: FLASH, messages }, [gif], new Headers()))).toMatchObject({
      field: "messages[1].content",
      message: expect.stringContaining("not image/gif") as string,
    });
  });

  it("the dialect does not limit the number of references, because the document does not", () => {
    const withPictures = (n: number) => [text("a cat"), ...Array.from({ length: n }, () => image(cat))];
    expect(decodeMessages(user(withPictures(14)), user(withPictures(15))).references).toHaveLength(15);
  });
});

describe("other fields of chat completions", () => {
  it.each<[object, string[]]>([
    [{ temperature: 1, top_p: 1, max_tokens: 100, user: "u", tools: [], store: false, stop: null }, []],
    [{ stream: false, stream_options: { include_usage: true }, modalities: ["text"] }, []],
    [{ size: "2K" }, ["size is not a field here and was ignored"]],
    [{ extra_body: { aspect_ratio: "1:1" } }, ["extra_body.aspect_ratio is not a field here and was ignored"]],
    [
      { extra_body: { google: { image_size: "1K" } } },
      ["extra_body.google.image_size is not a field here and was ignored"],
    ],
    [
      { extra_body: { google: { image_config: { quality: 9 } } } },
      ["extra_body.google.image_config.quality is not a field here and was ignored"],
    ],
    [{ seed: 7 }, [`seed was left out: ${FLASH} does not take it here`]],
  ])("the dialect's warnings for %j", (more, warnings) => {
    expect(decodeWith(more).warnings).toEqual(warnings);
  });

  it("the dialect keeps a seed for a model of another vendor", () => {
    expect(decodeWith({ model: "flux-2-pro", seed: 7 }).request.seed).toBe(7);
  });

  it("the dialect reads the response format and the stream option", () => {
    expect(decodeWith()).toMatchObject({ responseFormat: "url", stream: undefined });
    expect(decodeWith({ modalities: ["text"] })).toMatchObject({ responseFormat: "url" });
    expect(decodeWith({ modalities: ["image", "text"], stream: true })).toMatchObject({
      responseFormat: "base64",
      stream: true,
    });
  });

  it.each([{ n: 0 }, { n: 1.5 }, { n: "2" }, { stream: "yes" }, { modalities: "image" }, { seed: 0.5 }, { model: "" }])(
    "the dialect rejects the field in %j",
    (more) => {
      const [field] = Object.keys(more);
      expect(thrownBy(() => decodeWith(more))).toMatchObject({ code: "invalid_request", field });
    },
  );
});
