import { describe, expect, it } from "vitest";
import { depthBomb, disguised, HTML_PAGE, jpeg, png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** A vendor responds 200 without a picture: the gateway must respond with an error (docs/faults.md 11 to 14). */
const stage = staged({ vendors: ["listenhub"] });

const raw = (value: unknown): ListenHubBehaviour => ({
  body: typeof value === "string" ? value : JSON.stringify(value),
});
const reasons = (names: string[]) =>
  names.map((finishReason): [string, ListenHubBehaviour] => [finishReason, { finishReason }]);
const blocks = (names: string[]) =>
  names.map((blockReason): [string, ListenHubBehaviour] => [
    `blockReason ${blockReason}`,
    { promptFeedback: { blockReason } },
  ]);

/** Moderation: an error of the request, which must not be retried unchanged. */
const REJECTED = [
  ...reasons([
    "SAFETY",
    "IMAGE_SAFETY",
    "PROHIBITED_CONTENT",
    "IMAGE_PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "RECITATION",
    "IMAGE_RECITATION",
  ]),
  ...blocks(["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK", "OTHER"]),
];
const NO_IMAGE: [string, ListenHubBehaviour][] = [
  ...reasons(["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_FUNCTION_CALL", "LANGUAGE"]),
  ["an empty list of candidates", { pictures: [] }],
  ["a reason without content", { pictures: [], finishReason: "STOP" }],
  ["text alone", { pictures: [], text: "I cannot draw that." }],
  ["a thought alone", { pictures: [], thought: "hm" }],
  ["an empty object", raw({})],
  ["an empty list", raw([])],
  ["empty parts", raw({ candidates: [{ content: { parts: [] }, finishReason: "STOP" }] })],
  [
    "parts that are no objects",
    raw({
      candidates: [null, 7, { content: "x" }, { content: { parts: "x" } }, { content: { parts: [null, 1, []] } }],
    }),
  ],
  ["empty data", raw({ candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png", data: "" } }] } }] })],
  ["HTML declared as PNG", { pictures: [disguised("html")] }],
  ["SVG declared as PNG", { pictures: [disguised("svg")] }],
];
const BROKEN: [string, ListenHubBehaviour][] = [
  ["a page of HTML", { body: HTML_PAGE, type: "text/html" }],
  ["a page of HTML declared as JSON", raw(HTML_PAGE)],
  ["a megabyte of HTML", { body: HTML_PAGE + "x".repeat(1_000_000), type: "text/html" }],
  ["an empty body", raw("")],
  ["a body of white space", raw(" \n ")],
  ["a text in JSON", raw('"done"')],
  ["null", raw("null")],
  ["JSON that ends too early", raw('{"candidates":[{"content":')],
  ["two JSON values", raw("{}{}")],
  ["JSON nested 200,000 deep", { body: depthBomb() }],
  [
    "the placeholder of a hoisted picture",
    raw({ candidates: [{ content: { parts: [{ inlineData: { data: "hoisted:9" } }] } }] }),
  ],
  ["objects nested deep", raw('{"a":'.repeat(5_000) + "1" + "}".repeat(5_000))],
];
/** The gateway's status and code in the response, and the code in the record. */
const CASES: [group: string, cases: [string, ListenHubBehaviour][], status: number, code: number, recorded: string][] =
  [
    ["a refusal by moderation [fault 14]", REJECTED, 400, 29003, "content_rejected"],
    ["a response without a picture [fault 14]", NO_IMAGE, 500, 500, "no_image"],
    ["a response cut off by the vendor [fault 14]", reasons(["MAX_TOKENS"]), 500, 500, "vendor_error"],
    ["an unusable body [fault 11] [fault 12]", BROKEN, 500, 500, "vendor_error"],
    [
      "an error about parameters in a 200 [fault 13]",
      [["code 29003", { status: 200, error: { code: 29003 } }]],
      400,
      29003,
      "invalid_request",
    ],
    [
      "an error about credit in a 200 [fault 13]",
      [["code 26004", { status: 200, error: { code: 26004 } }]],
      402,
      26004,
      "insufficient_credit",
    ],
    [
      "an error about the rate in a 200 [fault 13]",
      [
        ["code 25429", { status: 200, error: { code: 25429 } }],
        ["code 29998", { status: 200, error: { code: 29998 } }],
        ["Google's 429", raw({ error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Quota" } })],
      ],
      429,
      25429,
      "rate_limited",
    ],
    [
      "Google's 400 in a 200 [fault 13]",
      [
        ["INVALID_ARGUMENT", raw({ error: { code: 400, status: "INVALID_ARGUMENT", message: "bad" } })],
        ["in a list", raw([{ error: { code: 400, message: "bad" } }])],
      ],
      400,
      29003,
      "invalid_request",
    ],
    [
      "another error in a 200 [fault 13]",
      [
        ["code 21007", { status: 200, error: { code: 21007 } }],
        ["an unknown code", { status: 200, error: { code: 12345 } }],
        ["an error that is a string", raw({ error: "quota" })],
        ["Google's 503", raw({ error: { code: 503, message: "overloaded" } })],
      ],
      500,
      500,
      "vendor_error",
    ],
  ];

describe.each(CASES)("%s", (_, cases, status, code, recorded) => {
  it.each(cases)("%s from ListenHub becomes an error, and nothing is stored", async (_, how) => {
    const answer = await stage.draw(CAT, how);
    expect(answer.json).toEqual({ code, message: expect.any(String), request_id: answer.headers.get("x-request-id") });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/json");
    const record = await stage.record(answer.id);
    expect(record).toMatchObject({ status: "failed", images: [], error: { code: recorded } });
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
    expect(stage.listenhub.seen).toHaveLength(1);
  });
});

it("an error without a picture repeats the vendor's reason", async () => {
  const message = async (how: ListenHubBehaviour) => (await stage.draw(CAT, how)).json["message"];
  expect(await message({ finishReason: "IMAGE_SAFETY" })).toContain("IMAGE_SAFETY");
  expect(await message({ promptFeedback: { blockReason: "JAILBREAK" } })).toContain("JAILBREAK");
  expect(await message({ pictures: [], text: "I only write." })).toContain("I only write.");
});

it("a response breaks off if its vendor's body, already partly sent, has no picture", async () => {
  const text = "x".repeat(400_000);
  const response = await stage.postListenHub(CAT, raw({ candidates: [{ content: { parts: [{ text }] } }] }));
  await expect(response.arrayBuffer()).rejects.toThrow();
  expect(await stage.ended(response.headers.get("easel-generation") ?? "")).toMatchObject({
    error: { code: "no_image" },
  });
});

it("a response breaks off if a draft was already sent and the final picture is refused", async () => {
  const how: ListenHubBehaviour = {
    pictures: [],
    drafts: [png({ bytes: 50_000 }), jpeg(1)],
    finishReason: "IMAGE_SAFETY",
  };
  const response = await stage.postListenHub(CAT, how);
  await expect(response.arrayBuffer()).rejects.toThrow();
  const id = response.headers.get("easel-generation") ?? "";
  expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "content_rejected" } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
});
