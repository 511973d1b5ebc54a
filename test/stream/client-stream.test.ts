import { describe, expect, it } from "vitest";
import { type Spill, ClientStream, type ClientStreamOptions } from "../../src/stream/client-stream.ts";
import { chunks, Random } from "./random.ts";
import { drain, equal, failureOf, pause, source } from "./streams.ts";

const STALL_MS = 40;

/** A spill in memory that records how it is used. */
class MemorySpill implements Spill {
  written: Uint8Array[] = [];
  replays = 0;
  discards = 0;
  broken = false;

  write(chunk: Uint8Array): void {
    this.written.push(chunk.slice());
  }

  replay(): Promise<ReadableStream<Uint8Array>> {
    this.replays++;
    if (this.broken) return Promise.reject(new Error("the spill is lost"));
    return Promise.resolve(source(this.written).stream);
  }

  discard(): Promise<void> {
    this.discards++;
    return Promise.resolve();
  }
}

function openClientStream(options: Partial<ClientStreamOptions> = {}) {
  const spills: MemorySpill[] = [];
  const spill = () => {
    const made = new MemorySpill();
    spills.push(made);
    return made;
  };
  const clientStream = new ClientStream({ holdBytes: 1_000, stallMs: STALL_MS, spill, ...options });
  return { clientStream, spills };
}

/** Write as the pump does: the memory is overwritten as soon as the write has resolved. */
async function writeAll(clientStream: ClientStream, parts: Uint8Array[]): Promise<void> {
  const memory = new Uint8Array(Math.max(...parts.map(({ length }) => length)));
  for (const part of parts) {
    memory.set(part);
    await clientStream.write(memory.subarray(0, part.length));
    memory.fill(0x2a);
  }
}

const settlesWithin = (promise: Promise<unknown>, ms = 20) =>
  Promise.race([promise.then(() => true), pause(ms).then(() => false)]);

/** Whether work that must settle does: true at once, false after 30 seconds. */
const settles = (promise: Promise<unknown>) => settlesWithin(promise, 30_000);

describe("ClientStream", () => {
  it("bytes are held back until a flush, then forwarded as they arrive", async () => {
    const { clientStream } = openClientStream();
    const reader = clientStream.readable.getReader();
    const first = reader.read();
    await writeAll(clientStream, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect([await settlesWithin(clientStream.started), await settlesWithin(first), clientStream.flushed]).toEqual([
      false,
      false,
      false,
    ]);
    clientStream.flush();
    clientStream.flush();
    expect([await settles(clientStream.started), clientStream.flushed]).toEqual([true, true]);
    expect([...((await first).value ?? [])]).toEqual([1, 2]);
    expect([...((await reader.read()).value ?? [])]).toEqual([3]);
    await writeAll(clientStream, [Uint8Array.of(4)]);
    expect([...((await reader.read()).value ?? [])]).toEqual([4]);
    const closing = clientStream.close();
    expect((await reader.read()).done).toBe(true);
    await closing;
  });

  it("more bytes than holdBytes are released without a flush", async () => {
    const { clientStream } = openClientStream({ holdBytes: 10 });
    await writeAll(clientStream, [new Uint8Array(10)]);
    expect(clientStream.flushed).toBe(false);
    await writeAll(clientStream, [new Uint8Array(1)]);
    expect(clientStream.flushed).toBe(true);
    const [bytes] = await Promise.all([drain(clientStream.readable), clientStream.close()]);
    expect(bytes.length).toBe(11);
  });

  it("a client that keeps up gets every byte, from reused memory and without a spill", async () => {
    const { clientStream, spills } = openClientStream({ stallMs: 30_000 });
    const bytes = new Random(31).bytes(2_000_000);
    const reading = drain(clientStream.readable);
    await writeAll(clientStream, chunks(bytes, 70_001));
    await clientStream.close();
    expect(equal(await reading, bytes)).toBe(true);
    expect(spills).toHaveLength(0);
  });

  it("close releases the bytes that are still held back", async () => {
    const { clientStream } = openClientStream();
    await writeAll(clientStream, [Uint8Array.of(1, 2, 3)]);
    const closing = clientStream.close();
    expect(await settles(clientStream.started)).toBe(true);
    expect([...(await drain(clientStream.readable))]).toEqual([1, 2, 3]);
    await closing;
  });

  it("close resolves only when the client has read everything", async () => {
    const { clientStream } = openClientStream();
    await writeAll(clientStream, [new Uint8Array(500)]);
    clientStream.flush();
    const closing = clientStream.close();
    expect(await settlesWithin(closing)).toBe(false);
    await drain(clientStream.readable);
    expect(await settles(closing)).toBe(true);
  });

  it("a client can disconnect at any moment without an error", async () => {
    for (const moment of ["held", "flowing", "stalled"]) {
      const { clientStream, spills } = openClientStream();
      await writeAll(clientStream, [new Uint8Array(500)]);
      if (moment !== "held") clientStream.flush();
      if (moment === "stalled") await writeAll(clientStream, [new Uint8Array(500), new Uint8Array(500)]);
      await clientStream.readable.cancel(new Error("gone"));
      await pause(0);
      const before = spills[0]?.written.length ?? 0;
      const writing = writeAll(clientStream, chunks(new Uint8Array(100_000), 1_000));
      const done = [await settles(writing), await settles(clientStream.close())];
      const after = {
        more: (spills[0]?.written.length ?? 0) - before,
        discards: spills.map(({ discards }) => discards),
      };
      expect([moment, done, after]).toEqual([
        moment,
        [true, true],
        { more: 0, discards: moment === "stalled" ? [1] : [] },
      ]);
    }
  });

  it("the spill is not read before the client reads", async () => {
    const { clientStream, spills } = openClientStream();
    clientStream.flush();
    await writeAll(clientStream, [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)]);
    const closing = clientStream.close();
    expect(await settlesWithin(closing)).toBe(false);
    await clientStream.readable.cancel(new Error("gone"));
    expect(await settles(closing)).toBe(true);
    expect(spills[0]).toMatchObject({ replays: 0, discards: 1 });
  });

  it("a stalled client is awaited once, then gets the remaining bytes exactly from the spill", async () => {
    const { clientStream, spills } = openClientStream();
    const bytes = new Random(32).bytes(300_000);
    const parts = chunks(bytes, 1_000);
    const reader = clientStream.readable.getReader();
    const taken: Uint8Array[] = [];
    const take = async () => {
      const { done, value } = await reader.read();
      if (value !== undefined) taken.push(value);
      return done;
    };
    clientStream.flush();
    const writing = writeAll(clientStream, parts);
    for (let n = 0; n < 20; n++) await take();
    // From here on the client reads nothing.
    expect(await settles(writing)).toBe(true);
    expect(spills).toHaveLength(1);
    expect(spills[0]?.written.length).toBeGreaterThan(270);
    const closing = clientStream.close();
    await pause(STALL_MS);
    expect(spills[0]?.discards).toBe(0);
    for (;;) if (await take()) break;
    await closing;
    expect(equal(new Uint8Array(Buffer.concat(taken)), bytes)).toBe(true);
    expect(spills[0]).toMatchObject({ replays: 1, discards: 1 });
  });

  it("an aborted stream breaks off, it never ends normally", async () => {
    for (const stalls of [false, true]) {
      const { clientStream, spills } = openClientStream();
      clientStream.flush();
      await writeAll(
        clientStream,
        stalls ? [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)] : [new Uint8Array(5)],
      );
      const aborting = clientStream.abort();
      await failureOf(drain(clientStream.readable));
      await aborting;
      expect(spills.map(({ discards }) => discards)).toEqual(stalls ? [1] : []);
    }
  });

  it("a stream breaks off if its spill is lost", async () => {
    const { clientStream, spills } = openClientStream();
    clientStream.flush();
    await writeAll(clientStream, [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)]);
    (spills[0] as MemorySpill).broken = true;
    const reading = failureOf(drain(clientStream.readable));
    expect(await settles(clientStream.close())).toBe(true);
    await reading;
    expect(spills[0]).toMatchObject({ replays: 1, discards: 1 });
  });
});
