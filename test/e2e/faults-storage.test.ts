import { mkdtemp, readdir, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeGemini } from "../sim/gemini.ts";
import { png, sha256 } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, PRO, read, said, startStage } from "./stage.ts";
import type { Answered, Stage } from "./stage.ts";

/** docs/faults.md 33 to 36: R2 that refuses, lags, or loses. */
let stage: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "easel-storage-"));
  stage = await startStage({ vendors: ["listenhub"], faulty: true, persist: folder });
});
beforeEach(() => stage.reset());
afterEach(async () => {
  for (const method of ["put", "get", "delete", "createMultipartUpload", "uploadPart", "complete", "abort"]) {
    await stage.easel.fault(`BUCKET.${method}`, { times: 0 });
  }
});
afterAll(async () => {
  await stage.stop();
  await rm(folder, { recursive: true });
});

const small: ListenHubBehaviour = { pictures: [png({ bytes: 200_000 })] };
const large: ListenHubBehaviour = { pictures: [png({ bytes: 18_000_001 })] };

/** What the client, the record and R2 have after a pass-through that could not be stored. */
async function unstored(how: ListenHubBehaviour): Promise<object> {
  const answer = await stage.draw(CAT, how);
  const { status, images, error } = await stage.ended(answer.id);
  const served = await stage.easel.fetch(`/images/${answer.id}/0`);
  await served.arrayBuffer();
  const exact = answer.status === 200 && answer.sha256 === sha256(writeGemini(how));
  return { exact, status, images, error, keys: await stage.keys(`pictures/${answer.id}`), served: served.status };
}

/** The client has its picture, the record says why there is none to be had from us, and nothing is left in R2. */
const UNSTORED = {
  exact: true,
  status: "failed",
  images: [],
  error: { code: "internal", message: "The picture was drawn, but could not be stored." },
  keys: [],
  served: 404,
};

function viaEasel(how: ListenHubBehaviour): Promise<Answered> {
  stage.listenhub.next(how);
  return read(stage.post("/v1/generations", { model: `listenhub/${PRO}`, prompt: "a cat" }));
}

describe("33. a picture that R2 does not take", () => {
  it("still reaches the client that waits for it, and the error is told", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/" });
    expect(await unstored(small)).toEqual(UNSTORED);
    expect(said(stage.easel)).toContain('"error":"internal"');
  });
  it.each(["createMultipartUpload", "uploadPart", "complete"])(
    "in several parts (%s fails) reaches it too",
    async (method) => {
      await stage.easel.fault(`BUCKET.${method}`, { times: 1 });
      expect(await unstored(large)).toEqual(UNSTORED);
    },
  );
  it("is an error where the answer is its URL", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/" });
    const answer = await viaEasel(small);
    expect([answer.status, answer.json]).toEqual([500, { error: expect.objectContaining({ code: "internal" }) }]);
    expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "internal" } });
  });
});

describe("34. a record that R2 refuses for a second", () => {
  it("is written all the same", async () => {
    await stage.easel.fault("BUCKET.put", {
      prefix: "generations/",
      times: 1,
      message: "Reduce your concurrent request rate for the same object. (10058)",
    });
    const answer = await stage.draw(CAT, small);
    expect(answer.sha256).toBe(sha256(writeGemini(small)));
    expect(await stage.ended(answer.id)).toMatchObject({ status: "succeeded", images: [{ bytes: 200_000 }] });
  });
  it("so is one whose answer is the record", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/", times: 1 });
    const answer = await viaEasel(small);
    expect([answer.status, answer.json["status"]]).toEqual([200, "succeeded"]);
    expect(await stage.record(answer.id)).toMatchObject({ status: "succeeded" });
  });
});

describe("33. a record that R2 never takes", () => {
  it("does not keep the picture from the client, and the log tells", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/" });
    const answer = await stage.draw(CAT, small);
    expect([answer.status, answer.sha256]).toEqual([200, sha256(writeGemini(small))]);
    expect(said(stage.easel)).toContain(`"event":"record.failed","generation":"${answer.id}"`);
  });
  it("is an error where the answer is the record, and leaves no picture that nobody could find", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/" });
    const answer = await viaEasel(small);
    expect([answer.status, answer.json]).toEqual([500, { error: expect.objectContaining({ code: "internal" }) }]);
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  });
});

describe("35. an object that is not what was sent", () => {
  it("is not kept where R2 holds less of it", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 1, cut: 199_999 });
    expect(await unstored(small)).toEqual(UNSTORED);
    await stage.easel.fault("BUCKET.uploadPart", { cut: 5_242_880 });
    expect(await unstored(large)).toEqual(UNSTORED);
  });
  it("is not kept where R2 wrote it and reported it as lost", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 1, after: true });
    expect(await unstored(small)).toEqual(UNSTORED);
    await stage.easel.fault("BUCKET.complete", { times: 1, after: true });
    expect(await unstored(large)).toEqual(UNSTORED);
  });
  it("is not kept where it was put while another of its answer proved broken", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 0, delayMs: 400 });
    const [good, cut] = [png({ bytes: 90_000 }), png({ bytes: 90_000, seed: 2 })];
    const broken = { ...cut, bytes: cut.bytes.subarray(0, 60_000) };
    const response = await stage.ask(CAT, { pictures: [good, broken] });
    await expect(response.arrayBuffer()).rejects.toThrow();
    const id = response.headers.get("easel-generation") ?? "";
    expect(await stage.ended(id)).toMatchObject({ status: "failed", images: [] });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

describe("36. an upload in parts", () => {
  /** What R2 knows of its multipart uploads: their state (0 runs, 1 complete, 2 aborted), and the sizes of their parts. */
  async function uploads(id: string): Promise<{ state: number; sizes: number[] }[]> {
    const found: { state: number; sizes: number[] }[] = [];
    for (const name of await readdir(folder, { recursive: true })) {
      if (!name.endsWith(".sqlite") || !name.includes("r2")) continue;
      const database = new DatabaseSync(join(folder, name), { readOnly: true });
      try {
        const rows = database
          .prepare("SELECT upload_id, state FROM _mf_multipart_uploads WHERE key LIKE ?")
          .all(`pictures/${id}%`);
        for (const { upload_id, state } of rows) {
          const parts = database
            .prepare("SELECT size FROM _mf_multipart_parts WHERE upload_id = ? ORDER BY part_number")
            .all(String(upload_id));
          found.push({ state: Number(state), sizes: parts.map(({ size }) => Number(size)) });
        }
      } catch {
        // Another object's database.
      } finally {
        database.close();
      }
    }
    return found;
  }

  it("has equal parts of at least 5 MiB, but for the last", async () => {
    const { id } = await stage.draw(CAT, large);
    const [upload, ...others] = await uploads(id);
    expect(others).toEqual([]);
    expect(upload?.state).toBe(1);
    const sizes = upload?.sizes ?? [];
    const last = sizes.pop() ?? 0;
    expect(new Set(sizes).size).toBe(1);
    expect(sizes[0]).toBeGreaterThanOrEqual(5 * 1024 * 1024);
    expect(last).toBeLessThanOrEqual(sizes[0] ?? 0);
    expect(sizes.reduce((sum, size) => sum + size, last)).toBe(18_000_001);
  });

  it.each(["uploadPart", "complete"])("is aborted where %s fails", async (method) => {
    await stage.easel.fault(`BUCKET.${method}`, { times: 1 });
    const { id } = await stage.draw(CAT, large);
    await stage.ended(id);
    expect((await uploads(id)).map(({ state }) => state)).toEqual([2]);
  });

  it("is aborted where the vendor breaks off", async () => {
    const response = await stage.ask(CAT, { ...large, cutAt: 16_000_000 });
    await expect(response.arrayBuffer()).rejects.toThrow();
    const id = response.headers.get("easel-generation") ?? "";
    await stage.ended(id);
    expect((await uploads(id)).map(({ state }) => state)).toEqual([2]);
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

it("33. R2 that lags holds up neither bytes nor answers", async () => {
  await stage.easel.fault("BUCKET.uploadPart", { times: 0, delayMs: 300 });
  const answer = await stage.draw(CAT, large);
  expect(answer.sha256).toBe(sha256(writeGemini(large)));
  expect(await stage.ended(answer.id)).toMatchObject({ status: "succeeded", images: [{ bytes: 18_000_001 }] });
});

it("33. a reference that cannot be read back is our fault, and nothing was drawn", async () => {
  await stage.easel.fault("BUCKET.get", { prefix: "references/" });
  const data = png({ bytes: 50_000 }).bytes.toString("base64");
  const answer = await stage.draw({ ...CAT, referenceImages: [{ inlineData: { data, mimeType: "image/png" } }] });
  expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
  expect(await stage.record(answer.id)).toMatchObject({
    status: "failed",
    error: { code: "internal", message: expect.stringContaining("reference") },
  });
  expect(stage.listenhub.seen.filter(({ status }) => status === 200)).toEqual([]);
});

it("33. a reference that cannot be stored is our fault, and nothing is sent", async () => {
  await stage.easel.fault("BUCKET.put", { prefix: "references/" });
  const data = png({ bytes: 50_000 }).bytes.toString("base64");
  const answer = await stage.draw({ ...CAT, referenceImages: [{ inlineData: { data, mimeType: "image/png" } }] });
  expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
  expect(stage.listenhub.seen).toEqual([]);
});

it("33. R2 that lags on the record: whoever has the headers finds it", async () => {
  await stage.easel.fault("BUCKET.put", { prefix: "generations/", times: 0, delayMs: 500 });
  const response = await stage.ask(CAT, small);
  expect(await stage.record(response.headers.get("easel-generation") ?? "")).toMatchObject({ vendor: "listenhub" });
  await response.arrayBuffer();
});
