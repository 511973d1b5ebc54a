import { afterEach, describe, expect, it } from "vitest";
import { type Inspector, rejection, Upload } from "../../src/store/upload.ts";
import { chunks } from "../stream/random.ts";
import { equal, failureOf, pause } from "../stream/streams.ts";
import { BUCKET, type Faults, watchBucket } from "./bucket.ts";

const BLOCK = 262_146;
const PART = 20 * BLOCK;
const KEY = "pictures/upload-test/0";
const MAX = 64 << 20;

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/**
 * Fill an upload as hoist does: complete quads directly into the reserved space, the last bytes alone, with a drain
 * from time to time.
 */
async function fillReserved(upload: Upload, bytes: Uint8Array): Promise<void> {
  for (let at = 0, n = 1; at < bytes.length; n++) {
    const room = upload.reserve();
    if (room.length < 3 || room.length % 3 !== 0) throw new Error(`room for ${room.length} bytes`);
    const piece = bytes.subarray(at, at + Math.min(room.length, 99_999));
    room.set(piece);
    upload.advance(piece.length);
    at += piece.length;
    if (n % 4 === 0) await upload.drain();
  }
}

async function writeChunks(upload: Upload, bytes: Uint8Array): Promise<void> {
  for (const chunk of chunks(bytes, 500_000)) await upload.write(chunk);
}

async function storedBytes(): Promise<Uint8Array | undefined> {
  const object = await BUCKET.get(KEY);
  return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
}

afterEach(async () => {
  await BUCKET.delete(KEY);
});

describe("Upload", () => {
  const SIZES = [
    0,
    1,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    PART - 1,
    PART,
    PART + 1,
    2 * PART - 1,
    2 * PART,
    2 * PART + 5,
    3 * PART + 7,
  ];

  it.each(SIZES)("%i bytes reach R2 unchanged", async (size) => {
    const bytes = noise(size);
    for (const way of [fillReserved, writeChunks]) {
      const upload = new Upload({ bucket: BUCKET, key: KEY, maxBytes: MAX });
      await way(upload, bytes);
      expect(await BUCKET.head(KEY)).toBeNull();
      await upload.finish();
      expect(upload.bytes).toBe(size);
      expect(equal((await storedBytes()) ?? new Uint8Array(1), bytes)).toBe(true);
      await upload.discard();
      expect(await BUCKET.head(KEY)).toBeNull();
    }
  });

  it.each(SIZES)("%i bytes are sent as one put, or as parts that are equal but for the last", async (size) => {
    const { bucket, steps, parts } = watchBucket(BUCKET);
    const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
    await fillReserved(upload, new Uint8Array(size));
    await upload.finish();
    if (size <= PART) {
      expect(steps).toEqual(["put"]);
      return;
    }
    const count = Math.ceil(size / PART);
    expect(steps).toEqual(["createMultipartUpload", ...parts.map((_, n) => `uploadPart ${n + 1}`), "complete"]);
    expect(parts).toEqual([...Array.from({ length: count - 1 }, () => PART), size - (count - 1) * PART]);
  });

  it("end starts to store the object, and it is stored once", async () => {
    const { bucket, steps } = watchBucket(BUCKET);
    const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
    await fillReserved(upload, new Uint8Array(1_000));
    upload.end();
    expect(steps).toEqual(["put"]);
    await upload.finish();
    await upload.finish();
    expect(steps).toEqual(["put"]);
    expect((await storedBytes())?.length).toBe(1_000);
  });

  it("an upload refuses more than its limit", async () => {
    const upload = new Upload({ bucket: BUCKET, key: KEY, maxBytes: 1_000 });
    await upload.write(new Uint8Array(1_000));
    expect(await failureOf(upload.write(new Uint8Array(1)))).toMatchObject({
      name: "BadBody",
      message: "A picture is over 1000 bytes.",
      tooLarge: true,
      field: undefined,
    });
    await upload.discard();
    expect(await storedBytes()).toBeUndefined();
  });

  /** The failing step, the size, the number of parts tried, and the fault. */
  const FAILURES: [what: string, size: number, tried: number, faults: Faults][] = [
    ["put", 1_000, 0, failAt("put")],
    ["a put whose response is lost", 1_000, 0, { made: loseResponse }],
    ["createMultipartUpload", 3 * PART, 0, failAt("createMultipartUpload")],
    ["uploadPart 1", 3 * PART, 1, failAt("uploadPart", 1)],
    ["uploadPart 2", 3 * PART, 2, failAt("uploadPart", 2)],
    ["the last uploadPart", 2 * PART + 7, 3, failAt("uploadPart", 3)],
    ["complete", 2 * PART, 2, failAt("complete")],
    ["a complete whose response is lost", 2 * PART, 2, { made: loseResponse }],
  ];

  it.each(FAILURES)("a failure of %s throws R2's error and leaves nothing in R2", async (_, size, tried, faults) => {
    const unhandled: unknown[] = [];
    const listen = (event: PromiseRejectionEvent) => void unhandled.push(event.reason);
    addEventListener("unhandledrejection", listen);
    const { bucket, steps } = watchBucket(BUCKET, faults);
    for (const early of [false, true]) {
      steps.length = 0;
      const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
      await fillReserved(upload, new Uint8Array(size));
      if (early) upload.end();
      await pause(5);
      expect(await failureOf(upload.finish())).toMatchObject({ message: "R2: 10001" });
      expect(steps.filter((step) => step.startsWith("uploadPart"))).toHaveLength(tried);
      expect(steps.includes("abort")).toBe(tried > 0);
      expect(steps.filter((step) => step === "complete").length).toBeLessThanOrEqual(1);
      await upload.discard();
      expect(await storedBytes()).toBeUndefined();
    }
    await pause(5);
    removeEventListener("unhandledrejection", listen);
    expect(unhandled).toEqual([]);
  });

  it("an object with another length than the bytes sent is refused", async () => {
    for (const size of [1_000, PART + 3]) {
      const short = () => ({ size: size - 1 });
      const { bucket } = watchBucket(BUCKET, { made: short });
      const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
      await fillReserved(upload, new Uint8Array(size));
      expect(await failureOf(upload.finish())).toMatchObject({ message: `R2 holds ${size - 1} of ${size} bytes` });
      expect(await storedBytes()).toBeUndefined();
    }
  });

  it("discard leaves nothing in R2 at any moment", async () => {
    for (const size of [0, 10, BLOCK, PART, PART + 10, 2 * PART + 10]) {
      for (const moment of ["unfinished", "ended", "finished"]) {
        const { bucket, steps } = watchBucket(BUCKET, { before: (step) => pause(step === "put" ? 10 : 1) });
        const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
        await fillReserved(upload, new Uint8Array(size));
        if (moment === "ended") upload.end();
        if (moment === "finished") await upload.finish();
        await upload.discard();
        await pause(15);
        expect([size, moment, await storedBytes()]).toEqual([size, moment, undefined]);
        if (moment === "unfinished" && size > PART) expect(steps).toContain("abort");
        await upload.discard();
      }
    }
  });

  it("discard calls R2 only where something may be left", async () => {
    const { bucket, steps } = watchBucket(BUCKET);
    const upload = new Upload({ bucket, key: KEY, maxBytes: MAX });
    await fillReserved(upload, new Uint8Array(PART));
    await upload.discard();
    expect(steps).toEqual([]);
  });

  it.each([
    ["fill", fillReserved],
    ["write", writeChunks],
  ] as const)("an upload holds two parts at most while R2 lags (%s)", async (_, way) => {
    let mostHeld = 0;
    class Measured extends Upload {
      override advance(bytes: number): void {
        super.advance(bytes);
        mostHeld = Math.max(mostHeld, this.bytes - parts.reduce((sum, part) => sum + part, 0));
      }
    }
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { bucket, parts } = watchBucket(BUCKET, { before: () => gate.then(() => pause(30)) });
    const upload = new Measured({ bucket, key: KEY, maxBytes: MAX });
    const bytes = noise(5 * PART + 11);
    const filling = way(upload, bytes);
    let before = -1;
    while (before < upload.bytes) {
      before = upload.bytes;
      await pause(50);
    }
    // R2 accepts nothing, so the fill waits.
    const bytesHeld = upload.bytes;
    expect(bytesHeld).toBeGreaterThan(PART);
    await pause(20);
    expect(upload.bytes).toBe(bytesHeld);
    open();
    await filling;
    await upload.finish();
    expect(mostHeld).toBeLessThanOrEqual(2 * PART + 2 * BLOCK);
    expect(equal((await storedBytes()) ?? new Uint8Array(), bytes)).toBe(true);
  });

  it("concurrent uploads with a lagging R2 never mix", async () => {
    const results = await Promise.all(
      [1, 2, 3].map(async (value) => {
        const key = `${KEY}/${value}`;
        const upload = new Upload({ bucket: BUCKET, key, maxBytes: MAX });
        for (const chunk of chunks(new Uint8Array(2 * PART + value).fill(value), 300_000)) {
          await upload.write(chunk);
          await pause(0);
        }
        await upload.finish();
        const object = (await BUCKET.get(key)) as R2ObjectBody;
        const others = new Uint8Array(await object.arrayBuffer()).findIndex((byte) => byte !== value);
        await upload.discard();
        return others;
      }),
    );
    expect(results).toEqual([-1, -1, -1]);
  });

  class RecordingInspector implements Inspector {
    readonly seen: Uint8Array[] = [];
    readonly calls: string[] = [];

    push(bytes: Uint8Array): void {
      this.seen.push(bytes.slice());
      if (this.calls.at(-1) !== "push") this.calls.push("push");
    }

    verify(): void {
      this.calls.push("verify");
    }

    putOptions(): R2PutOptions {
      this.calls.push("putOptions");
      return {};
    }
  }

  it.each(SIZES)("each of %i bytes is seen once and in order, and then verified", async (size) => {
    const bytes = noise(size);
    for (const way of [fillReserved, writeChunks]) {
      const inspector = new RecordingInspector();
      const upload = new Upload({ bucket: BUCKET, key: KEY, maxBytes: MAX }, inspector);
      await way(upload, bytes);
      await upload.finish();
      expect(equal(Buffer.concat(inspector.seen), bytes)).toBe(true);
      expect(inspector.seen.slice(0, -1).every(({ length }) => length === BLOCK)).toBe(true);
      expect(inspector.calls.slice(-3)).toEqual(["push", "verify", "putOptions"]);
      expect(inspector.calls.filter((call) => call === "verify")).toHaveLength(1);
    }
  });

  it.each(["push", "verify", "putOptions"] as const)("an object refused by `%s` is not stored", async (step) => {
    const refuseAt = (called: string) => {
      if (called === step) throw rejection("it", "is no good");
    };
    const inspector: Inspector = {
      push: () => refuseAt("push"),
      verify: () => refuseAt("verify"),
      putOptions: () => {
        refuseAt("putOptions");
        return {};
      },
    };
    for (const size of [0, 10, BLOCK, BLOCK + 5, PART, PART + 1]) {
      const upload = new Upload({ bucket: BUCKET, key: KEY, maxBytes: MAX, name: "it" }, inspector);
      const making = fillReserved(upload, new Uint8Array(size)).then(() => upload.finish());
      expect(await failureOf(making)).toMatchObject({ message: "it is no good.", field: "it", tooLarge: false });
      await upload.discard();
      expect(await storedBytes()).toBeUndefined();
    }
  });
});

function failAt(step: string, number = 0): Faults {
  return {
    before(name, part) {
      if (name === step && part === number) throw new Error("R2: 10001");
    },
  };
}

/** Store the object and lose the response. */
function loseResponse(): never {
  throw new Error("R2: 10001");
}
