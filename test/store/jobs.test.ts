import { afterEach, expect, it } from "vitest";
import { type Generation, getJob, jobKey, putJob } from "../../src/store/jobs.ts";
import { newId } from "../../src/store/ids.ts";
import { BUCKET } from "./bucket.ts";

const id = newId(Date.now());
const picture = { key: "references/a/0", type: "image/png", width: 8, height: 8, bytes: 70 };
const request = { model: "m", prompt: "a cat", n: 1, references: [{ picture }] };
const generation: Generation = {
  id,
  parsed: {
    request,
    warnings: ["seed was left out"],
    defaulted: ["size"],
    maxSize: "2K",
    responseFormat: "url",
    stream: false,
    preset: { name: "hero", setFields: ["prompt"] },
    fields: { references: "images" },
  },
  dialect: "openai",
  principal: "admin",
  origin: "https://easel.example",
  receivedAt: 1,
  uploads: [picture],
  attempts: [{ vendor: "sandbox", ms: 3 }],
  tick: { name: "daily", schedule: "s", at: 60_000 },
};
/** The JSON of a job since the first release. */
const stored = {
  id,
  asked: {
    request,
    warnings: ["seed was left out"],
    assumed: ["size"],
    most: "2K",
    as: "url",
    stream: false,
    preset: { name: "hero", given: ["prompt"] },
    fields: { references: "images" },
  },
  dialect: "openai",
  principal: "admin",
  origin: "https://easel.example",
  receivedAt: 1,
  hoisted: [picture],
  attempts: [{ vendor: "sandbox", ms: 3 }],
  tick: { name: "daily", schedule: "s", at: 60_000 },
};

afterEach(() => BUCKET.delete(jobKey(id)));

it("a job is stored under the property names of the first release", async () => {
  await putJob(BUCKET, generation, 5);
  const object = await BUCKET.get(jobKey(id));
  expect(await object?.json()).toEqual(stored);
  expect(object?.customMetadata).toEqual({ due: "5" });
});

it("a job that an earlier release has stored is read", async () => {
  await BUCKET.put(jobKey(id), JSON.stringify(stored));
  expect(await getJob(BUCKET, id)).toEqual(generation);
});

it.each([
  ["is no JSON", "{"],
  ["has no request", JSON.stringify({ ...stored, asked: undefined })],
  ["has no list of uploads", JSON.stringify({ ...stored, hoisted: undefined })],
  ["is of another id", JSON.stringify({ ...stored, id: newId(0) })],
])("a job that %s counts as none, and stops no listing", async (_, text) => {
  await BUCKET.put(jobKey(id), text);
  expect(await getJob(BUCKET, id)).toBeNull();
});
