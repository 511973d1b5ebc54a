import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody, startRecord } from "./record.ts";
import type { Seen } from "./record.ts";

/** A simulated vendor: the requests that it has received, and the script of its next responses. */
export interface Sim<Behaviour> {
  /** `http://127.0.0.1:PORT`, without a path. */
  origin: string;
  /** `127.0.0.1:PORT`, as in TRUSTED_HOSTS. */
  host: string;
  /** Every request, in order of arrival. */
  seen: Seen[];
  /** Script the next valid requests, one behaviour each; then `always` or a success. A rejected request uses none. */
  next(...behaviours: Behaviour[]): void;
  always(behaviour: Behaviour | undefined): void;
  /** Resolves when every response has ended; rejects after `timeoutMs` (60 s). */
  settled(timeoutMs?: number): Promise<void>;
  /** Delete the recorded requests and the script. */
  reset(): void;
  /** Close every connection. */
  stop(): Promise<void>;
}

/** The input of a vendor's handler: the record, the body as bytes, the script. */
export interface Exchange<Behaviour> {
  request: IncomingMessage;
  response: ServerResponse;
  seen: Seen;
  body: Buffer;
  /** Take the next behaviour from the script. */
  behaviour: () => Partial<Behaviour>;
}

/** Serve `handle` on a free port of 127.0.0.1. Requests whose body broke off are recorded, but not handled. */
export async function serve<Behaviour extends object>(
  handle: (exchange: Exchange<Behaviour>) => Promise<void>,
  address = "127.0.0.1",
): Promise<Sim<Behaviour>> {
  const seen: Seen[] = [];
  const script: Behaviour[] = [];
  let fallback: Behaviour | undefined;

  const server = createServer((request, response) => {
    response.socket?.setNoDelay(true);
    const entry = startRecord(request, response);
    seen.push(entry);
    const behaviour = (): Partial<Behaviour> => script.shift() ?? fallback ?? {};
    const run = async (): Promise<void> => {
      const body = await readBody(request, entry);
      if (body !== undefined) await handle({ request, response, seen: entry, body, behaviour });
    };
    run().catch((error: unknown) => {
      entry.refused = `simulator failed: ${String(error)}`;
      if (!response.headersSent) response.writeHead(599);
      response.end(entry.refused);
    });
  });
  // Tests need slow responses, so the server has no time limit.
  server.requestTimeout = 0;
  // The Worker could use an idle connection in the moment in which it is closed.
  server.keepAliveTimeout = 0;
  server.listen(0, address);
  await new Promise((resolve) => server.once("listening", resolve));
  const host = `${address}:${(server.address() as AddressInfo).port}`;

  return {
    origin: `http://${host}`,
    host,
    seen,
    next: (...behaviours) => void script.push(...behaviours),
    always: (behaviour) => void (fallback = behaviour),
    settled: (timeoutMs = 60_000) => until(() => seen.every((entry) => entry.endedAt !== undefined), timeoutMs),
    reset: () => {
      seen.length = 0;
      script.length = 0;
      fallback = undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Poll `done` every 10 ms; rejects after `timeoutMs`. */
export async function until(done: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`still not so after ${timeoutMs} ms: ${done.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
