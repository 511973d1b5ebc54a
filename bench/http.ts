import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** One request's head. */
export interface Head {
  method: string;
  path: string;
  /** A header's value, by its lower-case name. */
  header(name: string): string | undefined;
}

/** Receives a request's body and answers at its end. */
export interface BodyHandler {
  data?(chunk: Buffer): void;
  /** The answer: raw HTTP with its head, in pieces that never change. */
  end(): Buffer[];
}

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * A minimal HTTP/1.1 server, because node:http costs more CPU than the Worker that is measured. Bodies with a length or in
 * chunks, keep-alive, no pipelining. Resolves to the port on 127.0.0.1.
 */
export function serve(handle: (head: Head) => BodyHandler): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => serveConnection(socket, handle));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function serveConnection(socket: Socket, handle: (head: Head) => BodyHandler): void {
  let rest: Buffer | undefined;
  let handler: BodyHandler | undefined;
  /** Remaining bytes of the body, or of the current chunk with its line end. */
  let remaining = 0;
  let chunked = false;
  socket.on("error", () => undefined);
  socket.on("data", (received: Buffer) => {
    let bytes = rest === undefined ? received : Buffer.concat([rest, received]);
    rest = undefined;
    for (;;) {
      if (handler === undefined) {
        const end = bytes.indexOf(HEAD_END);
        if (end < 0) break;
        const head = parseHead(bytes.toString("latin1", 0, end));
        bytes = bytes.subarray(end + 4);
        handler = handle(head);
        chunked = head.header("transfer-encoding") !== undefined;
        remaining = Number(head.header("content-length") ?? 0);
      }
      if (chunked && remaining === 0) {
        const line = bytes.indexOf("\r\n");
        if (line < 0) break;
        const size = Number.parseInt(bytes.toString("latin1", 0, line), 16);
        if (size === 0 && bytes.length < line + 4) break;
        bytes = bytes.subarray(line + (size === 0 ? 4 : 2));
        remaining = size === 0 ? 0 : size + 2;
        if (size === 0) chunked = false;
      }
      const part = bytes.subarray(0, remaining);
      remaining -= part.length;
      bytes = bytes.subarray(part.length);
      if (part.length > 0)
        handler.data?.(chunked && remaining < 2 ? part.subarray(0, part.length - (2 - remaining)) : part);
      if (remaining > 0) return;
      if (chunked) continue;
      socket.cork();
      for (const piece of handler.end()) socket.write(piece);
      socket.uncork();
      handler = undefined;
      if (bytes.length === 0) return;
    }
    rest = bytes;
  });
}

function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { method, path, header: (name) => headers.get(name) };
}

/** A complete answer with a length. */
export function httpResponse(body: Buffer | string, headers = "content-type: application/json\r\n"): Buffer[] {
  const bytes = Buffer.from(body);
  const head = Buffer.from(`HTTP/1.1 200 OK\r\n${headers}content-length: ${bytes.length}\r\n\r\n`);
  // Small answers leave in one packet; large ones are not copied.
  return bytes.length < 16_384 ? [Buffer.concat([head, bytes])] : [head, bytes];
}
