import { afterEach, expect, it, vi } from "vitest";
import { app } from "../../src/app.ts";
import { keys } from "../../src/store/pictures.ts";
import { newId } from "../../src/store/ids.ts";
import { png } from "../image/pictures.ts";
import { BUCKET } from "../store/bucket.ts";

const folder = newId(Date.now());
const key = keys.reference(folder, 0);
afterEach(async () => {
  vi.restoreAllMocks();
  await BUCKET.delete(key);
});

const get = () => app.request(`/references/${folder}/0`, {}, { BUCKET });

it("a reference is served for fifteen minutes after it came, whatever becomes of its generation", async () => {
  const { uploaded } = await BUCKET.put(key, png(640, 480), { httpMetadata: { contentType: "image/png" } });
  const after = async (minutes: number) => {
    vi.spyOn(Date, "now").mockReturnValue(uploaded.getTime() + minutes * 60_000);
    const answer = await get();
    return [answer.status, (await answer.bytes()).length === png(640, 480).length];
  };
  expect(await after(0)).toEqual([200, true]);
  expect(await after(15)).toEqual([200, true]);
  expect(await after(15.01)).toEqual([404, false]);
});

it("a reference of a job that waits in the queue is served for as long as it waits", async () => {
  const generation = newId(Date.now());
  const described = { httpMetadata: { contentType: "image/png" }, customMetadata: { generation } };
  const { uploaded } = await BUCKET.put(key, png(640, 480), described);
  vi.spyOn(Date, "now").mockReturnValue(uploaded.getTime() + 60 * 60_000);
  const job = `jobs/${generation}.json`;
  await BUCKET.put(job, "{}");
  expect((await get()).status).toBe(200);
  await BUCKET.delete(job);
  expect((await get()).status).toBe(404);
});

it("what is not there is not found", async () => {
  const answer = await get();
  expect([answer.status, answer.headers.get("cache-control")]).toEqual([404, "no-store"]);
  expect(await answer.json()).toMatchObject({ error: { code: "not_found" } });
});
