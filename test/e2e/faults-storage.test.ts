import { mkdtemp, readdir, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeGemini } from "../sim/gemini.ts";
import { png, sha256 } from "../sim/index.ts";
import type { ListenHubBehaviour } from "../sim/index.ts";
import { CAT, PRO, readResponse, logText, startStage } from "./stage.ts";
import type { ReadResponse, Stage } from "./stage.ts";

/** docs/faults.md 33 to 36: R2 that refuses, is slow, or loses data. */
let stage: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "easel-storage-"));
  stage = await startStage({ vendors: ["listenhub", "linkai"], faulty: true, persist: folder });
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

/** Return what the client, the record and R2 have after a pass-through that could not be stored. */
async function drawUnstored(how: ListenHubBehaviour): Promise<object> {
  const answer = await stage.draw(CAT, how);
  const { status, images, error } = await stage.ended(answer.id);
  const served = await stage.easel.fetch(`/images/${answer.id}/0`);
  await served.arrayBuffer();
  const exact = answer.status === 200 && answer.sha256 === sha256(writeGemini(how));
  return { exact, status, images, error, keys: await stage.keys(`pictures/${answer.id}`), served: served.status };
}

/** The client has its picture, the record has the error, and nothing is left in R2. */
const UNSTORED = {
  exact: true,
  status: "failed",
  images: [],
  error: { code: "internal", message: "The picture was drawn, but could not be stored." },
  keys: [],
  served: 404,
};

function drawInEaselDialect(how: ListenHubBehaviour): Promise<ReadResponse> {
  stage.listenhub.next(how);
  return readResponse(stage.post("/v1/generations", { model: `listenhub/${PRO}`, prompt: "a cat" }));
}

describe("a picture that R2 refuses [fault 33]", () => {
  it("a picture that R2 refuses still reaches the client, and the error is logged [fault 33]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/" });
    expect(await drawUnstored(small)).toEqual(UNSTORED);
    expect(logText(stage.easel)).toContain('"error":"internal"');
  });
  it.each(["createMultipartUpload", "uploadPart", "complete"])(
    "a picture in several parts still reaches the client if %s fails [fault 33]",
    async (method) => {
      await stage.easel.fault(`BUCKET.${method}`, { times: 1 });
      expect(await drawUnstored(large)).toEqual(UNSTORED);
    },
  );
  it("a picture that R2 refuses is an error if the answer is its URL [fault 33]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/" });
    const answer = await drawInEaselDialect(small);
    expect([answer.status, answer.json]).toEqual([500, { error: expect.objectContaining({ code: "internal" }) }]);
    expect(await stage.record(answer.id)).toMatchObject({ status: "failed", error: { code: "internal" } });
  });
});

describe("a record that R2 refuses for a second [fault 34]", () => {
  it("a record that R2 refuses once is written by a retry [fault 34]", async () => {
    await stage.easel.fault("BUCKET.put", {
      prefix: "generations/",
      times: 1,
      message: "Reduce your concurrent request rate for the same object. (10058)",
    });
    const answer = await stage.draw(CAT, small);
    expect(answer.sha256).toBe(sha256(writeGemini(small)));
    expect(await stage.ended(answer.id)).toMatchObject({ status: "succeeded", images: [{ bytes: 200_000 }] });
  });
  it("a record that R2 refuses once is written before it is the answer [fault 34]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/", times: 1 });
    const answer = await drawInEaselDialect(small);
    expect([answer.status, answer.json["status"]]).toEqual([200, "succeeded"]);
    expect(await stage.record(answer.id)).toMatchObject({ status: "succeeded" });
  });
});

describe("a record that R2 always refuses [fault 33]", () => {
  it("a client gets its picture although R2 refuses the record, and the log says so [fault 33]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/" });
    const answer = await stage.draw(CAT, small);
    expect([answer.status, answer.sha256]).toEqual([200, sha256(writeGemini(small))]);
    expect(logText(stage.easel)).toContain(`"event":"record.failed","generation":"${answer.id}"`);
  });
  it("a refused record is an error if it is the answer, and its picture is deleted [fault 33]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "generations/" });
    const answer = await drawInEaselDialect(small);
    expect([answer.status, answer.json]).toEqual([500, { error: expect.objectContaining({ code: "internal" }) }]);
    expect(await stage.keys(`pictures/${answer.id}`)).toEqual([]);
  });
});

describe("an object that differs from what was sent [fault 35]", () => {
  it("a picture is not kept if R2 stored fewer bytes [fault 35]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 1, cut: 199_999 });
    expect(await drawUnstored(small)).toEqual(UNSTORED);
    await stage.easel.fault("BUCKET.uploadPart", { cut: 5_242_880 });
    expect(await drawUnstored(large)).toEqual(UNSTORED);
  });
  it("a picture is not kept if R2 stored it but reported an error [fault 35]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 1, after: true });
    expect(await drawUnstored(small)).toEqual(UNSTORED);
    await stage.easel.fault("BUCKET.complete", { times: 1, after: true });
    expect(await drawUnstored(large)).toEqual(UNSTORED);
  });
  it("a picture is not kept if another one of its answer proves broken during the put [fault 35]", async () => {
    await stage.easel.fault("BUCKET.put", { prefix: "pictures/", times: 0, delayMs: 400 });
    const [good, cut] = [png({ bytes: 90_000 }), png({ bytes: 90_000, seed: 2 })];
    const broken = { ...cut, bytes: cut.bytes.subarray(0, 60_000) };
    const response = await stage.postListenHub(CAT, { pictures: [good, broken] });
    await expect(response.arrayBuffer()).rejects.toThrow();
    const id = response.headers.get("easel-generation") ?? "";
    expect(await stage.ended(id)).toMatchObject({ status: "failed", images: [] });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

describe("a multipart upload [fault 36]", () => {
  /** Read from R2's databases the uploads of a generation: state (0 running, 1 complete, 2 aborted) and part sizes. */
  async function multipartUploads(id: string): Promise<{ state: number; sizes: number[] }[]> {
    const uploads: { state: number; sizes: number[] }[] = [];
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
          uploads.push({ state: Number(state), sizes: parts.map(({ size }) => Number(size)) });
        }
      } catch {
        // The database of another object.
      } finally {
        database.close();
      }
    }
    return uploads;
  }

  it("the parts of an upload are equal and at least 5 MiB, except the last [fault 36]", async () => {
    const { id } = await stage.draw(CAT, large);
    const [upload, ...others] = await multipartUploads(id);
    expect(others).toEqual([]);
    expect(upload?.state).toBe(1);
    const sizes = upload?.sizes ?? [];
    const last = sizes.pop() ?? 0;
    expect(new Set(sizes).size).toBe(1);
    expect(sizes[0]).toBeGreaterThanOrEqual(5 * 1024 * 1024);
    expect(last).toBeLessThanOrEqual(sizes[0] ?? 0);
    expect(sizes.reduce((sum, size) => sum + size, last)).toBe(18_000_001);
  });

  it.each(["uploadPart", "complete"])("a multipart upload is aborted if %s fails [fault 36]", async (method) => {
    await stage.easel.fault(`BUCKET.${method}`, { times: 1 });
    const { id } = await stage.draw(CAT, large);
    await stage.ended(id);
    expect((await multipartUploads(id)).map(({ state }) => state)).toEqual([2]);
  });

  it("a multipart upload is aborted if the vendor's answer breaks off [fault 36]", async () => {
    const response = await stage.postListenHub(CAT, { ...large, cutAt: 16_000_000 });
    await expect(response.arrayBuffer()).rejects.toThrow();
    const id = response.headers.get("easel-generation") ?? "";
    await stage.ended(id);
    expect((await multipartUploads(id)).map(({ state }) => state)).toEqual([2]);
    expect(await stage.keys(`pictures/${id}`)).toEqual([]);
  });
});

it("slow writes to R2 delay neither bytes nor answers [fault 33]", async () => {
  await stage.easel.fault("BUCKET.uploadPart", { times: 0, delayMs: 300 });
  const answer = await stage.draw(CAT, large);
  expect(answer.sha256).toBe(sha256(writeGemini(large)));
  expect(await stage.ended(answer.id)).toMatchObject({ status: "succeeded", images: [{ bytes: 18_000_001 }] });
});

it("a reference that cannot be read back is an internal error, and nothing is generated [fault 33]", async () => {
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

it("a reference that cannot be stored is an internal error, and nothing is sent [fault 33]", async () => {
  await stage.easel.fault("BUCKET.put", { prefix: "references/" });
  const data = png({ bytes: 50_000 }).bytes.toString("base64");
  const answer = await stage.draw({ ...CAT, referenceImages: [{ inlineData: { data, mimeType: "image/png" } }] });
  expect([answer.status, answer.json["code"]]).toEqual([500, 500]);
  expect(stage.listenhub.seen).toEqual([]);
});

it("a client that has the headers finds the record even if R2 is slow [fault 33]", async () => {
  await stage.easel.fault("BUCKET.put", { prefix: "generations/", times: 0, delayMs: 500 });
  const response = await stage.postListenHub(CAT, small);
  expect(await stage.record(response.headers.get("easel-generation") ?? "")).toMatchObject({ vendor: "listenhub" });
  await response.arrayBuffer();
});

it("an error says nothing of pictures that were generated but not delivered", async () => {
  stage.linkai.next({}, { status: 400, error: { message: "no" } });
  await stage.easel.fault("BUCKET.put", { prefix: "generations/" });
  const body = { model: `linkai/${PRO}`, prompt: "a cat", n: 2 };
  const answer = await readResponse(stage.post("/v1/generations", body));
  expect(answer.status).toBe(500);
  expect(answer.headers.get("easel-vendor")).toBe("linkai");
  expect(JSON.parse(answer.headers.get("easel-warnings") ?? "")).toEqual([]);
});
