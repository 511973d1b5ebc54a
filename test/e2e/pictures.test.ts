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
  path = await generatePicture(picture);
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

/** Generate a picture with LinkAI and return its path. */
async function generatePicture(generated: Picture): Promise<string> {
  stage.linkai.next({ pictures: [generated] });
  const response = await stage.post("/v1/generations", { model: "gpt-image-2", prompt: "a cat" });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  return `/images/${response.headers.get("easel-generation")}/0`;
}
const fetchPicture = (headers: Record<string, string> = {}, method = "GET") =>
  stage.easel.fetch(path, { method, headers });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

it("a picture is served in full, immutable and with safe headers", async () => {
  const response = await fetchPicture();
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
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
  expect(response.headers.has("set-cookie")).toBe(false);
  expect(await hashOf(response)).toBe(picture.sha256);
});

it.each([jpeg(2), webp()])("a picture of type $type is served with its type", async (expected) => {
  const response = await stage.easel.fetch(await generatePicture(expected));
  expect(response.headers.get("content-type")).toBe(expected.type);
  expect(await hashOf(response)).toBe(expected.sha256);
});

it("a picture is served with any API key and any extension", async () => {
  for (const key of [ADMIN, "wrong"]) {
    const response = await fetchPicture({ authorization: `Bearer ${key}` });
    expect(await hashOf(response)).toBe(picture.sha256);
  }
  for (const extension of ["png", "jpg", "webp"]) {
    expect(await hashOf(stage.easel.fetch(`${path}.${extension}`))).toBe(picture.sha256);
  }
});

describe("range requests [fault 38]", () => {
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
  it.each(parts)("the range %s returns 206 with the bytes %i to %i", async (range, from, to) => {
    const response = await fetchPicture({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${from}-${to}/${size}`);
    expect(response.headers.get("content-length")).toBe(String(to - from + 1));
    expect((await bytesOf(response)).equals(picture.bytes.subarray(from, to + 1))).toBe(true);
  });

  it.each(["bytes=6000000-", "bytes=9999999-99999999", "bytes=-0"])(
    "the unsatisfiable range %s returns 416",
    async (range) => {
      const response = await fetchPicture({ range });
      expect(response.status).toBe(416);
      expect(response.headers.get("content-range")).toBe(`bytes */${size}`);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.text()).toBe("");
    },
  );

  it.each(["bytes=0-1,5-6", "bytes=9-3", "bytes=a-b", "bytes=-", "items=0-5", "bytes 0-5", "bytes=1e3-2e3"])(
    "the invalid or unsupported range %s returns the whole picture",
    async (range) => {
      const response = await fetchPicture({ range });
      expect(response.status).toBe(200);
      expect(response.headers.has("content-range")).toBe(false);
      expect((await bytesOf(response)).length).toBe(size);
    },
  );

  it("a range is ignored if If-Range names another picture", async () => {
    const etag = (await fetchPicture({}, "HEAD")).headers.get("etag") ?? "";
    expect((await fetchPicture({ range: "bytes=0-9", "if-range": etag })).status).toBe(206);
    for (const other of ['"other"', `W/${etag}`, "Wed, 21 Oct 2026 07:28:00 GMT"]) {
      const response = await fetchPicture({ range: "bytes=0-9", "if-range": other });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
  });
});

describe("conditional requests [fault 38]", () => {
  it("a matching If-None-Match returns 304 without a body", async () => {
    const etag = (await fetchPicture({}, "HEAD")).headers.get("etag") ?? "";
    for (const ifNoneMatch of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      for (const range of [{}, { range: "bytes=0-9" }, { range: "bytes=9999999-" }]) {
        const response = await fetchPicture({ "if-none-match": ifNoneMatch, ...range });
        expect(response.status).toBe(304);
        expect(response.headers.get("etag")).toBe(etag);
        expect(response.headers.get("cache-control")).toContain("immutable");
        expect(await response.text()).toBe("");
      }
    }
    expect((await fetchPicture({ "if-none-match": '"other"' }, "HEAD")).status).toBe(200);
  });
});

it("HEAD returns the headers without the body [fault 38]", async () => {
  const response = await fetchPicture({}, "HEAD");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-length")).toBe("6000000");
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(await response.text()).toBe("");
  // Range applies to GET only.
  const ranged = await fetchPicture({ range: "bytes=0-9" }, "HEAD");
  expect([ranged.status, ranged.headers.get("content-range")]).toEqual([200, null]);
  expect(ranged.headers.get("content-length")).toBe("6000000");
});

it("a preflight request allows the authorization header", async () => {
  const headers = { origin: "https://example.com", "access-control-request-method": "GET" };
  const response = await fetchPicture(headers, "OPTIONS");
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("access-control-allow-headers")).toContain("authorization");
});

describe("missing pictures", () => {
  it("an invalid or unknown picture path returns 404", async () => {
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
      const response = await stage.easel.fetch(path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toEqual({ error: { code: "not_found", message: "There is no such picture." } });
    }
  });

  it("a picture that was deleted from R2 returns 404 with no-store", async () => {
    const lost = await generatePicture(jpeg(8));
    await stage.easel.bucket.delete(lost.replace("/images/", "pictures/"));
    const response = await stage.easel.fetch(lost);
    expect(response.status).toBe(404);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.has("etag")).toBe(false);
    expect(await jsonOf(response)).toMatchObject({ error: { code: "not_found" } });
  });

  it("a picture that is still being generated returns 404 with retry-after", async () => {
    const body = { model: "sandbox", prompt: "a lake [sandbox:slow:2500]", width: 32, height: 32 };
    const pending = stage.post("/v1/generations", body);
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
    const response = await pending;
    expect(response.headers.get("easel-generation")).toBe(id);
    await response.arrayBuffer();
    expect((await stage.easel.fetch(`/images/${id}/0`)).status).toBe(200);
  });

  it("a failed or lost generation returns 404 without retry-after", async () => {
    stage.listenhub.next({ finishReason: "NO_IMAGE" });
    const failed = await stage.post("/v1/generations", { prompt: "a cat" });
    const id = failed.headers.get("easel-generation") ?? "";
    await failed.arrayBuffer();
    const response = await stage.easel.fetch(`/images/${id}/0`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([404, null]);
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

it("a polyglot of JPEG and HTML is served as JPEG only", async () => {
  const { bytes } = jpeg(5);
  const script = Buffer.from(HTML_PAGE);
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, script.length + 2]), script]);
  const both = Buffer.concat([bytes.subarray(0, 2), comment, bytes.subarray(2)]);
  const polyglot = await generatePicture({ ...jpeg(5), bytes: both });
  for (const extension of ["", ".jpg"]) {
    const response = await stage.easel.fetch(polyglot + extension, { headers: { accept: "text/html" } });
    expect(response.headers.get("content-type")).toBe("image/jpeg");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")).toContain("sandbox");
    await response.arrayBuffer();
  }
  expect((await stage.easel.fetch(`${polyglot}.html`)).status).toBe(404);
});
