import { afterEach, describe, expect, it } from "vitest";
import { disguised, png } from "../sim/index.ts";
import { CAT, lastBody, LISTENHUB_KEY, staged } from "./stage.ts";

const stage = staged({ vendors: ["listenhub"] });

const file = { fileData: { fileUri: "https://example.com/my-photo.jpg", mimeType: "image/jpeg" } };
const base64 = png({ bytes: 5_000 }).bytes.toString("base64");
const inline = (data: string, mimeType = "image/png") => ({ inlineData: { data, mimeType } });
const references = (...referenceImages: unknown[]) => ({ ...CAT, referenceImages });

/** Invalid requests: the error, the body, and the expected message. */
const INVALID: [name: string, body: unknown, message: RegExp][] = [
  ["no prompt", { provider: "google" }, /^prompt is required\.$/],
  ["an empty prompt", { ...CAT, prompt: "" }, /^prompt must not be empty\.$/],
  ["a blank prompt", { ...CAT, prompt: " \n\t" }, /^prompt must not be empty\.$/],
  ["a number for the prompt", { ...CAT, prompt: 7 }, /^prompt must be a string\.$/],
  [
    "a prompt that is too long",
    { ...CAT, prompt: "x".repeat(32_001) },
    /^prompt must have at most 32000 characters\.$/,
  ],
  ["another provider", { ...CAT, provider: "openai" }, /^provider must be google\.$/],
  [
    "an unknown size",
    { ...CAT, imageConfig: { imageSize: "8K" } },
    /^imageConfig\.imageSize must be one of 1K, 2K, 4K\.$/,
  ],
  ["a size in lower case", { ...CAT, imageConfig: { imageSize: "2k" } }, /^imageConfig\.imageSize .*1K, 2K, 4K/],
  ["a size of 512", { ...CAT, imageConfig: { imageSize: "512" } }, /^imageConfig\.imageSize .*1K, 2K, 4K/],
  ["an unknown ratio", { ...CAT, imageConfig: { aspectRatio: "wide" } }, /^imageConfig\.aspectRatio .*16:9/],
  ["a ratio that no model has", { ...CAT, imageConfig: { aspectRatio: "5:4" } }, /^imageConfig\.aspectRatio .*21:9/],
  ["a ratio with zero", { ...CAT, imageConfig: { aspectRatio: "0:0" } }, /^imageConfig\.aspectRatio .*21:9/],
  ["an array for imageConfig", { ...CAT, imageConfig: [] }, /^imageConfig must be an object\.$/],
  ["an object for referenceImages", { ...CAT, referenceImages: {} }, /^referenceImages must be an array\.$/],
  [
    "15 references by URL",
    references(...Array.from({ length: 15 }, () => file)),
    /^referenceImages must have at most 14 items\.$/,
  ],
  [
    "15 references inline",
    references(...Array.from({ length: 15 }, () => inline(base64))),
    /^referenceImages must have at most 14 items\.$/,
  ],
  [
    "both kinds in one reference",
    references({ ...file, ...inline(base64) }),
    /^referenceImages\[0\] must have exactly one of fileData and inlineData\.$/,
  ],
  [
    "neither kind in a reference",
    references(file, {}),
    /^referenceImages\[1\] must have exactly one of fileData and inlineData\.$/,
  ],
  ["a string for a reference", references("https://example.com/a.png"), /^referenceImages\[0\] must be an object\.$/],
  [
    "no fileUri",
    references({ fileData: { mimeType: "image/png" } }),
    /^referenceImages\[0\]\.fileData\.fileUri is required\.$/,
  ],
  [
    "an unsupported reference type",
    references({ fileData: { ...file.fileData, mimeType: "image/gif" } }),
    /^referenceImages\[0\]\.fileData\.mimeType must be one of image\/png, image\/jpeg, image\/webp\.$/,
  ],
  [
    "no reference type",
    references({ inlineData: { data: base64 } }),
    /^referenceImages\[0\]\.inlineData\.mimeType must be one of image\/png, image\/jpeg, image\/webp\.$/,
  ],
  [
    "an ftp URL for fileUri",
    references({ fileData: { fileUri: "ftp://example.com/a.png", mimeType: "image/png" } }),
    /^referenceImages\[0\]\.fileData\.fileUri .*http/,
  ],
  [
    "a data URI for fileUri",
    references({ fileData: { fileUri: `data:image/png;base64,${base64}`, mimeType: "image/png" } }),
    /^referenceImages\[0\]\.fileData\.fileUri .*http/,
  ],
  [
    "a path for fileUri",
    references({ fileData: { fileUri: "/etc/passwd", mimeType: "image/png" } }),
    /^referenceImages\[0\]\.fileData\.fileUri .*http/,
  ],
  [
    "a URL for inline data",
    references(inline("https://example.com/a.png")),
    /^referenceImages\[0\]\.inlineData\.data must be a PNG, JPEG or WebP picture in base64\.$/,
  ],
  [
    "base64 of no picture",
    references(inline(disguised("svg").bytes.toString("base64"))),
    /^referenceImages\[0\]\.inlineData\.data must be a PNG, JPEG or WebP/,
  ],
  ["empty base64", references(inline("")), /^referenceImages\[0\]\.inlineData\.data must be a PNG, JPEG or WebP/],
  [
    "the placeholder of a hoisted picture",
    references(inline("hoisted:0")),
    /^referenceImages\[0\]\.inlineData\.data must be a PNG, JPEG or WebP/,
  ],
  [
    "a GIF",
    references(inline("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==")),
    /^referenceImages\[0\]\.inlineData\.data must be a PNG, JPEG or WebP/,
  ],
  ["base64 that breaks off", references(inline(base64.slice(0, 4_001))), /cut short|not valid/],
  [
    "base64 with an invalid character",
    references(inline(`${base64.slice(0, 2_000)}*${base64.slice(2_000)}`)),
    /base64 is not valid/,
  ],
  ["a picture that is cut short", references(inline(base64.slice(0, 4_000))), /cut short/],
  ["a picture in the prompt", { ...CAT, prompt: `draw this: data:image/png;base64,${base64}` }, /^prompt must be text/],
  ["invalid JSON", "{", /not valid JSON/],
  ["a form instead of JSON", "prompt=a cat", /not valid JSON/],
  ["an empty body", "", /body is empty/],
  ["a blank body", " \n", /body is empty/],
  ["an array as the body", "[]", /^The body must be an object\.$/],
  ["null as the body", "null", /^The body must be an object\.$/],
  ["a string as the body", '"a cat"', /^The body must be an object\.$/],
  ["JSON that breaks off in a string", '{"prompt":"a c', /broke off/],
  ["two objects", '{"prompt":"a"}{"prompt":"b"}', /not valid JSON/],
];

it.each(INVALID)("a request with %s is rejected before a vendor is called", async (_, body, message) => {
  const answer = await stage.draw(body);
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.json).toEqual({
    code: 29003,
    message: expect.stringMatching(message),
    request_id: answer.headers.get("x-request-id"),
  });
  expect(stage.listenhub.seen).toHaveLength(0);
  await expect.poll(() => stage.keys("references/")).toEqual([]);
});

/** The vendor's status and documented code, the gateway's status and code, and the code in the record. */
const STATUSES: [vendor: number, code: number | undefined, status: number, expectedCode: number, recorded: string][] = [
  [400, 29003, 400, 29003, "invalid_request"],
  [400, 29998, 429, 25429, "rate_limited"],
  // The vendor refused the operator's API key: the client's is valid.
  [401, 21007, 500, 500, "vendor_error"],
  [403, undefined, 500, 500, "vendor_error"],
  [402, 26004, 402, 26004, "insufficient_credit"],
  [404, undefined, 500, 500, "vendor_error"],
  [429, 25429, 429, 25429, "rate_limited"],
  [500, undefined, 500, 500, "vendor_error"],
  [502, undefined, 500, 500, "vendor_error"],
  [503, undefined, 500, 500, "vendor_error"],
];
describe.each(STATUSES)("ListenHub's status %i with code %s", (vendorStatus, code, status, expectedCode, recorded) => {
  it(`ListenHub's ${vendorStatus} becomes ${status} and is recorded as ${recorded}, without a retry`, async () => {
    const error = { message: "生图失败 because", ...(code !== undefined && { code }) };
    const answer = await stage.draw(CAT, { status: vendorStatus, error });
    expect(answer.status).toBe(status);
    expect(answer.json).toEqual({
      code: expectedCode,
      message: expect.stringContaining("listenhub"),
      request_id: answer.headers.get("x-request-id"),
    });
    expect(answer.headers.get("retry-after")).toEqual(status === 429 ? "5" : null);
    // The gateway retries nothing by itself.
    expect(stage.listenhub.seen).toHaveLength(1);
    const record = await stage.ended(answer.id);
    expect(record).toMatchObject({
      status: "failed",
      images: [],
      error: { code: recorded },
      attempts: [{ vendor: "listenhub", error: recorded }],
    });
  });

  // Uninterrupted failures would open the circuit breaker.
  afterEach(async () => void (await stage.draw()));

  it(`ListenHub's ${vendorStatus} becomes ${status} also if its body is HTML, empty or no object`, async () => {
    if (vendorStatus === 400 && code === 29998) return;
    for (const body of ["<html>nginx</html>", "", '"just a text"', "[1,2]", "null"]) {
      const answer = await stage.draw(CAT, { status: vendorStatus, body });
      expect([answer.status, answer.json["code"]]).toEqual([status, expectedCode]);
      expect(answer.json["message"]).not.toContain("nginx");
    }
  });
});

it("an error says that the vendor refused the gateway's own API key", async () => {
  const answer = await stage.draw(CAT, { status: 401, error: { message: "Invalid API key" } });
  expect(answer.json["message"]).toMatch(/gateway's own key/);
  expect(answer.body.toString()).not.toContain(LISTENHUB_KEY);
});

it("a reference with a wrong declared type is corrected, with a warning", async () => {
  const answer = await stage.draw(references(inline(base64, "image/webp")));
  expect(answer.status).toBe(200);
  expect(answer.headers.get("easel-warnings")).toBe(
    '["referenceImages[0].inlineData.mimeType was corrected to image/png"]',
  );
  expect(lastBody(stage.listenhub.seen)["referenceImages"]).toMatchObject([{ inlineData: { mimeType: "image/png" } }]);
});
