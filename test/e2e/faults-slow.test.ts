import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { writeGemini } from "../sim/gemini.ts";
import { jpeg, png, sha256, until } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { ADMIN, CAT, LISTENHUB_PATH, staged } from "./stage.ts";

/** docs/faults.md 28: a client that reads its answer slowly, or not at all for a while. */
const stage = staged({ vendors: ["listenhub"], limits: { clientStallMs: 200 }, faulty: true });

/** Larger than the socket buffers of loopback. */
const picture = png({ bytes: 24_000_000 });
const behaviour: ListenHubBehaviour = { pictures: [picture] };
const expectedHash = sha256(writeGemini(behaviour));

/** Send a request, and read nothing of the answer's body until it is resumed or iterated. */
function requestPaused(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
    const client = request(stage.easel.url + LISTENHUB_PATH, { method: "POST", headers }, (response) => {
      response.pause();
      resolve(response);
    });
    client.once("error", reject);
    client.end(JSON.stringify(CAT));
  });
}

async function readRest(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const idOf = (response: IncomingMessage) => String(response.headers["easel-generation"]);

describe("a slow reader [fault 28]", () => {
  it("a slow reader does not delay the picture, and gets the rest byte for byte [fault 28]", async () => {
    stage.listenhub.next(behaviour);
    const response = await requestPaused();
    // The vendor is read to its end, and the picture is stored, while the client has read nothing.
    await stage.listenhub.settled();
    expect(stage.listenhub.seen[0]).toMatchObject({ aborted: false });
    const record = await stage.ended(idOf(response));
    expect(record).toMatchObject({ status: "succeeded", images: [{ bytes: 24_000_000 }] });
    expect(await stage.storedHash((await stage.keys(`pictures/${record.id}`))[0] ?? "")).toBe(picture.sha256);

    // No other client waits.
    expect((await stage.draw(CAT, { pictures: [jpeg()] })).status).toBe(200);

    await sleep(500);
    expect(sha256(await readRest(response))).toBe(expectedHash);
    await until(async () => (await stage.keys("spills/")).length === 0);
  });

  it("a reader that pauses repeatedly gets the complete answer [fault 28]", async () => {
    stage.listenhub.next(behaviour);
    const response = await requestPaused();
    const parts: Buffer[] = [];
    let bytesRead = 0;
    for await (const part of response) {
      parts.push(part as Buffer);
      bytesRead += (part as Buffer).length;
      if (bytesRead > 4_000_000) {
        bytesRead = 0;
        await sleep(350);
      }
    }
    expect(sha256(Buffer.concat(parts))).toBe(expectedHash);
    await until(async () => (await stage.keys("spills/")).length === 0);
  });

  it("a slow reader that disconnects leaves nothing behind [fault 28]", async () => {
    stage.listenhub.next(behaviour);
    const response = await requestPaused();
    await stage.ended(idOf(response));
    response.destroy();
    await until(async () => (await stage.keys("spills/")).length === 0);
    expect(await stage.record(idOf(response))).toMatchObject({ status: "succeeded" });
  });

  it("a slow reader gets a broken stream if the answer proves broken, and nothing is left [fault 28]", async () => {
    stage.listenhub.next({ ...behaviour, cutAt: -3 });
    const response = await requestPaused();
    expect(await stage.ended(idOf(response))).toMatchObject({ status: "failed", error: { code: "vendor_error" } });
    await expect(readRest(response)).rejects.toThrow();
    await until(async () => (await stage.keys("spills/")).length === 0);
    expect(await stage.keys(`pictures/${idOf(response)}`)).toEqual([]);
  });

  it("a slow reader gets a broken stream, not an endless one, if the unread part is lost [fault 28]", async () => {
    await stage.easel.fault("BUCKET.get", { prefix: "spills/", times: 1 });
    stage.listenhub.next(behaviour);
    const response = await requestPaused();
    await stage.ended(idOf(response));
    await expect(Promise.race([readRest(response), sleep(60_000, undefined, { ref: false })])).rejects.toThrow();
  });

  it("several slow readers at once get their own answers [fault 28]", async () => {
    stage.listenhub.always(behaviour);
    const responses = await Promise.all([requestPaused(), requestPaused(), requestPaused()]);
    await Promise.all(responses.map((response) => stage.ended(idOf(response))));
    for (const response of responses) expect(sha256(await readRest(response))).toBe(expectedHash);
    await until(async () => (await stage.keys("spills/")).length === 0);
  });
});
