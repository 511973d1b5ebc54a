import type { IncomingMessage, ServerResponse } from "node:http";
import type { Json } from "./json.ts";

/** One request as a vendor received it, and its outcome. */
export interface Seen {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  /** The parsed body with each reference's base64 replaced by a ReferenceSeen; absent if it was not JSON. */
  body?: Json;
  /** Received bytes of the body. */
  rawBytes: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** The vendor's message if it rejected the request. */
  refused?: string;
  /** Known fields that the model does not have: LinkAI ignores them silently. */
  ignored?: string[];
  /** The response's status; 0 until its headers are sent. */
  status: number;
  /** Bytes of the response's body written to the socket. */
  sent: number;
  /** True if the other side closed the connection before it had sent its body or received the whole response. */
  aborted: boolean;
  /** The time at which the response ended, completely or not; absent until then. */
  endedAt?: number;
}

/** Start the record of a request; its end is set when the response finishes or the connection closes. */
export function startRecord(request: IncomingMessage, response: ServerResponse): Seen {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  const seen: Seen = {
    method: request.method ?? "",
    path: request.url ?? "",
    headers,
    rawBytes: 0,
    at: Date.now(),
    status: 0,
    sent: 0,
    aborted: false,
  };
  const end = (aborted: boolean): void => {
    if (seen.endedAt !== undefined) return;
    seen.endedAt = Date.now();
    seen.aborted = aborted;
  };
  response.once("finish", () => end(false));
  // If the simulator itself breaks off (a reset, or a body that is too short), it destroys or ends the socket first.
  response.once("close", () => end(!response.writableFinished && !OWN_END.has(response)));
  return seen;
}

/** Responses that the simulator broke off on purpose. */
export const OWN_END = new WeakSet<ServerResponse>();

/** Read the whole body; undefined if it broke off. Received bytes are counted in either case. */
export async function readBody(request: IncomingMessage, seen: Seen): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) {
      const bytes = part as Buffer;
      seen.rawBytes += bytes.length;
      parts.push(bytes);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(parts);
}
