import { afterEach, expect, it } from "vitest";
import { sign } from "../../docs/sign.mjs";
import { app } from "../../src/app.ts";
import { BUCKET } from "../store/bucket.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const background: Promise<unknown>[] = [];
const ctx = { waitUntil: (work: Promise<unknown>) => void background.push(work), passThroughOnException: () => {} };

afterEach(async () => {
  await Promise.all(background.splice(0));
  const { objects } = await BUCKET.list();
  await BUCKET.delete(objects.map(({ key }) => key));
});

/** The bucket, with the names of the operations that it is called with. */
function countedBucket(): { bucket: R2Bucket; operations: string[] } {
  const operations: string[] = [];
  const bucket = new Proxy(BUCKET, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => {
        operations.push(String(name));
        return Reflect.apply(member, target, values) as unknown;
      };
    },
  });
  return { bucket, operations };
}

it("a later view of a signed URL costs three R2 reads: its claim, its end record and its picture", async () => {
  const { bucket, operations } = countedBucket();
  const env = {
    BUCKET: bucket,
    KV: { list: async () => ({ keys: [], list_complete: true }), put: async () => {} },
    SANDBOX: "fallback",
    PRESETS: JSON.stringify({ hero: { model: "sandbox", size: "512", vary: ["prompt"] } }),
    SIGNING_KEYS: JSON.stringify({ main: SECRET }),
  };
  const url = sign("hero", { prompt: "a cat" }, "main", SECRET);
  const view = async () => {
    operations.length = 0;
    const answer = await app.request(url, {}, env, ctx as unknown as ExecutionContext);
    const bytes = await answer.bytes();
    return { status: answer.status, bytes, operations: [...operations] };
  };
  const first = await view();
  expect(first.status).toBe(200);
  await Promise.all(background.splice(0));
  expect(await view()).toEqual({ status: 200, bytes: first.bytes, operations: ["get", "get", "get"] });
});
