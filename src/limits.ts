import { parseVarObject } from "./json.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Every limit of the gateway. The var `LIMITS`, a JSON object with these names, can change each of them. */
export const LIMITS = {
  /** A client's body, reference pictures included. Cloudflare's own limit is 100 MB on the free and pro plans. */
  requestBytes: 150 * MiB,
  /** The JSON of a client's body without its pictures. */
  requestJsonBytes: 1 * MiB,
  /** Time for a client's body to arrive completely. */
  requestMs: 120_000,
  /** Nesting of JSON, in requests and in vendors' responses. */
  jsonDepth: 64,
  promptChars: 32_000,
  /** Reference pictures in one request, and the bytes of each; the same as in OpenAI's document. */
  references: 16,
  referenceBytes: 50 * MiB,
  /** Pictures of one request (`n`). */
  pictures: 10,

  /** A vendor's response, decompressed, and its JSON without the pictures. */
  answerBytes: 256 * MiB,
  answerJsonBytes: 1 * MiB,
  /** A longer text in a response is dropped when the response is read (a pass-through still forwards it). */
  answerTextBytes: 64 * KiB,
  pictureBytes: 64 * MiB,
  /** Pictures in one response, drafts included. */
  answerPictures: 32,
  /** Bytes of a response held back while no picture has begun; beyond this the response is released to the client. */
  holdBytes: 256 * KiB,

  /** From dispatch to the vendor's headers: the connection and, at most vendors, the generation. */
  headersMs: 300_000,
  /** From the headers to the first byte of the body. */
  firstByteMs: 60_000,
  /** From dispatch to the last byte. */
  answerMs: 600_000,
  /** The download of one picture by URL, redirects included. */
  downloadMs: 120_000,
  redirects: 3,
  /** Longest pause in an event stream during a generation; then a keep-alive is sent. */
  streamQuietMs: 15_000,
  /** Time in which a client may read nothing before the remaining response is stored in R2 for it. */
  clientStallMs: 2_000,

  /** How long a request waits for a running generation with the same Idempotency-Key before a 409 with Retry-After. */
  idempotencyWaitMs: 2_000,
  /** Lifetime of an Idempotency-Key. */
  idempotencyMs: 24 * 60 * 60_000,
  /** How long a viewer waits for a picture whose generation another view has started. */
  signedWaitMs: 60_000,
  /** How long a signed URL returns the error of a failed generation before the next view tries again. */
  signedFailureMs: 60 * 60_000,
  /** Lease of a shared generation: heartbeats come at least this often; after that its runner counts as dead. */
  leaseMs: 30_000,

  /** Schedule ticks that the cron event of one minute starts: each takes about nine operations, 10,000 are allowed. */
  ticksPerEvent: 1_000,

  /** Token buckets, in requests per minute; the capacity of a bucket is the refill of one minute. */
  keyPerMinute: 300,
  globalPerMinute: 1_500,
  referencesPerMinute: 60,
  /** First views of signed URLs, each of which starts a generation. */
  signedPerMinute: 60,
};

export type Limits = typeof LIMITS;

/** Apply the var `LIMITS` to LIMITS. Throws on unknown names, and on values that are not integers of at least 1. */
export function parseLimits(text: string | undefined): Limits {
  if (text === undefined || text.trim() === "") return LIMITS;
  const changes = parseVarObject("LIMITS", text, 'an object, as in {"keyPerMinute":60}');
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(LIMITS, name))
      throw new Error(`LIMITS.${name} is no limit; there are: ${Object.keys(LIMITS).join(", ")}`);
    // All limits are counts. A bucket with the capacity of half a request would reject every request.
    if (!Number.isSafeInteger(value) || Number(value) < 1)
      throw new Error(`LIMITS.${name} must be a whole number, at least 1`);
  }
  return { ...LIMITS, ...changes };
}
