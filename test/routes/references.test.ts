import { afterEach, expect, it, vi } from "vitest";
import { app } from "../../src/app.ts";
import { pictureKeys } from "../../src/store/pictures.ts";
import { newId } from "../../src/store/ids.ts";
import { png } from "../image/pictures.ts";
import { BUCKET } from "../store/bucket.ts";

const folder = newId(Date.now());
const key = pictureKeys.reference(folder, 0);
afterEach(async () => {
  vi.restoreAllMocks();
  await BUCKET.delete(key);
});

const getReference = () => app.request(`/references/${folder}/0`, {}, { BUCKET });

it("a reference is served for fifteen minutes after its upload, whatever the state of its generation", async () => {
  const { uploaded } = await BUCKET.put(key, png(640, 480), { httpMetadata: { contentType: "image/png" } });
  const servedAfter = async (minutes: number) => {
    vi.spyOn(Date, "now").mockReturnValue(uploaded.getTime() + minutes * 60_000);
    const answer = await getReference();
    return [answer.status, (await answer.bytes()).length === png(640, 480).length];
  };
  expect(await servedAfter(0)).toEqual([200, true]);
  expect(await servedAfter(15)).toEqual([200, true]);
  expect(await servedAfter(15.01)).toEqual([404, false]);
});

it("a reference of a queued job is served until the job has ended", async () => {
  const generation = newId(Date.now());
  const metadata = { httpMetadata: { contentType: "image/png" }, customMetadata: { generation } };
  const { uploaded } = await BUCKET.put(key, png(640, 480), metadata);
  vi.spyOn(Date, "now").mockReturnValue(uploaded.getTime() + 60 * 60_000);
  const job = `jobs/${generation}.json`;
  await BUCKET.put(job, "{}");
  expect((await getReference()).status).toBe(200);
  await BUCKET.delete(job);
  expect((await getReference()).status).toBe(404);
});

it("a missing reference returns 404", async () => {
  const answer = await getReference();
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([404, "no-store"]);
  expect(await answer.json()).toMatchObject({ error: { code: "not_found" } });
});
