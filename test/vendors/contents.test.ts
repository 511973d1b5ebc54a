import { describe, expect, it } from "vitest";
import { contentsWire, readContents } from "../../src/vendors/contents.ts";
import { parseWire } from "../../src/vendors/request-schema.ts";
import { thrownBy } from "./junk.ts";
import { PictureStore } from "./over-the-wire.ts";
import { INLINE } from "./specimens.ts";

const picture = new PictureStore().put(INLINE);
const URL = "https://example.com/a.png";
const PART = "text or image, as in {text} and {image}";

const readWithFields = (contents: unknown, prompt?: string) =>
  readContents(parseWire(contentsWire, contents), [picture], "contents", prompt);
const readConversation = (contents: unknown, prompt?: string) => {
  const { fields: _fields, ...conversation } = readWithFields(contents, prompt);
  return conversation;
};
const user = (...parts: object[]) => ({ role: "user", parts });
const model = (...parts: object[]) => ({ role: "model", parts });

describe("contents", () => {
  it("the last turn is the request, and those before it are turns", () => {
    const first = user({ image: "data:image/png;base64,hoisted:0" }, { text: "a cat" }, { text: "by the sea" });
    const second = model({ image: URL, text: null });
    const last = user({ text: " more  sea ", image: "hoisted:0" }, { text: " " }, { text: "less sky" });
    expect(readConversation([first, second, last])).toEqual({
      prompt: " more  sea \nless sky",
      references: [{ picture }],
      turns: [
        { role: "user", text: "a cat\nby the sea", references: [{ picture }] },
        { role: "model", text: undefined, references: [{ url: URL }] },
      ],
    });
    expect(readConversation([last]).turns).toBeUndefined();
    expect(readWithFields([first, second, last]).fields).toEqual({ "references[0]": "contents[2].parts[0].image" });
  });

  it("a prompt without contents is the request", () => {
    expect(readConversation([], "a cat")).toEqual({ prompt: "a cat", references: [], turns: undefined });
  });

  it("a prompt next to contents belongs to the user's last turn", () => {
    const pictureOnly = user({ image: URL });
    const withText = user({ text: "a cat" }, { image: URL });
    const references = [{ url: URL }];
    expect(readConversation([pictureOnly], "a cat")).toEqual({ prompt: "a cat", references, turns: undefined });
    expect(readConversation([withText], "a cat")).toEqual({ prompt: "a cat", references, turns: undefined });
    expect(readConversation([withText], "a dog")).toEqual({ prompt: "a cat\na dog", references, turns: undefined });
    expect(readConversation([withText], " ")).toEqual({ prompt: "a cat", references, turns: undefined });
    const turns = [
      { role: "user", text: "a cat", references },
      { role: "model", text: "here", references: [] },
    ];
    expect(readConversation([withText, model({ text: "here" })], "a dog")).toEqual({
      prompt: "a dog",
      references: [],
      turns,
    });
  });

  it.each<[unknown, string, string]>([
    [[], "prompt", "must not be empty where contents is left out"],
    ["a cat", "", "must be an array"],
    [[model({ text: "here" })], "contents[0].role", "must be user: the last turn is what is asked for"],
    [[user({ text: "a" }), user({ image: URL })], "contents[1].parts", "must have a text: the last turn is"],
    [[user({ text: " " }), user({ text: "a" })], "contents[0].parts", `must have ${PART}`],
    [[user(), user({ text: "a" })], "contents[0].parts", `must have ${PART}`],
    [[user({ text: "a" }, { image: "cat.png" })], "contents[0].parts[1].image", "https://, http://"],
    [[user({ text: "a" }, { image: "hoisted:1" })], "contents[0].parts[1].image", "must be a PNG, JPEG or WebP"],
    [
      [user({ text: "as ![a](data:image/png;base64,hoisted:0)" }), user({ text: "a" })],
      "contents[0].parts[0].text",
      "must be text, without pictures",
    ],
    [[{ role: "system", parts: [] }], "[0].role", "must be one of user, model"],
    [[{ parts: [] }], "[0].role", "must be one of user, model"],
    [[{ role: "user" }], "[0].parts", "is required"],
    [[user({})], "[0].parts[0]", `must have ${PART}`],
    [[user({ text: null })], "[0].parts[0]", `must have ${PART}`],
    [[user({ text: "a" }, { inlineData: {} })], "[0].parts[1].inlineData", `is not a field here; a part has ${PART}`],
    [[user({ text: "a", ["x".repeat(500)]: 1 })], `[0].parts[0].${"x".repeat(40)}...`, "is not a field here"],
  ])("the contents %j are rejected", (contents, field, why) => {
    const error = thrownBy(() => readConversation(contents));
    expect(error).toMatchObject({ code: "invalid_request", message: expect.stringContaining(why) as string });
    expect((error as { field?: string }).field ?? "").toBe(field);
  });
});
