import { describe, expect, it } from "vitest";
import { leastRatio, scan } from "../harness/clock.ts";
import { provider } from "../../src/vendors/xty/provider.ts";
import type { ImageSource } from "../../src/vendors/vendor.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

const decode = (wire: unknown, n = 1, status = 200) =>
  provider.decode(status, wire, new Headers(), { ...SAMPLE_REQUEST.request, n });
const choice = (content: unknown, more: object = {}) => ({ message: { content }, finish_reason: "stop", ...more });
const decodeText = (content: unknown) => decode({ choices: [choice(content)] }, 9);
const sourceOf = (name: string): ImageSource => ({ url: `https://files.example.com/${name}` });
const markdownOf = (name: string) => `![image](https://files.example.com/${name})`;
const dataUriOf = (index: number) => `data:image/png;base64,hoisted:${index}`;

describe("pictures in a text", () => {
  it.each<[string, ImageSource[], text?: string]>([
    [`${markdownOf("a")}\n${markdownOf("b")}`, [sourceOf("a"), sourceOf("b")]],
    [`![image](${dataUriOf(0)})\n![image](${dataUriOf(1)})`, [{ hoisted: 0 }, { hoisted: 1 }]],
    [`${markdownOf("a")} ${markdownOf("a")}`, [sourceOf("a")]],
    [
      'Look:\n![a [b] c]( https://files.example.com/a(1).png "title") there',
      [sourceOf("a(1).png")],
      'Look:\n "title") there',
    ],
    ["![ ![x](https://files.example.com/a)", [sourceOf("a")], "!["],
    ["![x](attachment:0) ![y](https://files.example.com/b)", [sourceOf("b")], "![x](attachment:0)"],
    [`Here: ${dataUriOf(0)}, and ${dataUriOf(1)}.`, [{ hoisted: 0 }, { hoisted: 1 }], "Here: , and ."],
    [`<img src="${dataUriOf(2)}">`, [{ hoisted: 2 }], '<img src="">'],
    ["See https://files.example.com/a.png.", [sourceOf("a.png")], "See ."],
    ["图片\uff1ahttps://files.example.com/猫,a.JPG?x=1\uff0c完成", [sourceOf("猫,a.JPG?x=1")], "图片\uff1a\uff0c完成"],
    ["<https://files.example.com/a.webp>", [sourceOf("a.webp")], "<>"],
    ["这是第 1 张图片:https://files.example.com/a", [sourceOf("a")]],
    ["这是第 1 张图片\uff1a\nhoisted:0", [{ hoisted: 0 }]],
  ])("the provider finds the pictures in the text %j", (content, images, text) => {
    expect(decodeText(content)).toEqual({ images, text, usage: undefined });
  });

  it.each([
    "See https://example.com/policy for more.",
    '<!DOCTYPE html><html><body><img src="https://example.com/logo.png"></body></html>',
    "![image]() ![image](cat.png) ![image](ftp://a/b.png)",
    "data:image/png;base64,hoisted:x",
    "httpsx://a/b.png http:/a.png",
  ])("the provider finds no picture in the text %j", (content) => {
    expect(thrownBy(() => decodeText(content))).toMatchObject({ code: "no_image" });
  });

  /** A pattern that backtracks would take minutes for any of these, not milliseconds. */
  it.each([
    "![",
    "![a](",
    "(",
    "![](((",
    "](",
    "![]( ",
    "http",
    "https://a",
    ";base64,hoisted:",
    "data:",
    "这是第 1",
    " ",
    "这是第 1 张图片:",
  ])("the provider reads a megabyte of %j without delay", async (piece) => {
    const long = piece.repeat(1_000_000 / piece.length);
    expect(decodeText(`${long}\n${markdownOf("a")}`).images.length).toBeLessThan(2);
    const read = () => {
      thrownBy(() => decodeText(long));
      thrownBy(() => decodeText(`![](${long}`));
      thrownBy(() => decodeText(`https://a${long} b`));
    };
    expect(await leastRatio(20, read, () => scan(long))).toBeLessThan(20);
  });
});

describe("the final pictures of several", () => {
  const drafts = choice(`${markdownOf("draft")} ${markdownOf("final")}`);
  it.each<[string, number, object[], string[]]>([
    ["the last of a choice", 1, [drafts], ["final"]],
    ["the last of each choice", 2, [drafts, choice(markdownOf("b"))], ["final", "b"]],
    [
      "those of every choice, even if fewer were requested",
      1,
      [choice(markdownOf("a")), choice(markdownOf("b"))],
      ["a", "b"],
    ],
    ["the last of one choice for many", 2, [choice([1, 2, 3].map((k) => markdownOf(`p${k}`)).join(""))], ["p2", "p3"]],
    ["all pictures, if fewer than requested", 9, [drafts], ["draft", "final"]],
    ["earlier ones of a choice only if pictures are missing", 3, [drafts, drafts], ["draft", "final", "final"]],
    ["none of a rejected choice", 2, [choice(null, { finish_reason: "content_filter" }), drafts], ["final"]],
    [
      "those of two choices with the same index",
      2,
      [choice(markdownOf("a"), { index: 0 }), choice(markdownOf("b"), { index: 0 })],
      ["a", "b"],
    ],
  ])("the pictures that count are %s", (_, n, choices, names) => {
    expect(decode({ choices }, n).images).toEqual(names.map(sourceOf));
  });

  it("the provider reads a stream although the request was not for one", () => {
    const chunk = (index: number, delta: object, finish_reason: string | null = null) => ({
      choices: [{ index, delta, finish_reason }],
    });
    const images = [{ type: "image_url", image_url: { url: dataUriOf(0) } }];
    const chunks = [
      chunk(0, { role: "assistant", content: "One: ![im" }),
      chunk(1, { role: "assistant", content: null }),
      chunk(0, { content: "age](https://files.example.com/a)" }),
      chunk(1, { images }),
      chunk(0, {}, "stop"),
      chunk(1, {}, "stop"),
      { choices: [], usage: { total_tokens: 3 } },
    ];
    expect(decode(chunks, 2)).toEqual({
      images: [sourceOf("a"), { hoisted: 0 }],
      text: "One:",
      usage: { total_tokens: 3 },
    });
    const parts = [chunk(0, { content: [{ type: "text", text: "One" }] }), chunk(0, { content: images })];
    expect(decode(parts, 1)).toMatchObject({ images: [{ hoisted: 0 }], text: "One" });
  });

  it("the provider keeps the vendor's usage and the model's text", () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    const content = `Your cat:\n这是第 1 张图片:${markdownOf("a")}`;
    expect(decode({ choices: [choice(content)], usage })).toEqual({
      images: [sourceOf("a")],
      text: "Your cat:",
      usage,
    });
  });
});

describe("responses without a picture", () => {
  const cases: [wire: object, code: string, more?: object][] = [
    [{ choices: [] }, "no_image"],
    [{ data: [] }, "no_image"],
    [
      { choices: [choice("image upload err")] },
      "no_image",
      { message: expect.stringContaining("image upload err") as string },
    ],
    [{ choices: [choice("I can only draw cats.")] }, "no_image"],
    [{ choices: [choice("", { finish_reason: "content_filter" })] }, "content_rejected"],
    [{ choices: [choice("This was blocked by our safety policy.")] }, "content_rejected"],
    [{ choices: [choice("抱歉,内容违规")] }, "content_rejected"],
    [{ choices: [{ message: { content: null, refusal: "I cannot." } }] }, "content_rejected"],
    [{ choices: [choice("", { finish_reason: "length" })] }, "vendor_error", { retryable: false }],
    [{ error: { message: "请求失败", type: "invalid_request_error", param: null, code: null } }, "vendor_error"],
    [{ error: { message: "no", code: "content_policy_violation" } }, "content_rejected"],
    [{ error: { message: "no", type: "insufficient_quota" } }, "insufficient_credit", { canFailover: true }],
    [{ error: { message: "no", code: 429 } }, "rate_limited", { retryable: true }],
    [{ error: "当前分组无可用渠道" }, "model_not_found", { canFailover: true }],
    [{ code: 401, message: "无效的令牌" }, "vendor_error", { canFailover: true }],
    [{ success: false, msg: "额度不足" }, "insufficient_credit"],
  ];
  it.each(cases)("the provider throws the error of %j", (wire, code, more = {}) => {
    expect(thrownBy(() => decode(wire))).toMatchObject({ code, vendorStatus: 200, ...more });
  });

  it.each<[number, object, code: string, retryable: boolean]>([
    [400, { error: { message: "prompt_blocked", code: "prompt_blocked" } }, "content_rejected", false],
    [400, { error: { message: "bad ratio", code: null } }, "invalid_request", false],
    [401, { error: { message: "无效的令牌" } }, "vendor_error", false],
    [403, { error: { message: "no", code: "insufficient_user_quota" } }, "insufficient_credit", false],
    [404, { error: { message: "no", code: "model_not_found" } }, "model_not_found", false],
    [429, { error: { message: "slow down" } }, "rate_limited", true],
    [500, { error: { message: "no", code: "empty_response" } }, "no_image", false],
    [500, { error: { message: "请求失败" } }, "vendor_error", false],
    [503, { error: { message: "请求失败" } }, "vendor_error", true],
  ])("the provider throws the error of status %d with %j", (status, wire, code, retryable) => {
    expect(thrownBy(() => decode(wire, 1, status))).toMatchObject({ code, retryable, vendorStatus: status });
  });
});
