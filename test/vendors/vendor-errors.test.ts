import { describe, expect, it } from "vitest";
import { REASONS, STATUSES } from "../../src/vendors/error-codes.ts";
import { vendorError } from "../../src/vendors/vendor-errors.ts";
import { vendors } from "../../src/vendors/index.ts";
import type { Provider } from "../../src/vendors/vendor.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

/** Outcome in the tables below → the error code, whether a retry may help, whether another vendor may be called. */
const OUTCOMES: Record<string, [code: string, retryable: boolean, canFailover: boolean]> = {
  invalid: ["invalid_request", false, false],
  moderated: ["content_rejected", false, false],
  empty: ["no_image", false, false],
  large: ["payload_too_large", false, true],
  model: ["model_not_found", false, true],
  credit: ["insufficient_credit", false, true],
  rate: ["rate_limited", true, true],
  auth: ["vendor_error", false, true],
  failed: ["vendor_error", false, true],
  busy: ["vendor_error", true, true],
  unknown: ["vendor_error", false, false],
};
const expected = (outcome: string) => {
  const [code, retryable, canFailover] = OUTCOMES[outcome] ?? ["no such outcome"];
  return { code, retryable, canFailover };
};

/** Parse lines of `name cell cell …` into one case per cell. The first line names the columns; `-` is no case. */
function cells(table: string): [row: string, column: string, outcome: string][] {
  const [head = [], ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([row = "", ...outcomes]) => {
    if (outcomes.length !== head.length) throw new Error(`not as many cells as columns: ${row}`);
    return outcomes.flatMap((outcome, index): [string, string, string][] =>
      outcome === "-" ? [] : [[row, head[index] ?? "", outcome]],
    );
  });
}

const providers = vendors.flatMap(({ provider }) => provider ?? []);
function errorFrom(vendor: string, status: number, wire: unknown): unknown {
  const provider = providers.find(({ name }) => name === vendor) as Provider;
  return thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request));
}

/** An error in each vendor's own form. */
const SHAPES: Record<string, (message: string | undefined, code?: number | string) => object> = {
  listenhub: (message, code) => ({ code, message, request_id: "req_1" }),
  xty: (message, code = null as never) => ({ error: { message, type: "invalid_request_error", param: null, code } }),
  atalk: (message, code = -1) => ({ code, msg: message }),
  linkai: (message, code) => ({ error: { message, type: "invalid_request_error", code } }),
  nebula: (message, code) => ({ code, msg: message, data: null }),
};
const VENDORS = Object.keys(SHAPES);
const errorWire = (vendor: string, message: string | undefined, code?: number | string) =>
  (SHAPES[vendor] as (typeof SHAPES)[string])(message, code);
/** A message that says nothing about the error. */
const WORDS = "as the test says";

const BY_STATUS = `
       listenhub  xty        atalk      linkai     nebula
  400  invalid    invalid    invalid    invalid    invalid
  401  auth       auth       auth       auth       auth
  402  credit     credit     credit     model      credit
  403  failed     failed     failed     failed     failed
  404  failed     failed     failed     failed     failed
  405  failed     failed     failed     failed     failed
  406  failed     failed     failed     credit     failed
  408  unknown    unknown    unknown    unknown    unknown
  409  failed     failed     failed     moderated  failed
  413  large      large      large      large      large
  415  invalid    invalid    invalid    invalid    invalid
  422  invalid    invalid    invalid    invalid    invalid
  429  rate       rate       rate       rate       rate
  451  moderated  moderated  moderated  moderated  moderated
  500  busy       failed     busy       failed     failed
  501  failed     failed     failed     failed     failed
  502  unknown    unknown    unknown    unknown    unknown
  503  busy       busy       busy       busy       busy
  504  unknown    unknown    unknown    unknown    unknown
  520  unknown    unknown    unknown    unknown    unknown
  521  busy       busy       busy       busy       busy
  522  busy       busy       busy       busy       busy
  523  busy       busy       busy       busy       busy
  524  unknown    unknown    unknown    unknown    unknown
  525  busy       busy       busy       busy       busy
  526  busy       busy       busy       busy       busy
  529  failed     failed     failed     failed     failed
  530  busy       busy       busy       busy       busy
`;
/** Different outcomes for a page of HTML or an empty body, which may come from a proxy, not the vendor. */
const BY_STATUS_ALONE = `
       listenhub  xty        atalk      linkai     nebula
  500  busy       unknown    busy       unknown    unknown
  501  unknown    unknown    unknown    unknown    unknown
  529  unknown    unknown    unknown    unknown    unknown
`;

describe("vendors' statuses", () => {
  it("the table has a line for each known status", () => {
    const lines = new Set(cells(BY_STATUS).map(([status]) => status));
    expect(Object.keys(STATUSES).filter((status) => !lines.has(status))).toEqual([]);
  });

  it.each(cells(BY_STATUS))("status %s from %s is %s", (status, vendor, outcome) => {
    const error = errorFrom(vendor, Number(status), errorWire(vendor, WORDS));
    expect(error).toMatchObject({ ...expected(outcome), vendorStatus: Number(status) });
    const subject = outcome === "auth" ? `${vendor} refused the gateway's own key` : vendor;
    const chargeNote = outcome === "unknown" ? " (it may still charge for the picture)" : "";
    expect(error).toMatchObject({ message: `${subject}: ${WORDS}${chargeNote}` });
  });

  const alone = new Map(cells(BY_STATUS_ALONE).map(([status, vendor, outcome]) => [status + vendor, outcome]));
  const withoutText = cells(BY_STATUS).map(
    ([status, vendor, outcome]) => [status, vendor, alone.get(status + vendor) ?? outcome] as const,
  );
  it.each(withoutText)(
    "status %s from %s with HTML, an empty body or foreign JSON is %s",
    (status, vendor, outcome) => {
      for (const wire of [undefined, null, {}, [], "<html>", { detail: WORDS }]) {
        const error = errorFrom(vendor, Number(status), wire);
        const message = expect.stringContaining(`status ${status}`) as string;
        // A vendor that returns {} in its documented form gives no message.
        expect([wire, error]).toMatchObject([wire, { ...expected(outcome), message }]);
      }
    },
  );
});

/** Error codes in a response with status 200. */
const BY_CODE = `
         listenhub  xty        atalk      linkai     nebula
  -1     failed     failed     failed     failed     failed
  1      failed     failed     failed     failed     failed
  12345  failed     failed     failed     failed     failed
  400    invalid    invalid    invalid    invalid    invalid
  401    auth       auth       auth       auth       auth
  402    credit     credit     credit     model      credit
  403    failed     failed     failed     failed     failed
  404    failed     failed     failed     failed     failed
  406    failed     failed     failed     credit     failed
  409    failed     failed     failed     moderated  failed
  413    large      large      large      large      large
  422    invalid    invalid    invalid    invalid    invalid
  429    rate       rate       rate       rate       rate
  451    moderated  moderated  moderated  moderated  moderated
  500    busy       failed     busy       failed     failed
  502    unknown    unknown    unknown    unknown    unknown
  503    busy       busy       busy       busy       busy
  504    unknown    unknown    unknown    unknown    unknown
`;
/** ListenHub's own codes, with every status that says little. */
const LISTENHUB_CODES = `
         200      400      403      500
  21007  auth     auth     auth     auth
  26004  credit   credit   credit   credit
  29003  invalid  invalid  invalid  invalid
  29998  rate     rate     rate     rate
  25429  rate     rate     rate     rate
`;
/** Codes or types that relays write; the columns are HTTP statuses. */
const BY_WORD = `
                                     200        400        429        500        503
  content_policy_violation           moderated  moderated  moderated  moderated  moderated
  content_filter                     moderated  moderated  moderated  moderated  moderated
  moderation_blocked                 moderated  moderated  moderated  moderated  moderated
  prompt_blocked                     moderated  moderated  moderated  moderated  moderated
  sensitive_words_detected           moderated  moderated  moderated  moderated  moderated
  InputTextSensitiveContentDetected  moderated  moderated  moderated  moderated  moderated
  PROHIBITED_CONTENT                 moderated  moderated  moderated  moderated  moderated
  insufficient_quota                 credit     credit     credit     credit     credit
  insufficient_user_quota            credit     credit     credit     credit     credit
  pre_consume_token_quota_failed     credit     credit     credit     credit     credit
  AccountOverdueError                credit     credit     credit     credit     credit
  invalid_api_key                    auth       auth       auth       auth       auth
  authentication_error               auth       auth       auth       auth       auth
  model_not_found                    model      model      model      model      model
  rate_limit_exceeded                rate       rate       rate       rate       rate
  QuotaExceeded                      rate       rate       rate       rate       rate
  RESOURCE_EXHAUSTED                 rate       rate       rate       rate       rate
  empty_response                     empty      empty      empty      empty      empty
  INVALID_ARGUMENT                   invalid    invalid    rate       invalid    invalid
  overloaded_error                   busy       invalid    rate       busy       busy
  invalid_request_error              failed     invalid    rate       failed     busy
  server_error                       failed     invalid    rate       failed     busy
`;

describe("error codes in vendors' responses", () => {
  it.each(cells(BY_CODE))("code %s from %s is %s", (code, vendor, outcome) => {
    const wires = [errorWire(vendor, WORDS, Number(code)), errorWire(vendor, undefined, Number(code))];
    for (const wire of wires) expect(errorFrom(vendor, 200, wire)).toMatchObject(expected(outcome));
    expect(errorFrom(vendor, 200, wires[1])).toMatchObject({ message: expect.stringContaining(code) as string });
  });

  it.each(cells(LISTENHUB_CODES))("ListenHub's code %s with status %s is %s", (code, status, outcome) => {
    for (const message of [WORDS, undefined])
      expect(errorFrom("listenhub", Number(status), errorWire("listenhub", message, Number(code)))).toMatchObject(
        expected(outcome),
      );
  });

  it.each(cells(BY_WORD))("the code %s with status %s is %s", (code, status, outcome) => {
    for (const vendor of ["xty", "linkai", "nebula"]) {
      const error = errorFrom(vendor, Number(status), errorWire(vendor, WORDS, code));
      expect([vendor, error]).toMatchObject([vendor, expected(outcome)]);
      if (outcome === "moderated") expect(error).toMatchObject({ message: `${vendor}: ${WORDS} (${code})` });
    }
    const atalkError = errorFrom("atalk", Number(status), errorWire("atalk", WORDS, code));
    // atalk's 500 may be retried.
    expect(atalkError).toMatchObject(expected(status === "500" && outcome === "failed" ? "busy" : outcome));
    // Other vendors write it as a type.
    for (const vendor of ["xty", "linkai", "nebula"])
      expect(errorFrom(vendor, Number(status), { error: { message: WORDS, type: code } })).toMatchObject(
        expected(outcome),
      );
  });
});

/** Google's finishReason and blockReason, chat's finish_reason, and each in a vendor's error text (HTTP 200, 500). */
const BY_REASON = `
                             finish     block      chat       words
  SAFETY                     moderated  moderated  moderated  moderated
  IMAGE_SAFETY               moderated  moderated  moderated  moderated
  PROHIBITED_CONTENT         moderated  moderated  moderated  moderated
  IMAGE_PROHIBITED_CONTENT   moderated  moderated  moderated  moderated
  BLOCKLIST                  moderated  moderated  moderated  moderated
  SPII                       moderated  moderated  moderated  moderated
  RECITATION                 moderated  moderated  moderated  moderated
  IMAGE_RECITATION           moderated  moderated  moderated  moderated
  MODEL_ARMOR                moderated  moderated  moderated  moderated
  JAILBREAK                  moderated  moderated  moderated  moderated
  PROMPT_BLOCKED             moderated  moderated  moderated  moderated
  CONTENT_FILTER             moderated  moderated  moderated  moderated
  NO_IMAGE                   empty      moderated  empty      empty
  IMAGE_OTHER                empty      moderated  empty      empty
  OTHER                      empty      moderated  empty      failed
  STOP                       empty      -          empty      failed
  MAX_TOKENS                 unknown    -          unknown    failed
  LENGTH                     unknown    -          unknown    failed
  LANGUAGE                   empty      -          empty      failed
  MALFORMED_FUNCTION_CALL    empty      -          empty      failed
  UNEXPECTED_TOOL_CALL       empty      -          empty      failed
  TOO_MANY_TOOL_CALLS        empty      -          empty      failed
  BLOCKED_REASON_UNSPECIFIED empty      moderated  empty      failed
  A_REASON_OF_TOMORROW       empty      moderated  empty      failed
  constructor                empty      moderated  empty      failed
  __proto__                  empty      moderated  empty      failed
`;

describe("reasons why a model ended without a picture", () => {
  const draft = { inlineData: { mimeType: "image/png", data: "hoisted:0" }, thought: true };
  const responsesWith: Record<string, (reason: string) => [vendor: string, wire: unknown][]> = {
    finish: (reason) => [
      ["listenhub", { candidates: [{ finishReason: reason, index: 0 }] }],
      [
        "listenhub",
        [{ candidates: [{ content: { parts: [{ text: "Well." }] } }] }, { candidates: [{ finishReason: reason }] }],
      ],
    ],
    block: (reason) => [
      ["listenhub", { promptFeedback: { blockReason: reason } }],
      // A draft does not count as a picture.
      ["listenhub", { promptFeedback: { blockReason: reason }, candidates: [{ content: { parts: [draft] } }] }],
    ],
    chat: (reason) => [
      ["xty", { choices: [{ message: { content: "" }, finish_reason: reason }] }],
      ["xty", { choices: [{ message: { content: null }, finish_reason: reason.toLowerCase() }] }],
    ],
  };

  it("the table has a line for each known reason", () => {
    const lines = new Set(cells(BY_REASON).map(([reason]) => reason));
    expect(Object.keys(REASONS).filter((reason) => !lines.has(reason))).toEqual([]);
  });

  const [inTexts, inFields] = [true, false].map((isWords) =>
    cells(BY_REASON).filter(([, column]) => (column === "words") === isWords),
  );
  it.each(inFields ?? [])("the reason %s in the field %s is %s", (reason, column, outcome) => {
    for (const [vendor, wire] of responsesWith[column]?.(reason) ?? []) {
      // After a response of 200 the charge is unknown.
      const error = errorFrom(vendor, 200, wire);
      expect(error).toMatchObject({ ...expected(outcome), canFailover: false, vendorStatus: 200 });
      expect((error as Error).message.toUpperCase()).toContain(reason.toUpperCase());
    }
  });

  it.each(inTexts ?? [])("the reason %s in a vendor's %s is %s", (reason, _, outcome) => {
    for (const vendor of VENDORS) {
      const error = errorFrom(vendor, 200, errorWire(vendor, `生成失败: ${reason}.`, 1));
      expect([vendor, error]).toMatchObject([vendor, expected(outcome)]);
      if (outcome === "failed") continue;
      expect(errorFrom(vendor, 500, errorWire(vendor, `生成失败: ${reason}.`))).toMatchObject(expected(outcome));
    }
  });

  it("a rejection among several reasons counts, else the first reason", () => {
    const of = (...reasons: string[]) => ({ candidates: reasons.map((finishReason) => ({ finishReason })) });
    expect(errorFrom("listenhub", 200, of("STOP", "MAX_TOKENS", "SAFETY"))).toMatchObject(expected("moderated"));
    expect(errorFrom("listenhub", 200, of("TOMORROW", "STOP", "MAX_TOKENS"))).toMatchObject(expected("empty"));
    expect(errorFrom("listenhub", 200, of("TOMORROW", "MAX_TOKENS", "STOP"))).toMatchObject(expected("unknown"));
  });

  it("the error's message has the model's explanation", () => {
    const finishMessage = "Unable to show the generated image. Try rephrasing the prompt.";
    const wire = { candidates: [{ content: {}, finishReason: "IMAGE_OTHER", finishMessage }] };
    expect(errorFrom("listenhub", 200, wire)).toMatchObject({
      code: "no_image",
      message: `listenhub answered without a picture (IMAGE_OTHER; ${finishMessage}).`,
    });
    const violates = "It violated Google's Generative AI Prohibited Use policy.";
    const rejected = { candidates: [{ finishReason: "IMAGE_OTHER", finishMessage: violates }] };
    expect(errorFrom("listenhub", 200, rejected)).toMatchObject({
      code: "content_rejected",
      message: `The request was refused by the model's content rules (IMAGE_OTHER; ${violates}).`,
    });
    const blockReasonMessage = "The prompt could not be submitted.";
    expect(errorFrom("listenhub", 200, { promptFeedback: { blockReason: "OTHER", blockReasonMessage } })).toMatchObject(
      { message: expect.stringContaining(`OTHER; ${blockReasonMessage}`) as string },
    );
  });
});

describe("responses with 200 and no picture", () => {
  /** An empty list of pictures, with a text from the vendor or its model. */
  const EMPTY: Record<string, (said?: string) => unknown> = {
    listenhub: (said) => ({ candidates: said === undefined ? [] : [{ content: { parts: [{ text: said }] } }] }),
    xty: (said) => ({ choices: said === undefined ? [] : [{ message: { content: said }, finish_reason: "stop" }] }),
    atalk: (msg) => ({ code: 0, data: [], msg, usage: { images_generated: 0, images_failed: 1 } }),
    linkai: (message) => ({ data: [], message }),
    nebula: (msg) => ({ code: 200, msg, data: { data: [] } }),
  };
  const cases: [said: string | undefined, outcome: string][] = [
    [undefined, "empty"],
    ["I can only draw cats.", "empty"],
    ["Here is a moderate breeze over a sensitive plant, in the safety of a harbour.", "empty"],
    ["操作成功", "empty"],
    ["I can't generate that image: it goes against my safety guidelines.", "moderated"],
    ["This would violate our usage policies.", "moderated"],
    ["抱歉,该描述涉及敏感内容,无法生成。", "moderated"],
  ];
  it.each(cases.flatMap((row) => VENDORS.map((vendor) => [...row, vendor] as const)))(
    "the text %j without a picture is %s, from %s",
    (said, outcome, vendor) => {
      const error = errorFrom(vendor, 200, EMPTY[vendor]?.(said));
      expect(error).toMatchObject({ ...expected(outcome), vendorStatus: 200 });
      expect((error as Error).message).toContain(said ?? "without a picture");
    },
  );

  it.each(VENDORS)("an error of any JSON type from %s is a failure", (vendor) => {
    for (const error of [{}, { message: WORDS }, WORDS, { code: "x" }, [], true, 7])
      expect([error, errorFrom(vendor, 200, { error, data: [], choices: [], candidates: [] })]).toMatchObject([
        error,
        expected("failed"),
      ]);
  });
});

describe("the most precise of status, code and text", () => {
  const kinds = {
    402: "model_not_found",
    500: "busy",
    29003: "invalid_request",
    26004: "insufficient_credit",
  } as const;
  const cases: [input: Parameters<typeof vendorError>[1], outcome: string][] = [
    // A precise status counts, whatever the message says.
    [{ status: 429, message: "You exceeded your quota: insufficient balance" }, "rate"],
    [{ status: 402, message: "model x not found" }, "credit"],
    [{ status: 504, message: "Request Moderated" }, "unknown"],
    [{ status: 502, code: 429, message: "too many requests" }, "unknown"],
    [{ status: 413, code: 400, message: "Invalid parameter" }, "large"],
    // The documented meaning of a status counts too, unless the status is used for any error.
    [{ status: 402, message: "余额不足", kinds }, "model"],
    [{ status: 500, message: "生成失败", kinds }, "busy"],
    [{ status: 500, message: "内容审核不通过", kinds }, "moderated"],
    [{ status: 500, message: "生成超时", kinds }, "unknown"],
    [{ status: 500, code: 26004, message: "Request Moderated", kinds }, "credit"],
    [{ status: 429, code: 29003, kinds }, "rate"],
    [{ status: 429, code: 26004, kinds }, "credit"],
    [{ status: 500, code: 29003, kinds }, "invalid"],
    [{ status: 400, code: 29003, message: "model x not found", kinds }, "model"],
    // A code in the body is more precise than the status.
    [{ status: 400, code: 429 }, "rate"],
    [{ status: 400, code: "503" }, "busy"],
    [{ status: 500, code: 400 }, "invalid"],
    [{ status: 503, code: 402 }, "credit"],
    [{ status: 401, code: -1, message: "该令牌额度已用尽" }, "credit"],
    // Messages that contradict the status.
    [{ status: 400, message: "downloading images[0] timed out" }, "invalid"],
    [{ status: 401, message: "the server is overloaded" }, "auth"],
    [{ status: 401, message: "Invalid parameter: authorization" }, "auth"],
    [{ status: 400, message: "API key not valid. Please pass a valid API key." }, "auth"],
    [{ status: 400, message: "User location is not supported for the API use." }, "failed"],
    [{ status: 400, message: "Country, region, or territory not supported" }, "failed"],
    [{ status: 500, message: "Invalid aspect_ratio parameter." }, "invalid"],
    [{ status: 503, message: "upstream request timed out" }, "unknown"],
    [{ status: 503, message: "No available channel for model x" }, "model"],
    [{ status: 200, message: "系统繁忙,请稍后再试" }, "busy"],
    // A number without a message.
    [{ status: 599 }, "unknown"],
    [{ status: 599, code: "oops" }, "failed"],
    [{ status: 200, code: Number.NaN }, "failed"],
    [{ status: 200, code: "" }, "failed"],
  ];
  it.each(cases)("the vendor error %j is %s", (input, outcome) => {
    expect(vendorError("somebody", input)).toMatchObject(expected(outcome));
  });

  it.each<[input: Parameters<typeof vendorError>[1], message: string]>([
    [{ status: 400, message: "no" }, "no"],
    [{ status: 400, code: "prompt_blocked" }, "prompt_blocked"],
    [{ status: 400, code: "prompt_blocked", message: "no" }, "no (prompt_blocked)"],
    [{ status: 400, code: "prompt_blocked", message: "prompt_blocked: OTHER" }, "prompt_blocked: OTHER"],
    [{ status: 400, code: "bad_response", message: "no" }, "no"],
    [{ status: 400, code: 7 }, "status 400"],
    [{ status: 200, code: 7 }, "code 7"],
    [{ status: 200, code: "7" }, "code 7"],
    [{ status: 400, code: 0 }, "status 400"],
  ])("the message for %j has the vendor's own words", (input, message) => {
    expect(vendorError("somebody", input).message).toBe(`somebody: ${message}`);
  });
});
