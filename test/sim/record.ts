import type { IncomingMessage, ServerResponse } from "node:http";
import type { Json } from "./json.ts";

/** One request as a vendor got it, and what became of it. */
export interface Seen {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  /** The parsed body with each reference's base64 replaced by a ReferenceSeen; absent where it was no JSON. */
  body?: Json;
  /** Bytes of body that arrived. */
  rawBytes: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** Why it was refused, in the vendor's words; absent where it was fine. */
  refused?: string;
  /** Known fields that the model has no use for: LinkAI ignores them without a word. */
  ignored?: string[];
  /** The answer's; 0 until its headers went out. */
  status: number;
  /** Bytes of the answer's body handed to the socket. */
  sent: number;
  /** The other side closed the connection before it had sent its body or got the whole answer. */
  aborted: boolean;
  /** When the answer was over, either way; absent while it goes on. */
  endedAt?: number;
}

/** Starts the record of a request; its end is written when the connection tells. */
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
  // What the simulator itself cuts (reset, a body short of its length) destroys or ends the socket first.
  response.once("close", () => end(!response.writableFinished && !OWN_END.has(response)));
  return seen;
}

/** Answers that the simulator broke off on purpose. */
export const OWN_END = new WeakSet<ServerResponse>();

/** The whole body; what arrived is counted even where the rest never does. */
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
