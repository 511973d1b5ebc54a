import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HTML_PAGE } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { DIALECTS, type DialectUse } from "./dialects.ts";
import { apiErrorOf } from "./refused.ts";
import { ADMIN, jsonOf, LISTENHUB_KEY, MODELS, PRO, startStage, VENDORS } from "./stage.ts";
import type { Stage, VendorName } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  stage = await startStage({ vendors: [...VENDORS], limits: { headersMs: 3_000 } });
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** Return the number of generation requests that a vendor received. */
const callCount = (name: VendorName) => stage[name].seen.filter(({ method }) => method === "POST").length;

const PROMPT = "a cat that nobody else has ever asked for";
/** A text in which a vendor repeats the prompt and the API key that it received. */
const ECHO = `(prompt: ${PROMPT}; key: ${LISTENHUB_KEY})`;
const BLOCKED = "The image was filtered out.";

interface Outcome {
  behaviour: ListenHubBehaviour;
  message: string;
  /** Set if SDKs may retry. */
  retryable?: true;
}
/** ListenHub's behaviour and the resulting error message, which is the same in every dialect. */
const OUTCOMES: Record<string, Outcome> = {
  moderated: {
    behaviour: { pictures: [], finishReason: "IMAGE_SAFETY", text: `${BLOCKED} ${ECHO}` },
    message: `The request was refused by the model's content rules (IMAGE_SAFETY; ${BLOCKED} [echo]).`,
  },
  blocked: {
    behaviour: { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } },
    message: "The request was refused by the model's content rules (PROMPT_BLOCKED; PROHIBITED_CONTENT).",
  },
  empty: {
    behaviour: { pictures: [], finishReason: "NO_IMAGE", text: `I only write. ${ECHO}` },
    message: "listenhub answered without a picture (NO_IMAGE; I only write. [echo]).",
  },
  credit: { behaviour: { status: 402, error: { message: `积分不足 ${ECHO}` } }, message: "listenhub: 积分不足 [echo]" },
  model: {
    behaviour: { status: 400, error: { code: 1, message: `model gemini-3 not found ${ECHO}` } },
    message: "listenhub: model gemini-3 not found [echo]",
  },
  rate: {
    behaviour: { status: 429, error: { message: `频率限制 ${ECHO}` }, headers: { "retry-after": "7" } },
    message: "listenhub: 频率限制 [echo]",
    retryable: true,
  },
  failed: {
    behaviour: { status: 500, error: { message: `图片生成失败 ${ECHO}` } },
    message: "listenhub: 图片生成失败 [echo]",
    retryable: true,
  },
  proxy: {
    behaviour: { status: 502, body: HTML_PAGE, type: "text/html" },
    message: "listenhub: status 502 (it may still charge for the picture)",
  },
  html: {
    behaviour: { body: HTML_PAGE, type: "text/html" },
    message: "listenhub sent an answer that cannot be used. The body is not a JSON object or list.",
  },
  timeout: {
    behaviour: { hang: true },
    message: "listenhub did not answer within 3 s; it may still charge for the picture.",
  },
  invalid: {
    behaviour: { status: 400, error: { message: `请求参数无效 ${ECHO}` } },
    message: "listenhub: 请求参数无效 [echo]",
  },
};

interface Shape {
  use: string;
  /** Build the expected error body from the message, the table's cell and the request id. */
  body(message: string, expected: readonly unknown[], id: string): object;
  /** The status of each outcome, and other values of its body. */
  table: Record<keyof typeof OUTCOMES, readonly [status: number, ...more: unknown[]]>;
}
const OPENAI: Shape["body"] = (message, [, type, code]) => ({ error: { message, type, param: null, code } });
const INVALID = "invalid_request_error";
const SERVER = "server_error";

/** The cells that all dialects with OpenAI's error format share. */
const OPENAI_TABLE = {
  empty: [502, SERVER, "no_image"],
  credit: [402, "insufficient_quota", "insufficient_quota"],
  model: [404, INVALID, "model_not_found"],
  rate: [429, "requests", "rate_limit_exceeded"],
  failed: [502, SERVER, "vendor_error"],
  proxy: [502, SERVER, "vendor_error"],
  html: [502, SERVER, "vendor_error"],
  timeout: [504, SERVER, "vendor_timeout"],
  invalid: [400, INVALID, null],
} as const;

/** Written manually from the documents (errors, 错误码, 错误响应) and openai-node's errors. */
const SHAPES: Record<string, Shape> = {
  listenhub: {
    use: "listenhub",
    body: (message, [, code], request_id) => ({ code, message, request_id }),
    table: {
      moderated: [400, 29003],
      blocked: [400, 29003],
      empty: [500, 500],
      credit: [402, 26004],
      model: [400, 29003],
      rate: [429, 25429],
      failed: [500, 500],
      proxy: [500, 500],
      html: [500, 500],
      timeout: [500, 500],
      invalid: [400, 29003],
    },
  },
  xty: {
    use: "xty",
    body: OPENAI,
    table: {
      moderated: [400, INVALID, "content_policy_violation"],
      blocked: [400, INVALID, "content_policy_violation"],
      ...OPENAI_TABLE,
    },
  },
  atalk: {
    use: "atalk",
    body: (msg) => ({ code: -1, msg }),
    table: {
      moderated: [422],
      blocked: [422],
      empty: [500],
      credit: [402],
      model: [404],
      rate: [429],
      failed: [503],
      proxy: [500],
      html: [500],
      timeout: [500],
      invalid: [400],
    },
  },
  linkai: {
    use: "linkai",
    body: (message, [, type]) => ({ error: { message, type } }),
    table: {
      moderated: [409, "content_policy_violation"],
      blocked: [409, "content_policy_violation"],
      empty: [503, SERVER],
      credit: [406, "insufficient_quota"],
      model: [402, INVALID],
      rate: [429, "rate_limit_error"],
      failed: [503, SERVER],
      proxy: [503, SERVER],
      html: [503, SERVER],
      timeout: [503, SERVER],
      invalid: [400, INVALID],
    },
  },
  nebula: {
    use: "nebula",
    body: (msg, [code]) => ({ code, msg, data: null }),
    table: {
      moderated: [400],
      blocked: [400],
      empty: [500],
      credit: [400],
      model: [400],
      rate: [429],
      failed: [500],
      proxy: [500],
      html: [500],
      timeout: [500],
      invalid: [400],
    },
  },
  openai: {
    use: "openai as URL",
    body: OPENAI,
    table: {
      moderated: [400, "image_generation_user_error", "moderation_blocked"],
      blocked: [400, "image_generation_user_error", "moderation_blocked"],
      ...OPENAI_TABLE,
    },
  },
  easel: {
    use: "easel as JSON",
    body: (message, [, code]) => ({ error: { code, message } }),
    table: {
      moderated: [422, "content_rejected"],
      blocked: [422, "content_rejected"],
      empty: [502, "no_image"],
      credit: [402, "insufficient_credit"],
      model: [404, "model_not_found"],
      rate: [429, "rate_limited"],
      failed: [502, "vendor_error"],
      proxy: [502, "vendor_error"],
      html: [502, "vendor_error"],
      timeout: [504, "vendor_timeout"],
      invalid: [400, "invalid_request"],
    },
  },
};

/** Request a picture from one vendor in a dialect. */
function ask(use: string, model: string): Promise<Response> {
  const { path, headers, requestBody: ask } = DIALECTS[use] as DialectUse;
  return stage.post(path, JSON.stringify(ask(model)).replace("a cat", PROMPT), headers);
}

describe.each(Object.entries(SHAPES))("errors in the dialect of %s", (_, { use, body, table }) => {
  it.each(Object.entries(table))(
    "the outcome %s is encoded with the documented status and body",
    async (outcome, expected) => {
      const { behaviour, message: template, retryable } = OUTCOMES[outcome] as Outcome;
      stage.listenhub.next(behaviour);
      const response = await ask(use, `listenhub/${PRO}`);
      const message = template.replace("[echo]", "(prompt: [redacted]; key: [redacted])");
      expect(await response.json()).toEqual(body(message, expected, response.headers.get("x-request-id") ?? ""));
      const [status] = expected;
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.headers.get("x-should-retry")).toBe(retryable ? null : "false");
      expect(response.headers.get("retry-after")).toBe(outcome === "rate" ? "7" : status === 503 ? "5" : null);
      expect(callCount("listenhub")).toBe(1);
    },
  );
});

/** The ways in which each vendor refuses content, and the resulting part of the error message. */
const MODERATED: Record<VendorName, [how: object, says: string][]> = {
  listenhub: [
    [{ finishReason: "PROHIBITED_CONTENT" }, "PROHIBITED_CONTENT"],
    [{ promptFeedback: { blockReason: "OTHER" } }, "PROMPT_BLOCKED; OTHER"],
    [{ pictures: [], text: "This goes against my safety guidelines." }, "This goes against my safety guidelines."],
    [{ status: 500, error: { message: "生成失败: IMAGE_SAFETY" } }, "listenhub: 生成失败: IMAGE_SAFETY"],
  ],
  xty: [
    [{ text: "", finishReason: "content_filter" }, "content_filter"],
    [{ text: "抱歉,内容违规" }, "抱歉,内容违规"],
    [{ status: 400, error: { message: "no", code: "prompt_blocked" } }, "xty: no (prompt_blocked)"],
    [{ status: 503, error: { message: "内容审核不通过" } }, "xty: 内容审核不通过"],
  ],
  atalk: [
    [{ error: { message: "Request Moderated" } }, "atalk: Request Moderated"],
    [{ error: { message: "Content Moderated" }, status: 500 }, "atalk: Content Moderated"],
  ],
  linkai: [
    [{ status: 409, error: { message: "内容审核不通过" } }, "linkai: 内容审核不通过"],
    [{ status: 503, error: { message: "内容审核不通过" } }, "linkai: 内容审核不通过"],
    [
      { status: 400, error: { message: "no", type: "content_policy_violation" } },
      "linkai: no (content_policy_violation)",
    ],
  ],
  nebula: [
    [{ status: 400, error: { message: "内容审核不通过" } }, "nebula: 内容审核不通过"],
    [{ status: 200, error: { code: 500, message: "提示词包含敏感词" } }, "nebula: 提示词包含敏感词"],
  ],
};

describe.each(VENDORS)("content that %s refuses", (name) => {
  const cases = MODERATED[name];
  it.each(cases)("%j is reported as a content refusal and no SDK retries", async (how, says) => {
    stage[name].always(how);
    const key = { apiKey: ADMIN, maxRetries: 2 };
    const model = `${name}/${MODELS[name]}`;
    const images = new OpenAI({ ...key, baseURL: `${stage.easel.url}/v1` });
    const blocked = await apiErrorOf(images.images.generate({ model, prompt: PROMPT }));
    expect(blocked).toMatchObject({ status: 400, code: "moderation_blocked" });
    expect(blocked.message).toContain(says);
    expect(callCount(name)).toBe(1);

    // LinkAI's document requires a 409, so x-should-retry stops the retries of the SDK.
    const linkai = new OpenAI({ ...key, baseURL: `${stage.easel.url}/linkai/v1` });
    expect(await apiErrorOf(linkai.images.generate({ model, prompt: PROMPT }))).toMatchObject({ status: 409 });
    expect(callCount(name)).toBe(2);

    // The AI SDK retries 409, 429 and 5xx whatever x-should-retry says.
    const baseURL = `${stage.easel.url}/v1`;
    const compatible = createOpenAICompatible({ name: "easel", apiKey: ADMIN, baseURL }).imageModel(model);
    const aiSdkCall = generateImage({ model: compatible, prompt: PROMPT }).catch((error: unknown) => error);
    expect(await aiSdkCall).toMatchObject({ statusCode: 400, message: expect.stringContaining(says) as string });
    expect(callCount(name)).toBe(3);
  });
});

it("content that one vendor refuses is not sent to the next vendor", async () => {
  stage.listenhub.always({ finishReason: "IMAGE_SAFETY" });
  expect(await jsonOf(stage.post("/v1/generations", { model: PRO, prompt: PROMPT }))).toMatchObject({
    error: { code: "content_rejected" },
  });
  expect(VENDORS.map(callCount)).toEqual([1, 0, 0, 0, 0]);
});

it("a request body that is too large for one vendor is sent to the next vendor", async () => {
  stage.listenhub.always({ status: 413, body: HTML_PAGE, type: "text/html" });
  const response = await stage.post("/v1/generations", { model: PRO, prompt: PROMPT });
  expect([response.status, response.headers.get("easel-vendor")]).toEqual([200, "xty"]);
});
