/** Create a byte stream that delivers these chunks on demand; `seen` records how it was read. */
export function source(parts: Iterable<Uint8Array>, end: "close" | "error" | "stall" = "close") {
  const iterator = parts[Symbol.iterator]();
  const seen = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController) {
      const { done, value } = iterator.next();
      if (done !== true) {
        seen.pulled += value.length;
        controller.enqueue(value.slice());
        return undefined;
      }
      if (end === "stall") return new Promise(() => undefined);
      if (end === "error") {
        controller.error(new Error("reset"));
        return undefined;
      }
      controller.close();
      // Required to end a pending BYOB read.
      controller.byobRequest?.respond(0);
      return undefined;
    },
    cancel(reason: unknown) {
      seen.cancelled = reason;
    },
  });
  return { stream, seen };
}

/** Read all bytes of a stream. */
export async function drain(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Wait, to let other tasks run. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Return the error that `work` throws. Fails if it throws none within 30 seconds. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("nothing thrown");
  const thrown = await Promise.race([
    work.then(
      () => nothing,
      (error: unknown) => error,
    ),
    pause(30_000).then(() => nothing),
  ]);
  if (thrown === nothing) throw new Error("it did not fail");
  return thrown;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
