import { describe, expect, it } from "vitest";
import { writeGemini } from "../sim/gemini.ts";
import { jpeg, png, sha256, webp } from "../sim/index.ts";
import { noise } from "../sim/pictures.ts";
import type { ListenHubBehaviour, Picture } from "../sim/index.ts";
import { CAT, PRO, staged } from "./stage.ts";

const stage = staged({ vendors: ["listenhub"] });

/** Sizes that end inside a base64 quad, a read and a block, and one that needs more than two parts of an R2 upload. */
const small = png({ bytes: 100_003 });
const [large, huge] = [png({ bytes: 1_500_002 }), png({ bytes: 12_000_001 })];

/** The result of a request as seen by the client, in the record and in R2. */
interface Outcome {
  status: number;
  encoding: string | null;
  /** SHA-256 of the client's body. */
  body: string;
  images: object[];
  /** SHA-256 of the generation's pictures in R2 (sorted), and of those that the gateway serves. */
  stored: string[];
  served: string[];
}

async function outcomeOf(how: ListenHubBehaviour): Promise<Outcome> {
  const answer = await stage.draw(CAT, how);
  const { images } = await stage.record(answer.id);
  const keys = await stage.keys(`pictures/${answer.id}/`);
  const served = images.map(async ({ url, type }) => {
    const response = await stage.easel.fetch(url);
    expect(response.headers.get("content-type")).toBe(type);
    return sha256(new Uint8Array(await response.arrayBuffer()));
  });
  return {
    status: answer.status,
    encoding: answer.headers.get("content-encoding"),
    body: answer.sha256,
    images: images.map(({ url, ...image }) => ({
      ...image,
      path: url.replace(stage.easel.url, "").replace(answer.id, "ID"),
    })),
    stored: sorted(await Promise.all(keys.map((key) => stage.storedHash(key)))),
    served: await Promise.all(served),
  };
}

/** The expected outcome: the client gets the vendor's bytes; the record and R2 have these pictures and no drafts. */
function expectedOutcome(how: ListenHubBehaviour, finals: readonly Picture[]): Outcome {
  const hashes = finals.map(({ sha256 }) => sha256);
  return {
    status: 200,
    encoding: null,
    body: sha256(writeGemini(how)),
    images: finals.map(({ type, width, height, bytes }, n) => ({
      type,
      width,
      height,
      bytes: bytes.length,
      path: `/images/ID/${n}`,
    })),
    stored: sorted(hashes),
    served: hashes,
  };
}

const sorted = (hashes: (string | undefined)[]) => hashes.map(String).toSorted((a, b) => (a < b ? -1 : 1));

const ENCODINGS: [name: string, how: ListenHubBehaviour][] = [
  ["compact JSON", {}],
  ["indented JSON", { pretty: true }],
  ["data before mimeType", { dataFirst: true }],
  ["escaped slashes", { escape: "slashes" }],
  ["/, + and = escaped as \\u", { escape: "unicode" }],
  ["text before the picture", { text: 'Here is "it"\\ : {"data":"' }],
  ["a thought before the picture", { thought: "hm, 🦊 …".repeat(500), thoughtFirst: true }],
  ["an array of responses", { framing: "array", text: "here" }],
  ["server-sent events", { framing: "sse", text: "here" }],
  ["a signature of 2 MB after the picture", { signatureBytes: 2_000_000 }],
  ["a signature of 2 MB in indented JSON, data first", { signatureBytes: 2_000_000, pretty: true, dataFirst: true }],
  ["white space in the base64", { base64: "whitespace" }],
  ["the url-safe alphabet", { base64: "url-safe" }],
  ["a data URI", { base64: "data-uri" }],
  ["a declared length", { contentLength: "exact" }],
  ["an end marked by closing the connection", { closeDelimited: true }],
];

/** The client gets the vendor's bytes, R2 the pictures in them (docs/faults.md 7, 23 and 29). */
describe.each(ENCODINGS)("a ListenHub response with %s [fault 7] [fault 23] [fault 29]", (_, encoding) => {
  it.each([
    ["a picture", [small], []],
    ["a large picture", [large], []],
    ["several pictures", [small, jpeg(4), webp(), large], []],
    ["a picture after drafts, which are not stored,", [small], [jpeg(1), png({ bytes: 300_000, seed: 9 })]],
  ])("%s passes through byte for byte and is stored complete", async (_, pictures, drafts) => {
    const how = { pictures, drafts, ...encoding };
    expect(await outcomeOf(how)).toEqual(expectedOutcome(how, pictures));
  });
});

/** Other variations of the wire format and of the transfer. */
const WIRES: [name: string, how: ListenHubBehaviour & { pictures: Picture[] }][] = [
  ...(["gzip", "br"] as const).flatMap((encoding): typeof WIRES => [
    [`${encoding}, a small picture`, { pictures: [small], encoding }],
    [`${encoding}, 12 MB`, { pictures: [huge], encoding, text: "here", signatureBytes: 100_000 }],
  ]),
  ...[1, 2, 3, 7, 61, 1_000].map((chunk): (typeof WIRES)[0] => [
    `writes of ${chunk} bytes`,
    { pictures: [png({ bytes: 9_001 })], drafts: [jpeg(2)], text: "é", escape: "unicode", chunk },
  ]),
  ...[4_096, 32_768, 65_537, 1_000_000].map((chunk): (typeof WIRES)[0] => [
    `12 MB in writes of ${chunk} bytes`,
    { pictures: [huge], chunk },
  ]),
  ...[5_242_879, 5_242_880, 5_242_920, 5_242_921, 10_485_840, 10_485_841].map((bytes): (typeof WIRES)[0] => [
    `${bytes} bytes, near a part boundary of R2`,
    { pictures: [png({ bytes })] },
  ]),
  ["a candidate for each picture", { pictures: [small, jpeg(7)], candidates: "each", text: "both" }],
];
it.each(WIRES)("a ListenHub response passes through byte for byte and is stored complete: %s", async (_, how) => {
  expect(await outcomeOf(how)).toEqual(expectedOutcome(how, how.pictures));
});

it.each([
  ["the last of several drafts", { pictures: [], drafts: [jpeg(1), small], finishReason: "STOP" }],
  ["the only draft", { pictures: [], drafts: [small], thoughtFirst: true }],
] satisfies [string, ListenHubBehaviour][])(
  "a draft is the result if there is no final picture: %s",
  async (_, how) => {
    expect(await outcomeOf(how)).toEqual(expectedOutcome(how, [small]));
  },
);

it("the record keeps the vendor's text and usage", async () => {
  const { id } = await stage.draw(CAT, { text: "A cat, as asked.", thought: "not this", framing: "sse" });
  expect(await stage.record(id)).toMatchObject({
    text: "A cat, as asked.",
    usage: { vendor: { promptTokenCount: 12, candidatesTokenCount: 1290, totalTokenCount: 1302 } },
  });
});

it("a picture's R2 metadata has its type, size, vendor and generation, and no text of the client [fault 39]", async () => {
  const { id } = await stage.draw({ ...CAT, prompt: "猫\r\n".repeat(9_000) }, { pictures: [webp()] });
  const [key = ""] = await stage.keys(`pictures/${id}/`);
  const object = await stage.easel.bucket.head(key);
  expect(object?.httpMetadata).toMatchObject({ contentType: "image/webp" });
  expect(object?.customMetadata).toEqual({
    generation: id,
    vendor: "listenhub",
    model: PRO,
    width: "24",
    height: "16",
  });
});

it("a picture's type is detected from its bytes, whatever type the vendor declares", async () => {
  const mislabelled: Picture = { ...jpeg(3), type: "image/png" };
  const { id } = await stage.draw(CAT, { pictures: [mislabelled] });
  expect((await stage.record(id)).images).toMatchObject([{ type: "image/jpeg", width: 24, height: 16 }]);
});

it("a response passes through with a thought's signature of 4 MB before the picture", async () => {
  const thought = { text: "hm", thought: true, thoughtSignature: noise(3_000_000, 5).toString("base64") };
  const inlineData = { mimeType: small.type, data: small.bytes.toString("base64") };
  const body = JSON.stringify({
    candidates: [{ content: { parts: [thought, { inlineData }] }, finishReason: "STOP" }],
  });
  const answer = await stage.draw(CAT, { body });
  expect(answer.sha256).toBe(sha256(Buffer.from(body)));
  const [key = ""] = await stage.keys(`pictures/${answer.id}/`);
  expect(await stage.storedHash(key)).toBe(small.sha256);
});
