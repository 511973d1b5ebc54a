import { describe, expect, it } from "vitest";
import { depthBomb, disguised, HTML_PAGE, jpeg, png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, staged } from "./stage.ts";

/** docs/faults.md 11 to 14: a vendor says 200, and there is no picture. Never a 200 of ours. */
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

/** Moderation: told as the fault of the request, and not to be tried again as it is. */
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
    "parts that are none",
    raw({
      candidates: [null, 7, { content: "x" }, { content: { parts: "x" } }, { content: { parts: [null, 1, []] } }],
    }),
  ],
  ["empty data", raw({ candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png", data: "" } }] } }] })],
  ["HTML said to be PNG", { pictures: [disguised("html")] }],
  ["SVG said to be PNG", { pictures: [disguised("svg")] }],
];
const BROKEN: [string, ListenHubBehaviour][] = [
  ["a page of HTML", { body: HTML_PAGE, type: "text/html" }],
  ["a page of HTML said to be JSON", raw(HTML_PAGE)],
  ["a megabyte of HTML", { body: HTML_PAGE + "x".repeat(1_000_000), type: "text/html" }],
  ["nothing", raw("")],
  ["white space", raw(" \n ")],
  ["a text in JSON", raw('"done"')],
  ["null", raw("null")],
  ["JSON that ends too early", raw('{"candidates":[{"content":')],
  ["JSON with something behind it", raw("{}{}")],
  ["JSON nested 200,000 deep", { body: depthBomb() }],
  [
    "the name of a hoisted picture",
    raw({ candidates: [{ content: { parts: [{ inlineData: { data: "hoisted:9" } }] } }] }),
  ],
  ["objects nested deep", raw('{"a":'.repeat(5_000) + "1" + "}".repeat(5_000))],
];
/** Status and codes: ours on the wire, and in the record. */
const CASES: [group: string, cases: [string, ListenHubBehaviour][], status: number, code: number, recorded: string][] =
  [
    ["rejected", REJECTED, 400, 29003, "content_rejected"],
    ["without a picture", NO_IMAGE, 500, 500, "no_image"],
    ["cut off", reasons(["MAX_TOKENS"]), 500, 500, "vendor_error"],
    ["not to be used", BROKEN, 500, 500, "vendor_error"],
    [
      "an error in 200: parameters",
      [["code 29003", { status: 200, error: { code: 29003 } }]],
      400,
      29003,
      "invalid_request",
    ],
    [
      "an error in 200: credit",
      [["code 26004", { status: 200, error: { code: 26004 } }]],
      402,
      26004,
      "insufficient_credit",
    ],
    [
      "an error in 200: rate",
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
      "an error in 200: Google's 400",
      [
        ["INVALID_ARGUMENT", raw({ error: { code: 400, status: "INVALID_ARGUMENT", message: "bad" } })],
        ["in a list", raw([{ error: { code: 400, message: "bad" } }])],
      ],
      400,
      29003,
      "invalid_request",
    ],
    [
      "an error in 200: others",
      [
        ["code 21007", { status: 200, error: { code: 21007 } }],
        ["an unknown code", { status: 200, error: { code: 12345 } }],
        ["an error in words", raw({ error: "quota" })],
        ["Google's 503", raw({ error: { code: 503, message: "overloaded" } })],
      ],
      500,
      500,
      "vendor_error",
    ],
  ];

describe.each(CASES)("%s", (_, cases, status, code, recorded) => {
  it.each(cases)("%s", async (_, how) => {
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

it("says why there is no picture", async () => {
  const message = async (how: ListenHubBehaviour) => (await stage.draw(CAT, how)).json["message"];
  expect(await message({ finishReason: "IMAGE_SAFETY" })).toContain("IMAGE_SAFETY");
  expect(await message({ promptFeedback: { blockReason: "JAILBREAK" } })).toContain("JAILBREAK");
  expect(await message({ pictures: [], text: "I only write." })).toContain("I only write.");
});

it("breaks off rather than end well, where what was let go turns out to hold no picture", async () => {
  const text = "x".repeat(400_000);
  const response = await stage.ask(CAT, raw({ candidates: [{ content: { parts: [{ text }] } }] }));
  await expect(response.arrayBuffer()).rejects.toThrow();
  expect(await stage.ended(response.headers.get("easel-generation") ?? "")).toMatchObject({
    error: { code: "no_image" },
  });
});

it("breaks off where a draft was let go and the final picture was refused", async () => {
  const how: ListenHubBehaviour = {
    pictures: [],
    drafts: [png({ bytes: 50_000 }), jpeg(1)],
    finishReason: "IMAGE_SAFETY",
  };
  const response = await stage.ask(CAT, how);
  await expect(response.arrayBuffer()).rejects.toThrow();
  const id = response.headers.get("easel-generation") ?? "";
  expect(await stage.ended(id)).toMatchObject({ status: "failed", error: { code: "content_rejected" } });
  expect(await stage.keys(`pictures/${id}`)).toEqual([]);
});
