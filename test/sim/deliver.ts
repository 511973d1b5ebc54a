import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeBody } from "./content-encoding.ts";
import type { ContentEncoding } from "./content-encoding.ts";
import { OWN_END } from "./record.ts";

/** The transport of a response, with all failures below JSON. */
export interface Delivery {
  status?: number;
  /** Added to the response's own headers, in lower case; they override them. */
  headers?: Record<string, string>;
  encoding?: ContentEncoding;
  /** Bytes per write; 64 KiB by default. */
  chunk?: number;
  /** The pause between two writes. */
  pauseMs?: number;
  /** Wait for this promise between two writes, after `pauseMs`. */
  between?: Promise<unknown>;
  /** The delay before the headers. */
  delayMs?: number;
  /** Before the headers, after `delayMs`: wait for it, so that the test decides when the answer comes. */
  after?: Promise<unknown>;
  /** `none`, the default, is chunked; the wrong lengths are off by 1,000 bytes, or by half of a smaller body. */
  contentLength?: "exact" | "too-long" | "too-short" | "none";
  /** Neither length nor chunks: the body ends with the connection. */
  closeDelimited?: boolean;
  /** RST, before any header or after this many bytes of the body. */
  reset?: "before-headers" | number;
  /** A clean end after this many bytes of the body (counted from its end if negative). */
  cutAt?: number;
  /** With `cutAt` and chunks: the connection ends without the last, empty chunk. */
  noLastChunk?: boolean;
  /** No headers at all: the connection stays open until the other side closes it. */
  hang?: boolean;
  /** Headers at once, then one byte per second. */
  drip?: boolean;
}

/** The progress of a response, for the record. */
export interface Delivered {
  status: number;
  /** Bytes of the body written to the socket, content-encoding included. */
  sent: number;
}

/** Write one response as scripted. Ends early, without an error, if the other side has closed the connection. */
export async function deliver(
  response: ServerResponse,
  body: Buffer,
  type: string,
  how: Delivery,
  report: (progress: Delivered) => void,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  if (how.hang) return;
  if (how.delayMs !== undefined && !(await pause(how.delayMs, gone.signal))) return;
  if (how.after !== undefined && !(await settlesFirst(how.after, gone.signal))) return;
  if (how.reset === "before-headers") return breakConnection(response, "reset");

  const status = how.status ?? 200;
  const packed = how.encoding === undefined ? undefined : encodeBody(body, how.encoding);
  const fullBody = packed?.bytes ?? body;
  const bytes = how.cutAt === undefined ? fullBody : fullBody.subarray(0, how.cutAt);
  head(response, fullBody.length, status, how, {
    "content-type": type,
    ...encodingHeader(packed?.name),
    ...how.headers,
  });
  report({ status, sent: 0 });

  const end = typeof how.reset === "number" ? Math.min(how.reset, bytes.length) : bytes.length;
  const step = how.drip ? 1 : (how.chunk ?? 65_536);
  const pauseMs = how.drip ? 1_000 : how.pauseMs;
  for (let at = 0; at < end && !gone.signal.aborted; at += step) {
    const part = bytes.subarray(at, Math.min(at + step, end));
    if (!response.write(part)) await untilDrained(response, gone.signal);
    report({ status, sent: at + part.length });
    if (pauseMs !== undefined && !(await pause(pauseMs, gone.signal))) return;
    if (how.between !== undefined && !(await settlesFirst(how.between, gone.signal))) return;
  }
  if (gone.signal.aborted) return;
  if (typeof how.reset === "number") {
    // Written bytes must leave the socket first, or the reset overtakes them.
    await pause(20, gone.signal);
    return breakConnection(response, "reset");
  }
  // A body that is shorter than announced: only the end of the connection can show it.
  const short = how.contentLength === "too-long" || (how.contentLength === "exact" && bytes.length < fullBody.length);
  if (short || how.noLastChunk) return breakConnection(response, "end");
  response.end();
}

function head(
  response: ServerResponse,
  length: number,
  status: number,
  how: Delivery,
  headers: Record<string, string>,
): void {
  const off = Math.min(1_000, length >> 1);
  const lengths = { exact: length, "too-long": length + off, "too-short": length - off, none: undefined };
  const announced = how.closeDelimited ? undefined : lengths[how.contentLength ?? "none"];
  if (how.closeDelimited || announced !== undefined) response.useChunkedEncodingByDefault = false;
  if (announced !== undefined && how.contentLength !== "exact") response.shouldKeepAlive = false;
  if (how.closeDelimited) response.shouldKeepAlive = false;
  response.writeHead(status, { ...headers, ...(announced !== undefined && { "content-length": announced }) });
  response.flushHeaders();
}

function breakConnection(response: ServerResponse, how: "reset" | "end"): void {
  OWN_END.add(response);
  if (how === "reset") response.socket?.resetAndDestroy();
  else response.socket?.end();
}

function encodingHeader(name: string | undefined): Record<string, string> {
  return name === undefined ? {} : { "content-encoding": name };
}

/** Wait for `ms`; resolves to false if the connection ended first. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

/** Wait for a promise; false if the connection ends first. */
function settlesFirst(promise: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    void promise.then(() => resolve(true));
    signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

function untilDrained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    response.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
