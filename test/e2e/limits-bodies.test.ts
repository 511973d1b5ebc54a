import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { depthBomb, png, until } from "../sim/index.ts";
import { ADMIN, jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const vendorCalls = ({ listenhub, linkai }: Stage) => listenhub.seen.length + linkai.seen.length;
const dataUri = (bytes: number, seed = 1) => `data:image/png;base64,${png({ bytes, seed }).bytes.toString("base64")}`;

interface StreamedResponse {
  status: number;
  text: string;
  /** Characters of the body sent until the response arrived. */
  sent: number;
}

/**
 * Send `headers`, then pieces of a body until a response arrives or 50 MB are sent.
 * Resolves with the response's status and text and the number of characters sent.
 */
function streamBody(
  stage: Stage,
  path: string,
  headers: Record<string, string>,
  piece: string,
  pauseMs = 1,
): Promise<StreamedResponse> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let responded = false;
    const outgoing = request(stage.easel.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json", ...headers },
    });
    outgoing.on("response", (response) => {
      responded = true;
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, sent }));
      response.on("error", reject);
    });
    outgoing.on("error", (error) => {
      if (!responded) reject(error);
    });
    const writePiece = (): void => {
      if (responded || outgoing.destroyed || sent > 50_000_000) return;
      sent += piece.length;
      outgoing.write(sent === piece.length ? `{"prompt":"${piece}` : piece, () => setTimeout(writePiece, pauseMs));
    };
    writePiece();
  });
}

describe("request bodies", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ limits: { requestBytes: 300_000 } });
  });
  afterAll(() => stage.stop());

  const paths: [path: string, status: number, word: string][] = [
    ["/linkai/v1/images/generations", 400, "invalid_request_error"],
    ["/v1/images/generations", 413, "invalid_request_error"],
    ["/v1/generations", 413, "payload_too_large"],
    ["/v1/images/generation", 400, "29003"],
  ];

  it.each(paths)(
    "%s rejects a body whose declared length is too large before the body arrives [fault 30]",
    async (path, status, word) => {
      const answer = await streamBody(stage, path, { "content-length": "300001" }, "x", 1_000);
      expect(answer.status).toBe(status);
      expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
      expect(answer.text).toContain(word);
      expect(answer.sent).toBeLessThan(10);
    },
  );

  it.each(paths)(
    "%s rejects a body without a length as soon as it exceeds the limit [fault 30]",
    async (path, status, word) => {
      const answer = await streamBody(stage, path, { "transfer-encoding": "chunked" }, "x".repeat(10_000), 5);
      expect(answer.status).toBe(status);
      expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
      expect(answer.text).toContain(word);
      expect(answer.sent).toBeLessThan(5_000_000);
      expect(vendorCalls(stage)).toBe(0);
    },
  );

  it("a body that never ends is rejected after the time limit", async () => {
    const hasty = await startStage({ limits: { requestMs: 2_000 } });
    try {
      const answer = await streamBody(hasty, "/v1/generations", { "transfer-encoding": "chunked" }, "x", 100);
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("The body did not arrive within 2 s.");
    } finally {
      await hasty.stop();
    }
  });

  it("a body that breaks off calls no vendor, stores nothing and is not logged as an internal error", async () => {
    const outgoing = request(`${stage.easel.url}/v1/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-length": "299999" },
    });
    outgoing.on("error", () => undefined);
    outgoing.write(`{"prompt":"a cat","references":["${dataUri(200_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    outgoing.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await stage.easel.fetch("/healthz")).status).toBe(200);
    expect(vendorCalls(stage)).toBe(0);
    expect(await stage.keys("")).toEqual([]);
    const messages = stage.easel.logs.filter(({ level }) => level !== "runtime").map(({ message }) => message);
    expect(messages.join("\n")).not.toContain("internal");
    expect(stage.easel.logs.filter(({ level }) => level === "uncaught")).toEqual([]);
  });
});

describe("limits on the content of a body", () => {
  const limits = {
    requestJsonBytes: 5_000,
    jsonDepth: 8,
    promptChars: 1_000,
    pictures: 2,
    references: 1,
    referenceBytes: 5_000,
  };
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ limits });
  });
  afterAll(() => stage.stop());

  const prompt = "a cat";
  const url = "https://example.com/a.png";
  const bounds: [name: string, body: () => object | string, message: RegExp, status?: number][] = [
    ["too much JSON", () => ({ prompt: "x".repeat(6_000) }), /over 5000 bytes/, 413],
    ["too many levels", () => depthBomb(), /nested deeper than 8 levels/],
    ["too many levels in a field", () => ({ prompt, size: [[[[[[[[1]]]]]]]] }), /nested deeper than 8 levels/],
    ["a prompt that is too long", () => ({ prompt: "x".repeat(1_001) }), /^prompt must have at most 1000 characters/],
    ["too many pictures", () => ({ prompt, n: 3 }), /^n must be at most 2/],
    [
      "too many inline references",
      () => ({ prompt, references: [dataUri(2_000), dataUri(2_000, 2)] }),
      /^references must be at most 1 pictures/,
    ],
    ["too many references", () => ({ prompt, references: [url, url] }), /^references must be at most 1/],
    ["a reference that is too large", () => ({ prompt, references: [dataUri(6_000)] }), /over 5000 bytes/, 413],
    ["no content", () => "", /The body is empty/],
    ["a form instead of JSON", () => "prompt=cat", /not valid JSON/],
    ["JSON that breaks off", () => '{"prompt":"a cat', /broke off inside a string/],
    ["server-sent events instead of JSON", () => 'data: {"prompt":"a cat"}\n\n', /The body must be an object/],
  ];
  it.each(bounds)("a body with %s is rejected", async (_, body, message, status = 400) => {
    const answer = await stage.post("/v1/generations", body());
    expect(answer.status).toBe(status);
    expect((await jsonOf<{ error: { message: string } }>(answer)).error.message).toMatch(message);
    expect(vendorCalls(stage)).toBe(0);
    await until(async () => (await stage.keys("")).length === 0);
  });
});
