import { describe, expect, it } from "vitest";
import { leastRatio, scan } from "../harness/clock.ts";
import { provider } from "../../src/vendors/xty/provider.ts";
import type { ImageSource } from "../../src/vendors/vendor.ts";
import { thrownBy } from "./junk.ts";
import { ASKED } from "./specimens.ts";

const decode = (wire: unknown, n = 1, status = 200) =>
  provider.decode(status, wire, new Headers(), { ...ASKED.request, n });
const choice = (content: unknown, more: object = {}) => ({ message: { content }, finish_reason: "stop", ...more });
const said = (content: unknown) => decode({ choices: [choice(content)] }, 9);
const at = (name: string): ImageSource => ({ url: `https://files.example.com/${name}` });
const link = (name: string) => `![image](https://files.example.com/${name})`;
const uri = (index: number) => `data:image/png;base64,hoisted:${index}`;

describe("pictures in a text", () => {
  it.each<[string, ImageSource[], text?: string]>([
    [`${link("a")}\n${link("b")}`, [at("a"), at("b")]],
    [`![image](${uri(0)})\n![image](${uri(1)})`, [{ hoisted: 0 }, { hoisted: 1 }]],
    [`${link("a")} ${link("a")}`, [at("a")]],
    [
      'Look:\n![a [b] c]( https://files.example.com/a(1).png "title") there',
      [at("a(1).png")],
      'Look:\n "title") there',
    ],
    ["![ ![x](https://files.example.com/a)", [at("a")], "!["],
    ["![x](attachment:0) ![y](https://files.example.com/b)", [at("b")], "![x](attachment:0)"],
    [`Here: ${uri(0)}, and ${uri(1)}.`, [{ hoisted: 0 }, { hoisted: 1 }], "Here: , and ."],
    [`<img src="${uri(2)}">`, [{ hoisted: 2 }], '<img src="">'],
    ["See https://files.example.com/a.png.", [at("a.png")], "See ."],
    ["图片\uff1ahttps://files.example.com/猫,a.JPG?x=1\uff0c完成", [at("猫,a.JPG?x=1")], "图片\uff1a\uff0c完成"],
    ["<https://files.example.com/a.webp>", [at("a.webp")], "<>"],
    ["这是第 1 张图片:https://files.example.com/a", [at("a")]],
    ["这是第 1 张图片\uff1a\nhoisted:0", [{ hoisted: 0 }]],
  ])("%j", (content, images, text) => {
    expect(said(content)).toEqual({ images, text, usage: undefined });
  });

  it.each([
    "See https://example.com/policy for more.",
    '<!DOCTYPE html><html><body><img src="https://example.com/logo.png"></body></html>',
    "![image]() ![image](cat.png) ![image](ftp://a/b.png)",
    "data:image/png;base64,hoisted:x",
    "httpsx://a/b.png http:/a.png",
  ])("none in %j", (content) => {
    expect(thrownBy(() => said(content))).toMatchObject({ code: "no_image" });
  });

  /** A pattern that goes back would take minutes for any of these, not milliseconds. */
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
  ])("a megabyte of %j is read at once", async (piece) => {
    const long = piece.repeat(1_000_000 / piece.length);
    expect(said(`${long}\n${link("a")}`).images.length).toBeLessThan(2);
    const read = () => {
      thrownBy(() => said(long));
      thrownBy(() => said(`![](${long}`));
      thrownBy(() => said(`https://a${long} b`));
    };
    expect(await leastRatio(20, read, () => scan(long))).toBeLessThan(20);
  });
});

describe("which of several pictures count", () => {
  const drafts = choice(`${link("draft")} ${link("final")}`);
  it.each<[string, number, object[], string[]]>([
    ["the last of a choice", 1, [drafts], ["final"]],
    ["the last of each choice", 2, [drafts, choice(link("b"))], ["final", "b"]],
    ["those of every choice, though fewer were asked for", 1, [choice(link("a")), choice(link("b"))], ["a", "b"]],
    ["the last of one choice for many", 2, [choice([1, 2, 3].map((k) => link(`p${k}`)).join(""))], ["p2", "p3"]],
    ["all there are", 9, [drafts], ["draft", "final"]],
    ["more of a choice only for those that are missing", 3, [drafts, drafts], ["draft", "final", "final"]],
    ["of a refused choice none", 2, [choice(null, { finish_reason: "content_filter" }), drafts], ["final"]],
    ["an index that is the same", 2, [choice(link("a"), { index: 0 }), choice(link("b"), { index: 0 })], ["a", "b"]],
  ])("%s", (_, n, choices, names) => {
    expect(decode({ choices }, n).images).toEqual(names.map(at));
  });

  it("of a stream that nobody asked for", () => {
    const chunk = (index: number, delta: object, finish_reason: string | null = null) => ({
      choices: [{ index, delta, finish_reason }],
    });
    const images = [{ type: "image_url", image_url: { url: uri(0) } }];
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
      images: [at("a"), { hoisted: 0 }],
      text: "One:",
      usage: { total_tokens: 3 },
    });
    const parts = [chunk(0, { content: [{ type: "text", text: "One" }] }), chunk(0, { content: images })];
    expect(decode(parts, 1)).toMatchObject({ images: [{ hoisted: 0 }], text: "One" });
  });

  it("keeps what the vendor says it used, and the model's words", () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    const content = `Your cat:\n这是第 1 张图片:${link("a")}`;
    expect(decode({ choices: [choice(content)], usage })).toEqual({ images: [at("a")], text: "Your cat:", usage });
  });
});

describe("answers without a picture", () => {
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
  it.each(cases)("%j", (wire, code, more = {}) => {
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
  ])("status %d with %j", (status, wire, code, retryable) => {
    expect(thrownBy(() => decode(wire, 1, status))).toMatchObject({ code, retryable, vendorStatus: status });
  });
});
