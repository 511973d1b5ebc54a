import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { depthBomb, png, until } from "../sim/index.ts";
import { ADMIN, jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const vendorsSaw = ({ listenhub, linkai }: Stage) => listenhub.seen.length + linkai.seen.length;
const dataUri = (bytes: number, seed = 1) => `data:image/png;base64,${png({ bytes, seed }).bytes.toString("base64")}`;

interface Sent {
  status: number;
  text: string;
  sent: number;
}

/** Sends `headers` and then pieces of a body for as long as nobody answers; resolves with the answer's status and text. */
function stream(to: Stage, path: string, headers: Record<string, string>, piece: string, pauseMs = 1): Promise<Sent> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let over = false;
    const outgoing = request(to.easel.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json", ...headers },
    });
    outgoing.on("response", (response) => {
      over = true;
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, sent }));
      response.on("error", reject);
    });
    outgoing.on("error", (error) => {
      if (!over) reject(error);
    });
    const more = (): void => {
      if (over || outgoing.destroyed || sent > 50_000_000) return;
      sent += piece.length;
      outgoing.write(sent === piece.length ? `{"prompt":"${piece}` : piece, () => setTimeout(more, pauseMs));
    };
    more();
  });
}

describe("a body", () => {
  let to: Stage;
  beforeAll(async () => {
    to = await startStage({ limits: { requestBytes: 300_000 } });
  });
  afterAll(() => to.stop());

  const paths: [path: string, status: number, word: string][] = [
    ["/linkai/v1/images/generations", 400, "invalid_request_error"],
    ["/v1/images/generations", 413, "invalid_request_error"],
    ["/v1/generations", 413, "payload_too_large"],
    ["/v1/images/generation", 400, "29003"],
  ];

  it.each(paths)("%s: too large as declared is refused before it comes", async (path, status, word) => {
    const answer = await stream(to, path, { "content-length": "300001" }, "x", 1_000);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
    expect(answer.text).toContain(word);
    expect(answer.sent).toBeLessThan(10);
  });

  it.each(paths)("%s: too large without a length is refused while it comes", async (path, status, word) => {
    const answer = await stream(to, path, { "transfer-encoding": "chunked" }, "x".repeat(10_000), 5);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain("The body is over the limit of 300000 bytes.");
    expect(answer.text).toContain(word);
    expect(answer.sent).toBeLessThan(5_000_000);
    expect(vendorsSaw(to)).toBe(0);
  });

  it("that never ends is given up", async () => {
    const hasty = await startStage({ limits: { requestMs: 2_000 } });
    try {
      const answer = await stream(hasty, "/v1/generations", { "transfer-encoding": "chunked" }, "x", 100);
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("The body did not arrive within 2 s.");
    } finally {
      await hasty.stop();
    }
  });

  it("that breaks off sends nothing to a vendor, stores nothing and is no fault of the gateway's", async () => {
    const outgoing = request(`${to.easel.url}/v1/generations`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}`, "content-length": "299999" },
    });
    outgoing.on("error", () => undefined);
    outgoing.write(`{"prompt":"a cat","references":["${dataUri(200_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    outgoing.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await to.easel.fetch("/healthz")).status).toBe(200);
    expect(vendorsSaw(to)).toBe(0);
    expect(await to.keys("")).toEqual([]);
    const said = to.easel.logs.filter(({ level }) => level !== "runtime").map(({ message }) => message);
    expect(said.join("\n")).not.toContain("internal");
    expect(to.easel.logs.filter(({ level }) => level === "uncaught")).toEqual([]);
  });
});

describe("what is in a body", () => {
  const limits = {
    requestJsonBytes: 5_000,
    jsonDepth: 8,
    promptChars: 1_000,
    pictures: 2,
    references: 1,
    referenceBytes: 5_000,
  };
  let to: Stage;
  beforeAll(async () => {
    to = await startStage({ limits });
  });
  afterAll(() => to.stop());

  const prompt = "a cat";
  const url = "https://example.com/a.png";
  const bounds: [name: string, body: () => object | string, message: RegExp, status?: number][] = [
    ["JSON", () => ({ prompt: "x".repeat(6_000) }), /over 5000 bytes/, 413],
    ["depth", () => depthBomb(), /nested deeper than 8 levels/],
    ["depth inside", () => ({ prompt, size: [[[[[[[[1]]]]]]]] }), /nested deeper than 8 levels/],
    ["prompt", () => ({ prompt: "x".repeat(1_001) }), /^prompt must have at most 1000 characters/],
    ["pictures", () => ({ prompt, n: 3 }), /^n must be at most 2/],
    [
      "inline references",
      () => ({ prompt, references: [dataUri(2_000), dataUri(2_000, 2)] }),
      /^references must be at most 1 pictures/,
    ],
    ["references", () => ({ prompt, references: [url, url] }), /^references must be at most 1/],
    ["a reference", () => ({ prompt, references: [dataUri(6_000)] }), /over 5000 bytes/, 413],
    ["no body", () => "", /The body is empty/],
    ["no JSON", () => "prompt=cat", /not valid JSON/],
    ["half of it", () => '{"prompt":"a cat', /broke off inside a string/],
    ["events", () => 'data: {"prompt":"a cat"}\n\n', /The body must be an object/],
  ];
  it.each(bounds)("is bounded: %s", async (_, body, message, status = 400) => {
    const answer = await to.post("/v1/generations", body());
    expect(answer.status).toBe(status);
    expect((await jsonOf<{ error: { message: string } }>(answer)).error.message).toMatch(message);
    expect(vendorsSaw(to)).toBe(0);
    await until(async () => (await to.keys("")).length === 0);
  });
});
