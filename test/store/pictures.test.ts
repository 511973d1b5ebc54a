import { afterEach, describe, expect, it } from "vitest";
import { deletePictures, pictureKeys, PictureUpload, readStoredPicture, spillTo } from "../../src/store/pictures.ts";
import { BodyError } from "../../src/stream/body-error.ts";
import { gif, heif, jpeg, png, webp } from "../image/pictures.ts";
import { chunks, Random } from "../stream/random.ts";
import { drain, equal, failureOf } from "../stream/streams.ts";
import { BUCKET } from "./bucket.ts";

const KEY = pictureKeys.picture("test", 0);
const PART = 20 * 262_146;
const METADATA = { generation: "test", vendor: "sandbox", model: "any" };

const SAMPLES: [type: string, bytes: Uint8Array][] = [
  ["image/png", png(640, 480)],
  ["image/jpeg", jpeg(640, 480)],
  ["image/gif", gif(640, 480)],
  ["image/webp", webp.lossy(640, 480)],
  ["image/avif", heif("avif", 640, 480)],
];

async function uploadInChunks(bytes: Uint8Array, maxBytes = 64 << 20, name?: string): Promise<PictureUpload> {
  const upload = new PictureUpload({ bucket: BUCKET, key: KEY, maxBytes, metadata: METADATA, name });
  for (const chunk of chunks(bytes, 700_000)) await upload.write(chunk);
  return upload;
}

async function expectNothingLeft(): Promise<void> {
  expect((await BUCKET.list()).objects.map(({ key }) => key)).toEqual([]);
}

function noise(length: number): Uint8Array {
  const bytes = new Random(3).bytes(1_000);
  const noise = new Uint8Array(length);
  for (let at = 0; at < length; at += bytes.length) noise.set(bytes.subarray(0, length - at), at);
  return noise;
}

/** Return a PNG of `length` bytes with a correct end. */
function longPng(length: number): Uint8Array {
  const small = png(640, 480);
  const long = noise(length);
  long.set(small.subarray(0, 41));
  // Everything between is one chunk.
  new DataView(long.buffer).setUint32(33, length - 57);
  long.set(small.subarray(-12), length - 12);
  return long;
}

afterEach(async () => {
  await BUCKET.delete(KEY);
});

describe("PictureUpload", () => {
  it.each(SAMPLES)("a complete %s is stored with its type and dimensions", async (type, bytes) => {
    const upload = await uploadInChunks(bytes);
    await upload.finish();
    expect(upload.stored).toEqual({ key: KEY, type, width: 640, height: 480, bytes: bytes.length });
    const object = (await BUCKET.get(KEY)) as R2ObjectBody;
    expect(object.httpMetadata).toEqual({ contentType: type });
    expect(object.customMetadata).toEqual({ ...METADATA, width: "640", height: "480" });
    expect(equal(new Uint8Array(await object.arrayBuffer()), bytes)).toBe(true);
  });

  it("a picture of several parts is stored with its type and dimensions", async () => {
    const bytes = longPng(2 * PART + 100);
    const upload = await uploadInChunks(bytes);
    await upload.finish();
    expect(upload.stored).toMatchObject({ type: "image/png", width: 640, height: 480, bytes: bytes.length });
    const head = await BUCKET.head(KEY);
    expect([head?.size, head?.httpMetadata?.contentType, head?.customMetadata?.["width"]]).toEqual([
      bytes.length,
      "image/png",
      "640",
    ]);
    expect(equal(await drain(await readStoredPicture(BUCKET, KEY)), bytes)).toBe(true);
  });

  it.each(SAMPLES)("a truncated %s is refused, and nothing is left in R2", async (type, bytes) => {
    for (const cut of [bytes.length - 1, bytes.length - 2, bytes.length - 11]) {
      const upload = await uploadInChunks(bytes.subarray(0, cut));
      expect(await failureOf(upload.finish())).toMatchObject({
        name: "BadBody",
        message: `A picture (${type}) is cut short: its end is missing.`,
        field: undefined,
      });
      await expectNothingLeft();
    }
  });

  it.each([100, PART, 2 * PART, 2 * PART + 99])(
    "a picture of several parts cut at %i bytes is refused, and nothing is left in R2",
    async (cut) => {
      const upload = await uploadInChunks(longPng(2 * PART + 100).subarray(0, cut));
      expect(await failureOf(upload.finish())).toBeInstanceOf(BodyError);
      await expectNothingLeft();
    },
  );

  it.each(SAMPLES)("a %s is stored unchanged with data after its end", async (_, bytes) => {
    const padded = new Uint8Array(bytes.length + 4_096);
    for (const padding of [new Uint8Array(4_096), noise(4_096)]) {
      padded.set(bytes);
      padded.set(padding, bytes.length);
      await (await uploadInChunks(padded)).finish();
      expect(equal(await drain(await readStoredPicture(BUCKET, KEY)), padded)).toBe(true);
    }
  });

  it("a large picture is stored unchanged with 5 MB after its end", async () => {
    const bytes = longPng(PART - 7);
    const padded = new Uint8Array(bytes.length + 5_000_000);
    padded.set(bytes);
    const upload = await uploadInChunks(padded);
    await upload.finish();
    expect(upload.stored).toMatchObject({ type: "image/png", width: 640, height: 480, bytes: padded.length });
    expect(equal(await drain(await readStoredPicture(BUCKET, KEY)), padded)).toBe(true);
  });

  it("the error names the field of the refused picture", async () => {
    const name = "references[3]";
    const field = name;
    const cut = uploadInChunks(longPng(600_000).subarray(0, -1), 1e6, name).then((upload) => upload.finish());
    const message = "references[3] (image/png) is cut short: its end is missing.";
    expect(await failureOf(cut)).toMatchObject({ message, field, tooLarge: false });
    const none = uploadInChunks(new Uint8Array(9), 1e6, name).then((upload) => upload.finish());
    expect(await failureOf(none)).toMatchObject({
      message: "references[3] is of no known format: not PNG, JPEG, WebP, GIF, AVIF or HEIC.",
      field,
    });
    const large = uploadInChunks(longPng(600_000), 500_000, name);
    expect(await failureOf(large)).toMatchObject({
      message: "references[3] is over 500000 bytes.",
      field,
      tooLarge: true,
    });
    await expectNothingLeft();
  });

  it.each([
    ["nothing", ""],
    ["HTML", "<!doctype html><html><body>Not found</body></html>"],
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ["JSON", '{"error":"no"}'],
  ])("%s in the place of a picture is refused", async (_, text) => {
    const upload = await uploadInChunks(new TextEncoder().encode(text));
    expect(await failureOf(upload.finish())).toMatchObject({
      name: "BadBody",
      message: "A picture is of no known format: not PNG, JPEG, WebP, GIF, AVIF or HEIC.",
      tooLarge: false,
    });
    await expectNothingLeft();
  });

  it("a body that is no picture is refused after its first block", async () => {
    expect(await failureOf(uploadInChunks(new Uint8Array(262_147)))).toBeInstanceOf(BodyError);
    await expectNothingLeft();
  });

  it("a picture above the size limit is refused", async () => {
    const bytes = longPng(10_000);
    expect(await failureOf(uploadInChunks(bytes, 9_999))).toMatchObject({ name: "BadBody", tooLarge: true });
    await (await uploadInChunks(bytes, 10_000)).finish();
  });
});

describe("spillTo", () => {
  it("replay returns the written bytes from the start, and discard leaves nothing in R2", async () => {
    for (const size of [0, 10, PART + 1_000]) {
      const bytes = noise(size);
      const spill = spillTo(BUCKET, "test", bytes.length);
      for (const chunk of chunks(bytes, 600_000)) await spill.write(chunk);
      expect(equal(await drain(await spill.replay()), bytes)).toBe(true);
      await spill.discard();
      await expectNothingLeft();
    }
  });

  it("a spill refuses more than its limit, and leaves nothing if it is never replayed", async () => {
    const spill = spillTo(BUCKET, "test", PART + 10);
    await spill.write(new Uint8Array(PART + 10));
    expect(await failureOf((async () => spill.write(new Uint8Array(1)))())).toBeInstanceOf(BodyError);
    await spill.discard();
    await expectNothingLeft();
  });
});

describe("readPicture and deletePictures", () => {
  it("readPicture names the missing object", async () => {
    expect(await failureOf(readStoredPicture(BUCKET, "pictures/none"))).toMatchObject({
      message: "no object pictures/none in R2",
    });
  });

  it("deletePictures deletes the given pictures only, and never throws", async () => {
    const stored = (key: string) => ({ key, type: "image/png", width: 1, height: 1, bytes: 1 });
    await Promise.all(["a", "b", "c"].map((key) => BUCKET.put(key, "x")));
    await deletePictures(BUCKET, [stored("a"), stored("c"), stored("not there")]);
    expect((await BUCKET.list()).objects.map(({ key }) => key)).toEqual(["b"]);
    const broken = { delete: () => Promise.reject(new Error("R2: 10001")) } as unknown as R2Bucket;
    await deletePictures(broken, [stored("b")]);
    await deletePictures(broken, []);
    await BUCKET.delete("b");
  });
});
