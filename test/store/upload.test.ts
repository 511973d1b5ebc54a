import { afterEach, describe, expect, it } from "vitest";
import { Upload } from "../../src/store/upload.ts";
import { chunks } from "../stream/random.ts";
import { equal, failureOf, pause } from "../stream/streams.ts";
import { BUCKET, type Faults, watch } from "./bucket.ts";

const BLOCK = 262_146;
const PART = 20 * BLOCK;
const KEY = "pictures/upload-test/0";
const MAX = 64 << 20;

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Fills as hoist does: whole quads straight into the room there is, the last bytes alone; drains now and then. */
async function fill(upload: Upload, bytes: Uint8Array): Promise<void> {
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

async function write(upload: Upload, bytes: Uint8Array): Promise<void> {
  for (const chunk of chunks(bytes, 500_000)) await upload.write(chunk);
}

async function stored(): Promise<Uint8Array | undefined> {
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

  it.each(SIZES)("brings %i bytes to R2 as they are", async (size) => {
    const bytes = noise(size);
    for (const way of [fill, write]) {
      const upload = new Upload(BUCKET, KEY, MAX);
      await way(upload, bytes);
      expect(await BUCKET.head(KEY)).toBeNull();
      await upload.finish();
      expect(upload.bytes).toBe(size);
      expect(equal((await stored()) ?? new Uint8Array(1), bytes)).toBe(true);
      await upload.discard();
      expect(await BUCKET.head(KEY)).toBeNull();
    }
  });

  it.each(SIZES)("sends %i bytes as one put, or as parts that are equal but for the last", async (size) => {
    const { bucket, steps, parts } = watch(BUCKET);
    const upload = new Upload(bucket, KEY, MAX);
    await fill(upload, new Uint8Array(size));
    await upload.finish();
    if (size <= PART) {
      expect(steps).toEqual(["put"]);
      return;
    }
    const count = Math.ceil(size / PART);
    expect(steps).toEqual(["createMultipartUpload", ...parts.map((_, n) => `uploadPart ${n + 1}`), "complete"]);
    expect(parts).toEqual([...Array.from({ length: count - 1 }, () => PART), size - (count - 1) * PART]);
  });

  it("begins to make the object at its end, and makes it once", async () => {
    const { bucket, steps } = watch(BUCKET);
    const upload = new Upload(bucket, KEY, MAX);
    await fill(upload, new Uint8Array(1_000));
    upload.end();
    expect(steps).toEqual(["put"]);
    await upload.finish();
    await upload.finish();
    expect(steps).toEqual(["put"]);
    expect((await stored())?.length).toBe(1_000);
  });

  it("refuses more than its bound", async () => {
    const upload = new Upload(BUCKET, KEY, 1_000);
    await upload.write(new Uint8Array(1_000));
    expect(await failureOf(upload.write(new Uint8Array(1)))).toMatchObject({
      name: "BadBody",
      message: "A picture is over 1000 bytes.",
      tooLarge: true,
      field: undefined,
    });
    await upload.discard();
    expect(await stored()).toBeUndefined();
  });

  /** What fails, of how many bytes, how often a part is tried then, and how it fails. */
  const FAILURES: [what: string, size: number, tried: number, faults: Faults][] = [
    ["put", 1_000, 0, failing("put")],
    ["put that was done all the same", 1_000, 0, { made: lost }],
    ["createMultipartUpload", 3 * PART, 0, failing("createMultipartUpload")],
    ["uploadPart 1", 3 * PART, 1, failing("uploadPart", 1)],
    ["uploadPart 2", 3 * PART, 2, failing("uploadPart", 2)],
    ["the last uploadPart", 2 * PART + 7, 3, failing("uploadPart", 3)],
    ["complete", 2 * PART, 2, failing("complete")],
    ["complete that was done all the same", 2 * PART, 2, { made: lost }],
  ];

  it.each(FAILURES)("says what R2 said, and leaves nothing, where it fails at %s", async (_, size, tried, faults) => {
    const unhandled: unknown[] = [];
    const listen = (event: PromiseRejectionEvent) => void unhandled.push(event.reason);
    addEventListener("unhandledrejection", listen);
    const { bucket, steps } = watch(BUCKET, faults);
    for (const early of [false, true]) {
      steps.length = 0;
      const upload = new Upload(bucket, KEY, MAX);
      await fill(upload, new Uint8Array(size));
      if (early) upload.end();
      await pause(5);
      expect(await failureOf(upload.finish())).toMatchObject({ message: "R2: 10001" });
      expect(steps.filter((step) => step.startsWith("uploadPart"))).toHaveLength(tried);
      expect(steps.includes("abort")).toBe(tried > 0);
      expect(steps.filter((step) => step === "complete").length).toBeLessThanOrEqual(1);
      await upload.discard();
      expect(await stored()).toBeUndefined();
    }
    await pause(5);
    removeEventListener("unhandledrejection", listen);
    expect(unhandled).toEqual([]);
  });

  it("refuses an object that is not as long as what was sent", async () => {
    for (const size of [1_000, PART + 3]) {
      const short = () => ({ size: size - 1 });
      const { bucket } = watch(BUCKET, { made: short });
      const upload = new Upload(bucket, KEY, MAX);
      await fill(upload, new Uint8Array(size));
      expect(await failureOf(upload.finish())).toMatchObject({ message: `R2 holds ${size - 1} of ${size} bytes` });
      expect(await stored()).toBeUndefined();
    }
  });

  it("leaves nothing where it is discarded, at whatever moment", async () => {
    for (const size of [0, 10, BLOCK, PART, PART + 10, 2 * PART + 10]) {
      for (const moment of ["unfinished", "ended", "finished"]) {
        const { bucket, steps } = watch(BUCKET, { before: (step) => pause(step === "put" ? 10 : 1) });
        const upload = new Upload(bucket, KEY, MAX);
        await fill(upload, new Uint8Array(size));
        if (moment === "ended") upload.end();
        if (moment === "finished") await upload.finish();
        await upload.discard();
        await pause(15);
        expect([size, moment, await stored()]).toEqual([size, moment, undefined]);
        if (moment === "unfinished" && size > PART) expect(steps).toContain("abort");
        await upload.discard();
      }
    }
  });

  it("asks no more of R2 than it must to leave nothing", async () => {
    const { bucket, steps } = watch(BUCKET);
    const upload = new Upload(bucket, KEY, MAX);
    await fill(upload, new Uint8Array(PART));
    await upload.discard();
    expect(steps).toEqual([]);
  });

  it.each([
    ["fill", fill],
    ["write", write],
  ] as const)("holds two parts at most while R2 lags (%s)", async (_, way) => {
    let most = 0;
    class Measured extends Upload {
      override advance(bytes: number): void {
        super.advance(bytes);
        most = Math.max(most, this.bytes - parts.reduce((sum, part) => sum + part, 0));
      }
    }
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { bucket, parts } = watch(BUCKET, { before: () => gate.then(() => pause(30)) });
    const upload = new Measured(bucket, KEY, MAX);
    const bytes = noise(5 * PART + 11);
    const filling = way(upload, bytes);
    let before = -1;
    while (before < upload.bytes) {
      before = upload.bytes;
      await pause(50);
    }
    // R2 takes nothing at all: whoever fills waits.
    const held = upload.bytes;
    expect(held).toBeGreaterThan(PART);
    await pause(20);
    expect(upload.bytes).toBe(held);
    open();
    await filling;
    await upload.finish();
    expect(most).toBeLessThanOrEqual(2 * PART + 2 * BLOCK);
    expect(equal((await stored()) ?? new Uint8Array(), bytes)).toBe(true);
  });

  it("lets what R2 lags behind with never mix with another upload", async () => {
    const results = await Promise.all(
      [1, 2, 3].map(async (value) => {
        const key = `${KEY}/${value}`;
        const upload = new Upload(BUCKET, key, MAX);
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

  class Watching extends Upload {
    readonly seen: Uint8Array[] = [];
    readonly calls: string[] = [];

    protected override see(bytes: Uint8Array): void {
      this.seen.push(bytes.slice());
      if (this.calls.at(-1) !== "see") this.calls.push("see");
    }

    protected override verify(): void {
      this.calls.push("verify");
    }

    protected override describe(): R2PutOptions {
      this.calls.push("describe");
      return {};
    }
  }

  it.each(SIZES)("sees each of %i bytes once and in order, and then verifies them", async (size) => {
    const bytes = noise(size);
    for (const way of [fill, write]) {
      const upload = new Watching(BUCKET, KEY, MAX);
      await way(upload, bytes);
      await upload.finish();
      expect(equal(Buffer.concat(upload.seen), bytes)).toBe(true);
      expect(upload.seen.slice(0, -1).every(({ length }) => length === BLOCK)).toBe(true);
      expect(upload.calls.slice(-3)).toEqual(["see", "verify", "describe"]);
      expect(upload.calls.filter((call) => call === "verify")).toHaveLength(1);
    }
  });

  it.each(["see", "verify", "describe"] as const)("does not make what is refused by `%s`", async (step) => {
    class Refusing extends Upload {
      private count = 0;

      protected override see(): void {
        if (step === "see" && ++this.count === Math.max(1, Math.ceil(this.bytes / BLOCK)))
          throw this.refusal("is no good");
      }

      protected override verify(): void {
        if (step === "verify") throw this.refusal("is no good");
      }

      protected override describe(): R2PutOptions {
        if (step === "describe") throw this.refusal("is no good");
        return {};
      }
    }
    for (const size of [0, 10, BLOCK, BLOCK + 5, PART, PART + 1]) {
      const upload = new Refusing(BUCKET, KEY, MAX, "it");
      const making = fill(upload, new Uint8Array(size)).then(() => upload.finish());
      expect(await failureOf(making)).toMatchObject({ message: "it is no good.", field: "it", tooLarge: false });
      await upload.discard();
      expect(await stored()).toBeUndefined();
    }
  });
});

function failing(step: string, number = 0): Faults {
  return {
    before(name, part) {
      if (name === step && part === number) throw new Error("R2: 10001");
    },
  };
}

/** The object is there, its answer is not. */
function lost(): never {
  throw new Error("R2: 10001");
}
