import { connect } from "node:net";

/** The result of a load. */
export interface LoadResult {
  requests: number;
  /** Bytes of bodies. */
  bytes: number;
  seconds: number;
}

/** How much a body may differ from the expected length: its JSON and the lines between chunks. */
const tolerance = (expected: number) => 2_000 + expected / 100;
const TIMEOUT_MS = 60_000;

/**
 * Send `request` over `connections` keep-alive connections, one at a time each, until `atLeastMs` have passed and every
 * request is answered. Throws if an answer is not 200, or much shorter or longer than `expected` bytes.
 */
export async function runLoad(
  port: number,
  request: Buffer,
  connections: number,
  atLeastMs: number,
  expected: number,
): Promise<LoadResult> {
  const startedAt = performance.now();
  const results = await Promise.all(
    Array.from({ length: connections }, () =>
      runConnection(port, request, () => performance.now() - startedAt < atLeastMs, expected),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    requests: sum(results.map(({ requests }) => requests)),
    bytes: sum(results.map(({ bytes }) => bytes)),
    seconds,
  };
}

/** One connection's answers, read into one buffer and dropped, so that the client is not the bottleneck. */
function runConnection(
  port: number,
  request: Buffer,
  shouldContinue: () => boolean,
  expected: number,
): Promise<{ requests: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    let requests = 0;
    let bytes = 0;
    let reader = new AnswerReader();
    const onread = {
      buffer: Buffer.allocUnsafe(256 * 1024),
      callback: (length: number, buffer: Uint8Array) => {
        if (!reader.feed(buffer as Buffer, length)) return true;
        if (reader.status !== 200 || Math.abs(reader.bytes - expected) > tolerance(expected)) {
          fail(
            `an answer with status ${reader.status} and ${reader.bytes} instead of ${expected} bytes: ${reader.head}`,
          );
          return false;
        }
        requests++;
        bytes += reader.bytes;
        if (shouldContinue()) {
          reader = new AnswerReader();
          socket.write(request);
        } else {
          socket.destroy();
          resolve({ requests, bytes });
        }
        return true;
      },
    };
    const fail = (message: string) => {
      socket.destroy();
      reject(new Error(message));
    };
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread });
    socket.setTimeout(TIMEOUT_MS, () => fail("an answer took too long"));
    socket.on("error", reject);
    socket.on("end", () => fail(`the connection ended after ${reader.bytes} bytes`));
    socket.write(request);
  });
}

/** Finds the end of one answer; chunk lines are not parsed, only searched where a body ends. */
class AnswerReader {
  status = 0;
  bytes = 0;
  head = "";
  private length: number | undefined;
  private tail = "";

  /** True at the end of the answer. */
  feed(buffer: Buffer, length: number): boolean {
    let bodyStart = 0;
    if (this.status === 0) {
      this.head += buffer.toString("latin1", 0, length);
      const end = this.head.indexOf("\r\n\r\n");
      if (end < 0) return false;
      bodyStart = end + 4 - (this.head.length - length);
      this.head = this.head.slice(0, end);
      this.status = Number(this.head.slice(9, 12));
      const declared = /^content-length: (\d+)$/im.exec(this.head)?.[1];
      this.length = declared === undefined ? undefined : Number(declared);
    }
    this.bytes += length - bodyStart;
    if (this.length !== undefined) return this.bytes >= this.length;
    this.tail = (this.tail + buffer.toString("latin1", Math.max(bodyStart, length - 7), length)).slice(-7);
    return this.tail === "\r\n0\r\n\r\n";
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A request as raw HTTP. */
export function postRequest(path: string, body: unknown): Buffer {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: easel.test\r\nauthorization: Bearer admin\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  return Buffer.from(head + text);
}
