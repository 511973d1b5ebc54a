import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HTML_PAGE } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { DIALECTS, type DialectUse } from "./dialects.ts";
import { refused } from "./refused.ts";
import { ADMIN, jsonOf, LISTENHUB_KEY, MODELS, PRO, startStage, VENDORS } from "./stage.ts";
import type { Stage, VendorName } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  stage = await startStage({ vendors: [...VENDORS], limits: { headersMs: 3_000 } });
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** How many generations each vendor was asked for. */
const calls = (name: VendorName) => stage[name].seen.filter(({ method }) => method === "POST").length;

const PROMPT = "a cat that nobody else has ever asked for";
/** Vendors repeat what they were sent. */
const ECHO = `(prompt: ${PROMPT}; key: ${LISTENHUB_KEY})`;
const BLOCKED = "The image was filtered out.";

interface Outcome {
  how: ListenHubBehaviour;
  says: string;
  /** Whether SDKs are left to try again. */
  again?: true;
}
/** What one vendor does, and what its caller is told of it, in every dialect alike. */
const OUTCOMES: Record<string, Outcome> = {
  moderated: {
    how: { pictures: [], finishReason: "IMAGE_SAFETY", text: `${BLOCKED} ${ECHO}` },
    says: `The request was refused by the model's content rules (IMAGE_SAFETY; ${BLOCKED} [echo]).`,
  },
  blocked: {
    how: { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } },
    says: "The request was refused by the model's content rules (PROMPT_BLOCKED; PROHIBITED_CONTENT).",
  },
  empty: {
    how: { pictures: [], finishReason: "NO_IMAGE", text: `I only write. ${ECHO}` },
    says: "listenhub answered without a picture (NO_IMAGE; I only write. [echo]).",
  },
  credit: { how: { status: 402, error: { message: `积分不足 ${ECHO}` } }, says: "listenhub: 积分不足 [echo]" },
  model: {
    how: { status: 400, error: { code: 1, message: `model gemini-3 not found ${ECHO}` } },
    says: "listenhub: model gemini-3 not found [echo]",
  },
  rate: {
    how: { status: 429, error: { message: `频率限制 ${ECHO}` }, headers: { "retry-after": "7" } },
    says: "listenhub: 频率限制 [echo]",
    again: true,
  },
  failed: {
    how: { status: 500, error: { message: `图片生成失败 ${ECHO}` } },
    says: "listenhub: 图片生成失败 [echo]",
    again: true,
  },
  proxy: {
    how: { status: 502, body: HTML_PAGE, type: "text/html" },
    says: "listenhub: status 502 (it may still charge for the picture)",
  },
  html: {
    how: { body: HTML_PAGE, type: "text/html" },
    says: "listenhub sent an answer that cannot be used. The body is not a JSON object or list.",
  },
  timeout: {
    how: { hang: true },
    says: "listenhub did not answer within 3 s; it may still charge for the picture.",
  },
  invalid: {
    how: { status: 400, error: { message: `请求参数无效 ${ECHO}` } },
    says: "listenhub: 请求参数无效 [echo]",
  },
};

interface Shape {
  use: string;
  /** The body, of the message, the cell below and the request's id. */
  body(message: string, cell: readonly unknown[], id: string): object;
  /** Outcome → status, and what else the body has. */
  table: Record<keyof typeof OUTCOMES, readonly [status: number, ...more: unknown[]]>;
}
const OPENAI: Shape["body"] = (message, [, type, code]) => ({ error: { message, type, param: null, code } });
const INVALID = "invalid_request_error";
const SERVER = "server_error";

/** The cells that are the same wherever errors are OpenAI's. */
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

/** By hand, from the documents (errors, 错误码, 错误响应) and openai-node's errors. */
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

/** Asks one vendor, in a dialect. */
function ask(use: string, model: string): Promise<Response> {
  const { path, headers, ask } = DIALECTS[use] as DialectUse;
  return stage.post(path, JSON.stringify(ask(model)).replace("a cat", PROMPT), headers);
}

describe.each(Object.entries(SHAPES))("in the dialect of %s", (_, { use, body, table }) => {
  it.each(Object.entries(table))("%s", async (outcome, cell) => {
    const { how, says, again } = OUTCOMES[outcome] as Outcome;
    stage.listenhub.next(how);
    const answer = await ask(use, `listenhub/${PRO}`);
    const message = says.replace("[echo]", "(prompt: [redacted]; key: [redacted])");
    expect(await answer.json()).toEqual(body(message, cell, answer.headers.get("x-request-id") ?? ""));
    const [status] = cell;
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-should-retry")).toBe(again ? null : "false");
    expect(answer.headers.get("retry-after")).toBe(outcome === "rate" ? "7" : status === 503 ? "5" : null);
    expect(calls("listenhub")).toBe(1);
  });
});

/** Each vendor's own way to refuse a content, and what the caller is told. */
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

describe.each(VENDORS)("a content that %s refuses", (name) => {
  const cases = MODERATED[name];
  it.each(cases)("%j is told as such, and nobody is asked again", async (how, says) => {
    stage[name].always(how);
    const key = { apiKey: ADMIN, maxRetries: 2 };
    const model = `${name}/${MODELS[name]}`;
    const images = new OpenAI({ ...key, baseURL: `${stage.easel.url}/v1` });
    const blocked = await refused(images.images.generate({ model, prompt: PROMPT }));
    expect(blocked).toMatchObject({ status: 400, code: "moderation_blocked" });
    expect(blocked.message).toContain(says);
    expect(calls(name)).toBe(1);

    // Where the document wants a 409, its SDK is told not to try again.
    const linkai = new OpenAI({ ...key, baseURL: `${stage.easel.url}/linkai/v1` });
    expect(await refused(linkai.images.generate({ model, prompt: PROMPT }))).toMatchObject({ status: 409 });
    expect(calls(name)).toBe(2);

    // This one tries 409, 429 and 5xx again, whatever it is told.
    const baseURL = `${stage.easel.url}/v1`;
    const compatible = createOpenAICompatible({ name: "easel", apiKey: ADMIN, baseURL }).imageModel(model);
    const other = generateImage({ model: compatible, prompt: PROMPT }).catch((error: unknown) => error);
    expect(await other).toMatchObject({ statusCode: 400, message: expect.stringContaining(says) as string });
    expect(calls(name)).toBe(3);
  });
});

it("a content that one vendor refuses is not taken to the next", async () => {
  stage.listenhub.always({ finishReason: "IMAGE_SAFETY" });
  expect(await jsonOf(stage.post("/v1/generations", { model: PRO, prompt: PROMPT }))).toMatchObject({
    error: { code: "content_rejected" },
  });
  expect(VENDORS.map(calls)).toEqual([1, 0, 0, 0, 0]);
});

it("a body that is too large for one vendor is", async () => {
  stage.listenhub.always({ status: 413, body: HTML_PAGE, type: "text/html" });
  const answer = await stage.post("/v1/generations", { model: PRO, prompt: PROMPT });
  expect([answer.status, answer.headers.get("easel-vendor")]).toEqual([200, "xty"]);
});
