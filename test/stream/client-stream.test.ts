import { describe, expect, it } from "vitest";
import { type Spill, ClientStream, type ClientStreamOptions } from "../../src/stream/client-stream.ts";
import { chunks, Random } from "./random.ts";
import { drain, equal, failureOf, pause, source } from "./streams.ts";

const STALL_MS = 40;

/** A spill in memory that notes what became of it. */
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

function tapped(options: Partial<ClientStreamOptions> = {}) {
  const spills: MemorySpill[] = [];
  const spill = () => {
    const made = new MemorySpill();
    spills.push(made);
    return made;
  };
  const tap = new ClientStream({ holdBytes: 1_000, stallMs: STALL_MS, spill, ...options });
  return { tap, spills };
}

/** Writes as the pump does: from memory that is another chunk's as soon as the write is done. */
async function write(tap: ClientStream, parts: Uint8Array[]): Promise<void> {
  const memory = new Uint8Array(Math.max(...parts.map(({ length }) => length)));
  for (const part of parts) {
    memory.set(part);
    await tap.write(memory.subarray(0, part.length));
    memory.fill(0x2a);
  }
}

const settled = (promise: Promise<unknown>, ms = 20) =>
  Promise.race([promise.then(() => true), pause(ms).then(() => false)]);

/** True as soon as it is done; false if it hangs. */
const done = (promise: Promise<unknown>) => settled(promise, 30_000);

describe("Tap", () => {
  it("holds bytes back until they are let go, then passes them on as they come", async () => {
    const { tap } = tapped();
    const reader = tap.readable.getReader();
    const first = reader.read();
    await write(tap, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect([await settled(tap.started), await settled(first), tap.flushed]).toEqual([false, false, false]);
    tap.flush();
    tap.flush();
    expect([await done(tap.started), tap.flushed]).toEqual([true, true]);
    expect([...((await first).value ?? [])]).toEqual([1, 2]);
    expect([...((await reader.read()).value ?? [])]).toEqual([3]);
    await write(tap, [Uint8Array.of(4)]);
    expect([...((await reader.read()).value ?? [])]).toEqual([4]);
    const closing = tap.close();
    expect((await reader.read()).done).toBe(true);
    await closing;
  });

  it("lets go by itself of more than it may hold", async () => {
    const { tap } = tapped({ holdBytes: 10 });
    await write(tap, [new Uint8Array(10)]);
    expect(tap.flushed).toBe(false);
    await write(tap, [new Uint8Array(1)]);
    expect(tap.flushed).toBe(true);
    const [bytes] = await Promise.all([drain(tap.readable), tap.close()]);
    expect(bytes.length).toBe(11);
  });

  it("gives a client that keeps up every byte, from memory that is used again, and sets nothing aside", async () => {
    const { tap, spills } = tapped({ stallMs: 30_000 });
    const bytes = new Random(31).bytes(2_000_000);
    const reading = drain(tap.readable);
    await write(tap, chunks(bytes, 70_001));
    await tap.close();
    expect(equal(await reading, bytes)).toBe(true);
    expect(spills).toHaveLength(0);
  });

  it("lets go at its end of what it still holds", async () => {
    const { tap } = tapped();
    await write(tap, [Uint8Array.of(1, 2, 3)]);
    const closing = tap.close();
    expect(await done(tap.started)).toBe(true);
    expect([...(await drain(tap.readable))]).toEqual([1, 2, 3]);
    await closing;
  });

  it("is done only when the client has taken everything", async () => {
    const { tap } = tapped();
    await write(tap, [new Uint8Array(500)]);
    tap.flush();
    const closing = tap.close();
    expect(await settled(closing)).toBe(false);
    await drain(tap.readable);
    expect(await done(closing)).toBe(true);
  });

  it("forgets a client that left, at whatever moment", async () => {
    for (const moment of ["held", "flowing", "stalled"]) {
      const { tap, spills } = tapped();
      await write(tap, [new Uint8Array(500)]);
      if (moment !== "held") tap.flush();
      if (moment === "stalled") await write(tap, [new Uint8Array(500), new Uint8Array(500)]);
      await tap.readable.cancel(new Error("gone"));
      await pause(0);
      const before = spills[0]?.written.length ?? 0;
      const writing = write(tap, chunks(new Uint8Array(100_000), 1_000));
      const ended = [await done(writing), await done(tap.close())];
      const after = {
        more: (spills[0]?.written.length ?? 0) - before,
        discards: spills.map(({ discards }) => discards),
      };
      expect([moment, ended, after]).toEqual([
        moment,
        [true, true],
        { more: 0, discards: moment === "stalled" ? [1] : [] },
      ]);
    }
  });

  it("does not fetch what was set aside before the client wants it", async () => {
    const { tap, spills } = tapped();
    tap.flush();
    await write(tap, [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)]);
    const closing = tap.close();
    expect(await settled(closing)).toBe(false);
    await tap.readable.cancel(new Error("gone"));
    expect(await done(closing)).toBe(true);
    expect(spills[0]).toMatchObject({ replays: 0, discards: 1 });
  });

  it("sets aside what a stalled client does not take, waits for it once, and continues to the byte", async () => {
    const { tap, spills } = tapped();
    const bytes = new Random(32).bytes(300_000);
    const parts = chunks(bytes, 1_000);
    const reader = tap.readable.getReader();
    const taken: Uint8Array[] = [];
    const take = async () => {
      const { done, value } = await reader.read();
      if (value !== undefined) taken.push(value);
      return done;
    };
    tap.flush();
    const writing = write(tap, parts);
    for (let n = 0; n < 20; n++) await take();
    // From here on it takes nothing.
    expect(await done(writing)).toBe(true);
    expect(spills).toHaveLength(1);
    expect(spills[0]?.written.length).toBeGreaterThan(270);
    const closing = tap.close();
    await pause(STALL_MS);
    expect(spills[0]?.discards).toBe(0);
    for (;;) if (await take()) break;
    await closing;
    expect(equal(new Uint8Array(Buffer.concat(taken)), bytes)).toBe(true);
    expect(spills[0]).toMatchObject({ replays: 1, discards: 1 });
  });

  it("breaks the stream off, never ends it, where the vendor's broke", async () => {
    for (const stalls of [false, true]) {
      const { tap, spills } = tapped();
      tap.flush();
      await write(tap, stalls ? [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)] : [new Uint8Array(5)]);
      const aborting = tap.abort();
      await failureOf(drain(tap.readable));
      await aborting;
      expect(spills.map(({ discards }) => discards)).toEqual(stalls ? [1] : []);
    }
  });

  it("breaks the stream off where what was set aside is lost", async () => {
    const { tap, spills } = tapped();
    tap.flush();
    await write(tap, [new Uint8Array(5), new Uint8Array(5), new Uint8Array(5)]);
    (spills[0] as MemorySpill).broken = true;
    const reading = failureOf(drain(tap.readable));
    expect(await done(tap.close())).toBe(true);
    await reading;
    expect(spills[0]).toMatchObject({ replays: 1, discards: 1 });
  });
});
