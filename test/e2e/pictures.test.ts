import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HTML_PAGE, jpeg, png, until, webp } from "../sim/index.ts";
import type { Picture } from "../sim/index.ts";
import { ADMIN, hashOf, jsonOf, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
let path: string;
const picture = png({ bytes: 6_000_000, width: 900, height: 800 });

beforeAll(async () => {
  stage = await startStage({ vars: { SANDBOX: "fallback" } });
  path = await draw(picture);
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** The path of a picture that LinkAI drew. */
async function draw(drawn: Picture): Promise<string> {
  stage.linkai.next({ pictures: [drawn] });
  const answer = await stage.post("/v1/generations", { model: "gpt-image-2", prompt: "a cat" });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return `/images/${answer.headers.get("easel-generation")}/0`;
}
const fetched = (headers: Record<string, string> = {}, method = "GET") => stage.easel.fetch(path, { method, headers });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

it("is served whole, for ever, and as nothing but a picture", async () => {
  const answer = await fetched();
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "image/png",
    "content-length": "6000000",
    "cache-control": "public, max-age=31536000, immutable",
    etag: expect.stringMatching(/^"[\w-]+"$/) as string,
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "access-control-allow-origin": "*",
  });
  expect(answer.headers.has("set-cookie")).toBe(false);
  expect(await hashOf(answer)).toBe(picture.sha256);
});

it.each([jpeg(2), webp()])("has its own type: $type", async (drawn) => {
  const answer = await stage.easel.fetch(await draw(drawn));
  expect(answer.headers.get("content-type")).toBe(drawn.type);
  expect(await hashOf(answer)).toBe(drawn.sha256);
});

it("tolerates a key, right or wrong, and an extension", async () => {
  for (const key of [ADMIN, "wrong"]) {
    const answer = await fetched({ authorization: `Bearer ${key}` });
    expect(await hashOf(answer)).toBe(picture.sha256);
  }
  for (const extension of ["png", "jpg", "webp"]) {
    expect(await hashOf(stage.easel.fetch(`${path}.${extension}`))).toBe(picture.sha256);
  }
});

describe("38. Range", () => {
  const size = 6_000_000;
  const parts: [range: string, from: number, to: number][] = [
    ["bytes=0-99", 0, 99],
    ["bytes=5242880-5242889", 5_242_880, 5_242_889],
    ["bytes=5999990-", 5_999_990, size - 1],
    ["bytes=-10", size - 10, size - 1],
    ["bytes=-9999999", 0, size - 1],
    ["bytes=5999990-9999999", 5_999_990, size - 1],
    ["Bytes=0-0", 0, 0],
  ];
  it.each(parts)("%s", async (range, from, to) => {
    const answer = await fetched({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${to}/${size}`);
    expect(answer.headers.get("content-length")).toBe(String(to - from + 1));
    expect((await bytesOf(answer)).equals(picture.bytes.subarray(from, to + 1))).toBe(true);
  });

  it.each(["bytes=6000000-", "bytes=9999999-99999999", "bytes=-0"])("%s: 416", async (range) => {
    const answer = await fetched({ range });
    expect(answer.status).toBe(416);
    expect(answer.headers.get("content-range")).toBe(`bytes */${size}`);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.text()).toBe("");
  });

  it.each(["bytes=0-1,5-6", "bytes=9-3", "bytes=a-b", "bytes=-", "items=0-5", "bytes 0-5", "bytes=1e3-2e3"])(
    "%s: the whole",
    async (range) => {
      const answer = await fetched({ range });
      expect(answer.status).toBe(200);
      expect(answer.headers.has("content-range")).toBe(false);
      expect((await bytesOf(answer)).length).toBe(size);
    },
  );

  it("holds for the same picture only, If-Range says", async () => {
    const etag = (await fetched({}, "HEAD")).headers.get("etag") ?? "";
    expect((await fetched({ range: "bytes=0-9", "if-range": etag })).status).toBe(206);
    for (const other of ['"other"', `W/${etag}`, "Wed, 21 Oct 2026 07:28:00 GMT"]) {
      const answer = await fetched({ range: "bytes=0-9", "if-range": other });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
  });
});

describe("38. what a client has already", () => {
  it("is not sent again", async () => {
    const etag = (await fetched({}, "HEAD")).headers.get("etag") ?? "";
    for (const has of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      for (const range of [{}, { range: "bytes=0-9" }, { range: "bytes=9999999-" }]) {
        const answer = await fetched({ "if-none-match": has, ...range });
        expect(answer.status).toBe(304);
        expect(answer.headers.get("etag")).toBe(etag);
        expect(answer.headers.get("cache-control")).toContain("immutable");
        expect(await answer.text()).toBe("");
      }
    }
    expect((await fetched({ "if-none-match": '"other"' }, "HEAD")).status).toBe(200);
  });
});

it("38. HEAD tells of it without sending it", async () => {
  const answer = await fetched({}, "HEAD");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-length")).toBe("6000000");
  expect(answer.headers.get("content-type")).toBe("image/png");
  expect(await answer.text()).toBe("");
  // Range means something for GET only.
  const ranged = await fetched({ range: "bytes=0-9" }, "HEAD");
  expect([ranged.status, ranged.headers.get("content-range")]).toEqual([200, null]);
  expect(ranged.headers.get("content-length")).toBe("6000000");
});

it("OPTIONS lets a page ask with the headers of its client", async () => {
  const headers = { origin: "https://example.com", "access-control-request-method": "GET" };
  const answer = await fetched(headers, "OPTIONS");
  expect(answer.status).toBe(204);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(answer.headers.get("access-control-allow-headers")).toContain("authorization");
});

describe("nothing is there", () => {
  it("for ids and numbers that are none", async () => {
    const [, , id = ""] = path.split("/");
    const none = [
      `/images/${id}/1`,
      `/images/${id}/00`,
      `/images/${id}/-1`,
      `/images/${id}/0.html`,
      `/images/${id}/0.svg`,
      `/images/${id}/x`,
      `/images/${id}/100`,
      `/images/${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}/0`,
      `/images/${id.toUpperCase()}/0`,
      "/images/abc/0",
      `/images/..%2fgenerations%2f${id}/0`,
      `/images/${"0".repeat(5_000)}/0`,
    ];
    for (const path of none) {
      const answer = await stage.easel.fetch(path);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await answer.json()).toEqual({ error: { code: "not_found", message: "There is no such picture." } });
    }
  });

  it("where R2 has lost it: an honest 404 that nobody caches", async () => {
    const lost = await draw(jpeg(8));
    await stage.easel.bucket.delete(lost.replace("/images/", "pictures/"));
    const answer = await stage.easel.fetch(lost);
    expect(answer.status).toBe(404);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.has("etag")).toBe(false);
    expect(await jsonOf(answer)).toMatchObject({ error: { code: "not_found" } });
  });

  it("yet: while it is being drawn a client is told to come again", async () => {
    const body = { model: "sandbox", prompt: "a lake [sandbox:slow:2500]", width: 32, height: 32 };
    const drawing = stage.post("/v1/generations", body);
    const running = async () => {
      const { data } = await jsonOf<{ data: { id: string; status: string }[] }>(stage.get("/v1/generations"));
      return data.find(({ status }) => status === "running")?.id;
    };
    await until(async () => (await running()) !== undefined);
    const id = await running();
    const early = await stage.easel.fetch(`/images/${id}/0`);
    expect(early.status).toBe(404);
    expect(early.headers.get("retry-after")).toBe("1");
    expect(early.headers.get("cache-control")).toBe("no-store");
    expect(await jsonOf(early)).toMatchObject({ error: { message: "This picture is still being drawn." } });
    const answer = await drawing;
    expect(answer.headers.get("easel-generation")).toBe(id);
    await answer.arrayBuffer();
    expect((await stage.easel.fetch(`/images/${id}/0`)).status).toBe(200);
  });

  it("and never will be, where it failed or was lost long ago", async () => {
    stage.listenhub.next({ finishReason: "NO_IMAGE" });
    const failed = await stage.post("/v1/generations", { prompt: "a cat" });
    const id = failed.headers.get("easel-generation") ?? "";
    await failed.arrayBuffer();
    const answer = await stage.easel.fetch(`/images/${id}/0`);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([404, null]);
    const end = await stage.easel.bucket.get(`generations/${id}/end.json`);
    const record = {
      ...(JSON.parse((await end?.text()) ?? "{}") as object),
      status: "running",
      createdAt: "2026-01-01T00:00:00.000Z",
      startedAt: "2026-01-01T00:00:00.000Z",
    };
    await stage.easel.bucket.put(`generations/${id}/end.json`, JSON.stringify(record));
    const lost = await stage.easel.fetch(`/images/${id}/0`);
    expect([lost.status, lost.headers.get("retry-after")]).toEqual([404, null]);
  });
});

it("a picture that is also HTML is a picture, and nothing else", async () => {
  const { bytes } = jpeg(5);
  const script = Buffer.from(HTML_PAGE);
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, script.length + 2]), script]);
  const both = Buffer.concat([bytes.subarray(0, 2), comment, bytes.subarray(2)]);
  const polyglot = await draw({ ...jpeg(5), bytes: both });
  for (const extension of ["", ".jpg"]) {
    const answer = await stage.easel.fetch(polyglot + extension, { headers: { accept: "text/html" } });
    expect(answer.headers.get("content-type")).toBe("image/jpeg");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toContain("sandbox");
    await answer.arrayBuffer();
  }
  expect((await stage.easel.fetch(`${polyglot}.html`)).status).toBe(404);
});
