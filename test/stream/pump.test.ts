import { afterEach, describe, expect, it, vi } from "vitest";
import { BUCKET } from "../store/bucket.ts";
import { pump } from "../../src/stream/pump.ts";
import { chunks, Random } from "./random.ts";
import { equal, failureOf, pause, source } from "./streams.ts";

afterEach(() => void vi.restoreAllMocks());

const never = () => false;
const always = () => true;

async function pumpAll(body: ReadableStream<Uint8Array>, large: () => boolean): Promise<Uint8Array> {
  const seen: Uint8Array[] = [];
  await pump(body, {
    preferLargeReads: large,
    onChunk: async (chunk) => {
      await pause(0);
      seen.push(chunk.slice());
    },
  });
  return new Uint8Array(Buffer.concat(seen));
}

/** Return a stream to which `parts` are written one after the other. */
function pipedStream(parts: Uint8Array[]): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  void (async () => {
    for (const part of parts) await writer.write(part);
    await writer.close();
  })();
  return readable;
}

describe("pump", () => {
  it("pump delivers every byte of every kind of stream", async () => {
    const random = new Random(21);
    for (const size of [0, 1, 16_383, 16_384, 16_385, 700_001]) {
      const bytes = random.bytes(size);
      await BUCKET.put("pump", bytes);
      const kinds: Record<string, () => Promise<ReadableStream<Uint8Array>> | ReadableStream<Uint8Array>> = {
        response: () => new Response(bytes).body as ReadableStream<Uint8Array>,
        request: () =>
          new Request("https://easel.test", { method: "POST", body: bytes }).body as ReadableStream<Uint8Array>,
        "bytes stream": () => source(chunks(bytes, random)).stream,
        piped: () => pipedStream(chunks(bytes, 4_096)),
        object: async () => ((await BUCKET.get("pump")) as R2ObjectBody).body,
      };
      for (const [kind, open] of Object.entries(kinds)) {
        for (const large of [never, always]) {
          expect([kind, size, equal(await pumpAll(await open(), large), bytes)]).toEqual([kind, size, true]);
        }
      }
    }
    await BUCKET.delete("pump");
  });

  it("pump reads large chunks if they are preferred and arrive fast", async () => {
    // The chunks arrive fast on every machine, because no time passes.
    vi.spyOn(Date, "now").mockReturnValue(0);
    const sizes: number[] = [];
    const each = (chunk: Uint8Array) => void sizes.push(chunk.length);
    await pump(pipedStream(chunks(new Uint8Array(8 << 20), 65_536)), {
      onChunk: each,
      preferLargeReads: () => sizes.length > 0,
    });
    expect(sizes[0]).toBeLessThanOrEqual(16_384);
    expect(Math.max(...sizes)).toBeGreaterThan(100_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512 * 1024);
  });

  it("pump has delivered at least three quarters of the bytes when a fast stream pauses", async () => {
    for (const burst of [1_000, 50_000, 1_000_001, 3_000_000]) {
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      let delivered = 0;
      const pumping = pump(readable, {
        preferLargeReads: always,
        onChunk: (chunk) => void (delivered += chunk.length),
      });
      let written = 0;
      // A write that the reader has not read yet counts as arrived.
      for (const part of chunks(new Uint8Array(burst), 9_973)) {
        void writer.write(part);
        written += part.length;
        if (written % 3 === 0) await pause(0);
      }
      await vi.waitFor(() => expect(delivered).toBeGreaterThanOrEqual((burst * 3) / 4), 30_000);
      await writer.close();
      await pumping;
      expect(delivered).toBe(burst);
    }
  });

  it("pump delivers each byte of a slow stream as it arrives", async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    let delivered = 0;
    const pumping = pump(readable, {
      preferLargeReads: always,
      onChunk: (chunk) => void (delivered += chunk.length),
    });
    for (let n = 1; n <= 8; n++) {
      await writer.write(Uint8Array.of(n));
      await vi.waitFor(() => expect(delivered).toBe(n), 30_000);
    }
    await writer.close();
    await pumping;
  });

  it("an abort signal stops and cancels a stalled stream", async () => {
    const { stream, seen } = source([new Uint8Array(10)], "stall");
    const signal = abortedAfter(30);
    let delivered = 0;
    const pumping = pump(stream, {
      signal,
      preferLargeReads: never,
      onChunk: (chunk) => void (delivered += chunk.length),
    });
    expect(await failureOf(pumping)).toBeInstanceOf(RangeError);
    await pause(0);
    expect(seen.cancelled).toBeInstanceOf(RangeError);
    expect(delivered).toBe(10);

    const abortedBefore = source([new Uint8Array(10)], "stall");
    const aborted = pump(abortedBefore.stream, { signal, preferLargeReads: never, onChunk: () => undefined });
    expect(await failureOf(aborted)).toBeInstanceOf(RangeError);
    expect(abortedBefore.seen.cancelled).toBeInstanceOf(RangeError);

    const { readable } = new IdentityTransformStream();
    const stalled = pump(readable, { signal: abortedAfter(30), preferLargeReads: never, onChunk: () => undefined });
    expect(await failureOf(stalled)).toBeInstanceOf(RangeError);
  });

  it("an abort signal stops the pump while a chunk is processed", async () => {
    const { stream } = source([new Uint8Array(10)], "stall");
    const pumping = pump(stream, { signal: abortedAfter(10), preferLargeReads: never, onChunk: () => pause(40) });
    expect(await failureOf(pumping)).toBeInstanceOf(RangeError);
  });

  it("an abort signal after the end of the stream has no effect", async () => {
    const { stream, seen } = source([new Uint8Array(10)]);
    await pump(stream, { signal: abortedAfter(60), preferLargeReads: never, onChunk: () => undefined });
    await pause(80);
    expect(seen).toEqual({ pulled: 10, cancelled: undefined });
  });

  it("pump cancels the stream if a chunk is rejected, and passes on the error of a broken stream", async () => {
    for (const each of [
      () => {
        throw new RangeError("no more");
      },
      () => Promise.reject(new RangeError("no more")),
    ]) {
      const { stream, seen } = source(chunks(new Uint8Array(100_000), 100));
      expect(await failureOf(pump(stream, { onChunk: each, preferLargeReads: always }))).toBeInstanceOf(RangeError);
      await pause(0);
      expect(seen.cancelled).toBeInstanceOf(RangeError);
      expect(seen.pulled).toBeLessThan(100_000);
    }
    const broken = source([new Uint8Array(10)], "error").stream;
    expect(await failureOf(pump(broken, { onChunk: () => undefined, preferLargeReads: never }))).toMatchObject({
      message: "reset",
    });
  });

  it("pump never mixes the bytes of streams that are read at the same time", async () => {
    const values = [1, 2, 3, 4, 5, 6];
    const wrong = await Promise.all(
      values.map(async (value) => {
        let others = 0;
        const parts = chunks(new Uint8Array(1_500_000).fill(value), new Random(value));
        await pump(source(parts).stream, {
          preferLargeReads: () => value % 2 === 0,
          onChunk: async (chunk) => {
            await pause(value % 3);
            others += chunk.filter((byte) => byte !== value).length;
          },
        });
        return others;
      }),
    );
    expect(wrong).toEqual(values.map(() => 0));
  });
});

/** Return a signal that aborts after `ms`. */
function abortedAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new RangeError("too late")), ms);
  return controller.signal;
}
