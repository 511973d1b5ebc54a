import { expect, it } from "vitest";
import { png } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { ADMIN, CAT, LISTENHUB_KEY, LISTENHUB_PATH, readResponse, logText, staged, startStage } from "./stage.ts";

/** docs/faults.md 25 and 59: secrets that must not appear anywhere. */
const PROMPT = "planted-prompt 一只特别的猫 \u{1f98a} planted-prompt-end";
const SIGNED = "https://example.com/private.png?signature=planted-signature";
const stage = staged({ vendors: ["listenhub"], faulty: true, limits: { headersMs: 3_000 } });

const requestBody = {
  ...CAT,
  prompt: PROMPT,
  referenceImages: [{ fileData: { fileUri: SIGNED, mimeType: "image/png" } }],
};
const PLANTED = [LISTENHUB_KEY, ADMIN, "planted-prompt", "planted-signature"];

/** Return those of `planted` that the text contains. */
function secretsIn(text: string, planted = PLANTED): string[] {
  return planted.filter((secret) => text.includes(secret));
}

/** Return everything that can be read in R2: keys, metadata, and the records themselves. */
async function everythingStored(): Promise<string> {
  const texts: string[] = [];
  for (const key of await stage.keys()) {
    const object = await stage.easel.bucket.get(key);
    texts.push(JSON.stringify([key, object?.customMetadata, object?.httpMetadata]));
    if (key.endsWith(".json")) texts.push((await object?.text()) ?? "");
  }
  return texts.join("\n");
}

const VENDOR_ANSWERS: [name: string, how: ListenHubBehaviour][] = [
  ["success", {}],
  ["an error that echoes the key", { echoKey: true }],
  ["a 400 that echoes the key", { echoKey: true, status: 400 }],
  ["a 401 that echoes the key", { echoKey: true, status: 401 }],
  ["a 429 that echoes the key", { echoKey: true, status: 429 }],
  ["an error in 200 that echoes the key", { echoKey: true, status: 200 }],
  [
    "an error that echoes the request",
    { status: 400, error: { message: `bad prompt: ${PROMPT}; bad file ${SIGNED}` } },
  ],
  ["a refusal that echoes everything", { pictures: [], text: `I cannot: ${PROMPT} ${SIGNED} ${LISTENHUB_KEY}` }],
  ["a reason that echoes the key", { finishReason: LISTENHUB_KEY }],
  ["a page of HTML", { body: `<html>${PROMPT} ${LISTENHUB_KEY}</html>` }],
  ["broken JSON", { body: `{"a": ${PROMPT} ${LISTENHUB_KEY}` }],
  ["a timeout", { delayMs: 4_000 }],
  ["a reset", { reset: "before-headers" }],
  ["a redirect", { status: 302, headers: { location: `https://example.com/?key=${LISTENHUB_KEY}` } }],
  ["an unknown encoding", { headers: { "content-encoding": `x-${LISTENHUB_KEY}` } }],
];
it.each(VENDOR_ANSWERS)(
  "no key, prompt or signature is answered, recorded or logged after %s [fault 25]",
  async (_, how) => {
    const answer = await stage.draw(requestBody, how);
    expect(secretsIn(answer.body.toString())).toEqual([]);
    expect(secretsIn(JSON.stringify([...answer.headers]))).toEqual([]);
    await stage.ended(answer.id);
    expect(secretsIn(await everythingStored())).toEqual([]);
    expect(secretsIn(logText(stage.easel))).toEqual([]);
  },
);

it("a key in the text beside a picture is redacted in the record [fault 25]", async () => {
  const { id } = await stage.draw(requestBody, { text: `Drawn with ${LISTENHUB_KEY}.`, pictures: [png()] });
  expect((await stage.record(id)).text).toBe("Drawn with [redacted].");
});

it("an error of Easel itself does not repeat the request [fault 59]", async () => {
  const bodies = [
    `{"prompt": ${PROMPT}`,
    { ...requestBody, imageConfig: { aspectRatio: "9:9:9" } },
    {
      ...requestBody,
      referenceImages: [{ fileData: { fileUri: SIGNED.replace("https", "ftp"), mimeType: "image/png" } }],
    },
  ];
  for (const body of bodies) {
    const answer = await stage.draw(body);
    expect(answer.status).toBe(400);
    expect(secretsIn(answer.body.toString())).toEqual([]);
  }
  for (const authorization of [`Bearer ${ADMIN}x`, "Bearer planted-wrong-key"]) {
    const answer = await readResponse(stage.post(LISTENHUB_PATH, requestBody, { authorization }));
    expect(secretsIn(answer.body.toString(), [...PLANTED, "planted-wrong-key"])).toEqual([]);
  }
  expect(secretsIn(logText(stage.easel), [...PLANTED, "planted-wrong-key"])).toEqual([]);
});

it("an internal error contains no secret [fault 59]", async () => {
  const referenceImages = [{ inlineData: { data: png().bytes.toString("base64"), mimeType: "image/png" } }];
  for (const method of ["BUCKET.put", "BUCKET.get", "BUCKET.delete", "KV.put", "KV.get"]) {
    await stage.easel.fault(method, { times: 3 });
    const answer = await stage.draw({ ...requestBody, referenceImages });
    expect(secretsIn(answer.body.toString())).toEqual([]);
    await stage.easel.fault(method, { times: 0 });
  }
  await stage.easel.fault("BUCKET.put", { times: 1, prefix: "pictures/", message: `failed for ${LISTENHUB_KEY}` });
  await stage.draw(requestBody);
  await stage.easel.fault("BUCKET.put", { times: 0 });
  expect(secretsIn(logText(stage.easel))).toEqual([]);
});

it("a key in a vendor's usage is redacted in the record, and the numbers stay [fault 25]", async () => {
  // A key that consists of digits must not change a number.
  const other = await startStage({ vendors: ["atalk"], vars: { XTY_API_KEY: "7" } });
  try {
    const key = "at-key-of-the-operator";
    other.atalk.next({ usage: { cost: 0.07, images_generated: 1, images_failed: 0, note: `for ${key}` } });
    const answer = await other.post("/v1/generations", { model: "atalk/flux-2-pro", prompt: "a cat" });
    expect(answer.status).toBe(200);
    const record = await other.record(answer.headers.get("easel-generation") ?? "");
    expect(record.usage?.["vendor"]).toMatchObject({ cost: 0.07, note: "for [redacted]" });
    expect(JSON.stringify(record)).not.toContain(key);
  } finally {
    await other.stop();
  }
});

it.each([900, 40_000])(
  "no part of the key shows where an error of %s characters is cut, whatever precedes it",
  async (length) => {
    const prompt = "p".repeat(Math.min(length, 30_000));
    for (let shift = 0; shift < 40; shift += 3) {
      const twice = `bad: ${prompt}; again ${prompt}; `;
      const until = length < 1_000 ? 1_000 + prompt.length : 64 * 1024;
      const message = `${twice}${" ".repeat(Math.max(0, until - twice.length - shift))}${LISTENHUB_KEY} and more`;
      stage.listenhub.next({ status: 400, error: { message } });
      const { body } = await readResponse(stage.post(LISTENHUB_PATH, { ...CAT, prompt }));
      expect(body.toString()).not.toContain(LISTENHUB_KEY.slice(0, 4));
    }
  },
);
