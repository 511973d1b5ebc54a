import { describe, expect, it } from "vitest";
import { leastRatio, scan } from "../harness/clock.ts";
import { vendorError, noImageError } from "../../src/vendors/vendor-errors.ts";

/** Kind → messages that vendors, relays and their models write, for responses whose status says little: 200 or 500. */
const MESSAGES: Record<string, string[]> = {
  content_rejected: [
    // The vendors' documents.
    "内容审核不通过,提示词或参考图中可能包含敏感内容",
    "内容审核不通过",
    // OpenAI, Azure.
    "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed.",
    "Your request was rejected by the safety system. safety_violations=[sexual].",
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "Usage policy violation",
    // Google, and relays of Google.
    "Prohibited content detected",
    "Safety check failed",
    "That goes against my policies.",
    "request blocked by Gemini API: PROHIBITED_CONTENT",
    "request blocked by Gemini API: OTHER",
    "The response was blocked due to safety",
    "The image was filtered out because it violated Google's Generative AI Prohibited Use policy.",
    "The prompt could not be submitted. This prompt contains sensitive words that violate Google's Responsible AI practices.",
    // BFL, Ark, relays of the new-api family, diffusers.
    "Request Moderated",
    "Content Moderated",
    "The request failed because the input text may contain sensitive information. Request id: 02",
    "user sensitive words detected: xxx",
    "Potential NSFW content was detected in one or more images",
    "did not pass content moderation",
    "Your prompt was blocked",
    // Chinese.
    "生成内容未通过安全审核",
    "内容审核失败",
    "审核未通过",
    "输入内容包含敏感词",
    "系统检测到输入或生成内容可能包含不安全或敏感内容",
    "图片涉嫌违规",
    "检测到违规内容",
    "检测到不安全内容",
    "图片内容不合规",
    "提示词违反使用政策",
    // Content and parameter in one message: the content counts.
    "Invalid parameter: prompt contains sensitive content",
    "参数错误: 提示词包含敏感词",
  ],
  insufficient_credit: [
    "账号积分额度不足",
    "积分不足",
    "账户余额不足",
    "用户额度不足, 剩余额度: $0.00",
    "预扣费额度失败, 用户剩余额度: $0.00, 需要预扣费额度: $0.04",
    "该令牌额度已用尽",
    "账户已欠费",
    "请先充值",
    "Insufficient credits",
    "You are out of credits",
    "Payment required",
    "Insufficient account balance",
    "user quota is not enough",
    "Your credit balance is too low",
    "Billing hard limit has been reached",
    "Request rejected due to insufficient balance",
  ],
  auth: [
    "API key is invalid or expired",
    "接口鉴权失败,请检查 API Key 是否填写正确",
    "API Key 无效或已过期",
    "认证失败",
    "无效的令牌",
    "该令牌状态不可用",
    "Invalid API key",
    "Incorrect API key provided: sk-abc",
    "No API key provided",
    "Unauthorized",
    "Invalid token",
  ],
  model_not_found: [
    "模型不存在或用户无权限使用: xxx",
    "当前分组 default 下对于模型 gemini-3 无可用渠道",
    "当前分组无可用渠道",
    "该令牌无权访问模型 xxx",
    "模型已下线",
    "模型 x 倍率或价格未配置",
    "不支持的模型",
    "The model `gpt-image-9` does not exist or you do not have access to it.",
    "models/gemini-3-pro-image-preview is not found for API version v1beta, or is not supported for generateContent.",
    "Publisher Model `projects/a/locations/us/publishers/google/models/x` was not found",
    "This model models/gemini-2.5-flash-image-preview is no longer available to new users.",
    "model 'x' not found",
    "Model not found: x",
    "Unsupported model: x",
    "This token has no access to model x",
    "No available channel for model x under group default (distributor)",
  ],
  rate_limited: [
    "请求过于频繁",
    "请求频率过高",
    "触发限流",
    "并发数已达上限",
    "Request was throttled",
    "You exceeded your current quota",
    "Rate limit reached for images per minute",
    "Too Many Requests",
    "request too frequent",
    "Resource has been exhausted (e.g. check quota).",
    "Quota exceeded for quota metric 'Generate requests'",
  ],
  no_image: [
    "image upload err",
    "no candidates returned",
    "No images were returned",
    "The model returned no image",
    "未生成图片",
  ],
};

/** Temporary failures of the vendor, with 200 or 500. */
const BUSY = [
  "The model is overloaded. Please try again later.",
  "This model is currently experiencing high demand. Please try again later.",
  "We are at capacity",
  "系统繁忙,请稍后再试",
  "服务过载",
  "当前分组上游负载已饱和",
];
/** Errors after which the picture may have been generated, with 200 or 500. */
const UNKNOWN = ["upstream request timed out", "context deadline exceeded", "生成超时"];
/** Invalid requests, also with 200 or 500. */
const INVALID = [
  "Invalid aspect_ratio parameter. Supported ratios: 1:1, 2:3, 3:2, 3:4, 4:5, 5:4, 9:16, 16:9, 21:9",
  "Invalid parameter: Unsupported aspect ratio",
  "Unsupported aspect ratio: 5:3",
  "缺少参数 prompt",
  "请求参数错误,如 prompt 为空、images 不可访问等",
  "请求参数无效(如所选模型不支持该宽高比)",
  "safety_tolerance must be between 0 and 5",
  "Invalid value for 'moderation'. Supported values are: 'low' and 'auto'.",
  "Invalid parameter: api_key",
  "参数 api_key 无效",
];
/** Messages that only resemble the others: with 400 the status counts, and with 200 or 500 they mean nothing. */
const NEUTRAL = [
  // The documents' messages for any failure.
  "请求失败",
  "图片生成失败 — 请重试",
  "接口调用异常,联系客服处理",
  "Image generation failed",
  // Names of fields.
  "Unknown parameter: 'moderation'.",
  "moderation must be low or auto",
  "内容审核级别 safety_tolerance 只能是 0 到 5 的整数",
  "safetySettings is not known",
  "Unknown parameter: enable_safety_checker",
  "nsfw is no field here",
  "Unknown field: api_key",
  "api_key is not an allowed field",
  "api_key is an invalid field",
  "the `model` parameter is required",
  "model parameter is not supported here",
  "There is no credit field",
  "image credit line is too long",
  // Messages about known models.
  "For model gemini-3-pro-image-preview, aspectRatio 1:8 is not supported",
  "model gpt-image-2: size 3K not available",
  "The model gemini-3-pro does not support aspect ratio 1:8",
  "所选模型不支持该宽高比",
  "该模型的参考图不存在",
  // Missing input pictures.
  "No image URL provided",
  "no image found at https://example.com/a.png",
  "images 不可访问",
  "参考图不存在",
  // Rejected for another reason.
  "The file was rejected for its size",
  "Request blocked by firewall",
  "connection refused by server",
  "aspect_ratio is case-sensitive",
  "宽高比区分大小写敏感",
  "敏感度只能是 0 到 1",
  "图片尺寸不合规",
  "不安全的链接: http",
  "账号正在审核中",
  "Unexpected token < in JSON",
];

const errorFor = (text: string, status: number) => vendorError("somebody", { status, code: -1, message: text });
const rows = (table: Record<string, string[]>) =>
  Object.entries(table).flatMap(([meaning, texts]) => texts.map((text) => [meaning, text] as const));

describe("phrases in vendors' messages", () => {
  it.each(rows(MESSAGES))("the kind %s is found in: %s", (meaning, text) => {
    for (const status of [200, 400, 500]) {
      const { code, message } = errorFor(text, status);
      expect([status, code]).toEqual([status, meaning === "auth" ? "vendor_error" : meaning]);
      expect(message.startsWith("somebody refused the gateway's own key: ")).toBe(meaning === "auth");
      expect(message).toContain(text);
    }
  });

  it.each(INVALID)("the kind invalid_request is found in: %s", (text) => {
    for (const status of [200, 400, 500]) expect(errorFor(text, status).code).toBe("invalid_request");
  });

  it.each(rows({ busy: BUSY, unknown: UNKNOWN }))("the kind %s is found in: %s", (meaning, text) => {
    for (const status of [200, 500])
      expect(errorFor(text, status)).toMatchObject({ code: "vendor_error", retryable: meaning === "busy" });
    expect(errorFor(text, 200).canFailover).toBe(meaning === "busy");
    expect(errorFor(text, 400).code).toBe("invalid_request");
  });

  it.each(NEUTRAL)("no kind is found in: %s", (text) => {
    expect(errorFor(text, 400).code).toBe("invalid_request");
    for (const status of [200, 500])
      expect(errorFor(text, status)).toMatchObject({ code: "vendor_error", retryable: false, canFailover: true });
    expect(errorFor(text, 200).message).toBe(`somebody: ${text}`);
    expect(noImageError("somebody", [], text).code).toBe("no_image");
  });

  it("phrases are found in upper and lower case, and across lines", () => {
    expect(errorFor("YOUR REQUEST WAS\nMODERATED.\nrequest moderated", 200).code).toBe("content_rejected");
    expect(errorFor("violates\nour usage\npolicies", 200).code).toBe("content_rejected");
    // SAFETY in capitals is a reason, safety in a sentence is not.
    expect(errorFor("ended with SAFETY", 200).code).toBe("content_rejected");
    expect(errorFor("ended with safety", 200).code).toBe("vendor_error");
  });
});

/** A pattern that backtracks, or always reads to the end, would take minutes for any of these, not milliseconds. */
describe("very long messages", () => {
  const PIECES = [
    ..."a model:models/violat blocked x.api_key rejected 审核 额度 模型 no image invalid exceeded 内容 频率 MODEL_ not  "
      .split(" ")
      .map((word) => `${word} `),
    "model",
    "models/",
    "api_key",
    "violates",
    "blocked",
    "safety ",
    "通过",
    "模型",
    "invalid",
    " ",
    "\n",
    "aaaaaaaa",
    "_",
  ];
  it.each(PIECES)("a megabyte of %j is classified without delay", async (piece) => {
    const long = piece.repeat(Math.ceil(1_000_000 / piece.length));
    const classify = () => {
      for (const status of [200, 400, 500]) {
        vendorError("somebody", { status, message: long });
        vendorError("somebody", { status, code: long, message: long });
      }
      noImageError("somebody", [long, long], long);
    };
    expect(await leastRatio(20, classify, () => scan(long))).toBeLessThan(20);
  });
});
